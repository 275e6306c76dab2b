"""A page that shows measurements of its own server: an ASGI application without a framework.

`make run` serves it by `vitok serve app:app --app-dir examples/page`. Any ASGI server can run it; page.html, page.css
and page.js are what a browser gets.
"""

import html
import json
from pathlib import Path
from urllib.parse import parse_qs

from measures import Measures
from streams import Receive, Scope, Send, lines_of, stream

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
FILES = {f"/{path.name}": path for path in Path(__file__).parent.iterdir() if path.suffix in TYPES}
FORM_BYTES_AT_MOST = 64 * 1024  # More than any name has.
measures = Measures()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request."""
    assert scope["type"] == "http", "there is nothing to start and nothing to end"
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


async def respond(send: Send, body: bytes, *, kind: str = "text/plain", status: int = 200) -> None:
    """Send a whole response. Its policy keeps a browser from running anything but files of this server."""
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"content-length", b"%d" % len(body))]
    headers.append((b"content-security-policy", b"default-src 'self'; img-src data:"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_form(receive: Receive, send: Send) -> None:
    """Greet the person who filled in the form; the name is text, whatever it contains."""
    body, is_complete = b"", False
    while not is_complete and len(body) <= FORM_BYTES_AT_MOST:
        message = await receive()
        body, is_complete = body + message.get("body", b""), not message.get("more_body")
    if not is_complete or len(body) > FORM_BYTES_AT_MOST:
        return await respond(send, b"The form is too long.", status=413)
    name = parse_qs(body.decode(errors="replace")).get("name", ["stranger"])[0]
    return await respond(send, f"<p>Good day, <b>{html.escape(name)}</b>.</p>".encode(), kind="text/html")
