"""A native application for the tests that run it in every way: a route for each thing that a handler can do."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from vitok.http import App, HTTPError, Request, Response, WebSocket

FOLDER = Path(__file__).resolve().parent
seen: list[str] = []
"""What handlers have noticed, for tests in the same process."""


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[dict[str, Any]]:
    """Keep a state for requests."""
    seen.append("started")
    yield {"answer": 42}
    seen.append("ended")


app = App(lifespan=lifespan, max_body=1000)
api = App()


async def old(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that is mounted."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": f"{scope['root_path']} {scope['path']}"})
        await send({"type": "websocket.close"})
        return
    text = f"{scope['method']} {scope['root_path']} {scope['path']} {scope.get('path_params')}"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text.encode()})


@app.middleware
async def outer(request: Request, call_next: Any) -> Response:
    """Mark responses, and stop some requests."""
    if request.query.get("stop"):
        return Response("stopped", 418)
    response: Response = await call_next(request)
    response.headers["x-outer"] = str(response.status)
    return response


@app.before
def before(request: Request) -> Response | None:
    """Answer some requests before their handler."""
    return Response("before", 200) if request.headers.get("x-before") else None


@app.after
async def after(request: Request, response: Response) -> None:
    """Mark responses."""
    response.headers["x-after"] = request.method


@app.exception_handler(LookupError)
def not_there(request: Request, error: LookupError) -> tuple[str, int]:
    """Turn an exception into a response."""
    return f"{type(error).__name__} {error}", 404


@app.get("/")
def index(request: Request) -> str:
    """Return text."""
    return "Hällo"


@app.get("/later")
async def later(request: Request) -> str:
    """Return text after a turn of the loop."""
    await asyncio.sleep(0)
    return "later"


@app.get("/blocking", blocking=True)
def blocking(request: Request) -> str:
    """Return text from the pool."""
    return "blocking"


@app.get("/bytes")
def some_bytes(request: Request) -> bytes:
    """Return bytes."""
    return b"\x00\xff"


@app.route("/json", methods=["GET", "PUT"])
def some_json(request: Request) -> dict[str, object]:
    """Return JSON."""
    return {"ä": [1, None, 2.5, True]}


@app.get("/list")
def some_list(request: Request) -> tuple[list[int], int, dict[str, str]]:
    """Return a list with a status and fields."""
    return [1, 2], 202, {"X-One": "1"}


@dataclasses.dataclass
class Point:
    """A point."""

    x: int
    y: int


@app.get("/point")
def point(request: Request) -> Point:
    """Return a dataclass."""
    return Point(1, 2)


@app.get("/none")
def nothing(request: Request) -> None:
    """Return nothing."""


@app.get("/wrong")
def wrong(request: Request) -> Any:
    """Return what is no response."""
    return object()


@app.get("/users/{id:int}", name="user")
def user(request: Request) -> dict[str, Any]:
    """Tell what the path has."""
    return {"id": request.path_params["id"], "path": app.url_for("user", id=4)}


@app.get("/users/{name}")
def user_by_name(request: Request) -> str:
    """Return a parameter."""
    return f"name {request.path_params['name']}"


@app.get("/rest/{rest:path}")
def rest(request: Request) -> str:
    """Return the rest of the path."""
    return str(request.path_params["rest"])


@app.get("/head")
def heads(request: Request) -> dict[str, Any]:
    """Tell what the head of the request has."""
    return {
        "method": request.method,
        "path": request.path,
        "raw_path": request.raw_path.decode(),
        "query": request.query_string.decode(),
        "values": list(request.query.items()),
        "all": request.query.get_all("a"),
        "header": request.headers.get("X-Some"),
        "cookies": dict(request.cookies),
        "host": request.host,
        "scheme": request.scheme,
        "version": request.http_version,
        "url": str(request.url),
        "answer": request.state["answer"],
        "client": request.client[0] if request.client else None,
        "route": request.route.pattern if request.route else None,
    }


@app.get("/state")
def state(request: Request) -> list[str]:
    """Add to the state, which is of one request."""
    found = sorted(request.state)
    request.state["more"] = 1
    return found


@app.post("/read")
def read(request: Request) -> dict[str, Any]:
    """Read content in a plain function."""
    return {"content": request.read().decode(), "length": request.content_length, "type": request.content_type}


@app.post("/body")
async def body(request: Request) -> bytes:
    """Return the content."""
    return await request.body()


@app.post("/echo-json")
async def echo_json(request: Request) -> Any:
    """Return JSON."""
    return {"value": await request.json()}


@app.post("/form")
async def form(request: Request) -> Any:
    """Tell what a form has."""
    found = await request.form()
    return {"title": found.get_text("title"), "all": found.get_all("tag")}


@app.post("/upload")
async def upload(request: Request) -> Any:
    """Tell what a file has."""
    found = await request.form()
    file = found.get_file("file")
    assert file is not None
    return {"name": file.filename, "type": file.content_type, "content": (await file.read()).decode()}


@app.post("/parts")
async def parts(request: Request) -> int:
    """Count the content without keeping it."""
    count = 0
    async for part in request.stream():
        count += len(part)
    return count


@app.get("/cookie")
def cookie(request: Request) -> Response:
    """Set a cookie, and repeat a field."""
    response = Response.text("cookie")
    response.set_cookie("session", "one", path="/", httponly=True)
    response.set_cookie("other", "two")
    return response


@app.get("/redirect")
def redirect(request: Request) -> Response:
    """Redirect."""
    return Response.redirect("/later")


@app.get("/html")
def html(request: Request) -> Response:
    """Return HTML."""
    return Response.html("<p>ä</p>")


@app.get("/file")
def file(request: Request) -> Response:
    """Return a small file."""
    return Response.file(FOLDER / "everywhere.txt")


@app.get("/download")
def download(request: Request) -> Response:
    """Return a file under another name."""
    return Response.file(FOLDER / "everywhere.txt", filename="ä.txt")


@app.get("/stream")
def stream(request: Request) -> Response:
    """Return content in parts."""

    async def made() -> AsyncIterator[bytes]:
        for number in range(3):
            await asyncio.sleep(0)
            yield b"%d\n" % number

    return Response.stream(made(), content_type="text/plain")


@app.get("/events")
def events(request: Request) -> Response:
    """Return two events."""

    async def made() -> AsyncIterator[Any]:
        yield "one"
        yield {"two": 2}

    return Response.events(made())


@app.get("/error")
def error(request: Request) -> None:
    """Raise a response."""
    raise HTTPError(409, "twice", headers={"X-Two": "2"}, existing=7)


@app.get("/lookup")
def lookup(request: Request) -> None:
    """Raise an exception that has a handler."""
    raise KeyError("there")


@app.get("/fails")
async def fails(request: Request) -> None:
    """Raise one that has none."""
    raise ValueError("a secret")


@app.websocket("/chat/{room:int}")
async def chat(socket: WebSocket) -> None:
    """Send back what arrives, after what the handshake had."""
    await socket.accept("chat" if "chat" in socket.subprotocols else None)
    told = [socket.path, socket.path_params["room"], socket.query.get("a"), socket.headers["host"], socket.scheme]
    await socket.send_json([*told, socket.state["answer"]])
    async for message in socket:
        if message == "close":
            await socket.close(4000, "bye")
        elif message == "fail":
            raise ValueError("a secret")
        else:
            await socket.send(message)
    seen.append(f"closed {socket.closed.code if socket.closed else None}")


@app.websocket("/refused")
async def refused(socket: WebSocket) -> None:
    """Refuse by a response."""
    raise HTTPError(401, "who is there?")


@app.websocket("/silent")
async def silent(socket: WebSocket) -> None:
    """Refuse by doing nothing."""


@api.get("/things/{thing}", name="thing")
def thing(request: Request) -> list[str]:
    """Tell what a mounted application sees."""
    return [request.path, request.path_params["thing"]]


app.mount("/api", api)
app.mount("/old", old)
