"""A page that shows measurements of its own server: an ASGI application without a framework.

`make run` serves it by `vitok serve app:app --app-dir examples/page`. Any ASGI server can run it; page.html, page.css
and page.js are what a browser gets.
"""

import json
from pathlib import Path

from answers import answer_form, respond
from measures import Measures
from streams import Receive, Scope, Send, lines_of, stream
from wall import Wall

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
FILES = {f"/{path.name}": path for path in Path(__file__).parent.iterdir() if path.suffix in TYPES}
measures = Measures()
wall = Wall()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, or serve one WebSocket."""
    assert scope["type"] != "lifespan", "there is nothing to start and nothing to end"
    if scope["type"] == "websocket":
        return await answer_socket(scope, receive, send)
    path = "/page.html" if scope["path"] == "/" else scope["path"]
    with measures.request(scope["client"]):
        if path in FILES:
            await respond(send, FILES[path].read_bytes(), kind=TYPES[FILES[path].suffix])
        elif path == "/json":
            await respond(send, json.dumps(measures.counts()).encode(), kind="application/json")
        elif (path, scope["method"]) == ("/form", "POST"):
            await answer_form(receive, send)
        elif path == "/lines":
            await stream(receive, send, lines_of(5), kind="text/plain")
        elif path == "/live":
            await stream(receive, send, measures.live(), kind="text/event-stream")
        else:
            await respond(send, b"There is no such page.", status=404)
    return None


async def answer_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Let a page of this site at the wall; a page of another site, which its browser names, gets 403."""
    await receive()
    fields = dict(scope["headers"])
    site = fields.get(b"origin", b"").partition(b"://")[2]
    if scope["path"] == "/wall" and site == fields.get(b"host"):
        await wall.serve(receive, send)
    else:
        await send({"type": "websocket.close"})
