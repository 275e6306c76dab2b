"""A Sanic application for another ASGI server: routes, a form, an upload, streams, hooks, a background task.

It knows nothing of who asks or serves.
"""

from typing import Any

from routes import Routes, greeting, item, receipt, total
from sanic import Request, Sanic
from sanic.response import HTTPResponse, file, json, text
from scene import FILE, loop_name

app = Sanic("asgi_program")
app.config.FALLBACK_ERROR_FORMAT = "text"
routes = Routes()


@app.before_server_start
async def begin(app: Sanic[Any, Any]) -> None:
    """The hook of the beginning."""
    routes.begin()


@app.after_server_stop
async def end(app: Sanic[Any, Any]) -> None:
    """The hook of the end."""
    routes.end()


@app.get("/loop")
async def loop(request: Request) -> HTTPResponse:
    """The name of the running loop."""
    return text(loop_name())


@app.get("/items/<number:int>")
async def items(request: Request, number: int) -> HTTPResponse:
    """A number in the path and a word in the query."""
    return json(item(number, request.args.get("word")))


@app.post("/json")
async def sum_up(request: Request) -> HTTPResponse:
    """The sum of what came as JSON; Sanic itself refuses what is none."""
    return json(total(request.json["numbers"]))


@app.post("/form")
async def form(request: Request) -> HTTPResponse:
    """A form."""
    return json(greeting(request.form.get("name")))


@app.post("/upload")
async def upload(request: Request) -> HTTPResponse:
    """A file."""
    sent = request.files.get("file")
    return json(receipt(sent.name, sent.body))


@app.route("/file", methods=["GET", "HEAD"])
async def send_file(request: Request) -> HTTPResponse:
    """A file, which Sanic reads in threads."""
    return await file(FILE)


@app.get("/hooks")
async def hooks(request: Request) -> HTTPResponse:
    """What the hook of the beginning did."""
    return json(routes.hooks())


@app.get("/broken")
async def broken(request: Request) -> HTTPResponse:
    """A mistake."""
    routes.broken()
    return text("")


@app.get("/stream")
async def stream(request: Request) -> None:
    """A stream that waits in its middle."""
    response = await request.respond()
    async for chunk in routes.stream():
        await response.send(chunk)
    await response.eof()


@app.post("/release")
async def release(request: Request) -> HTTPResponse:
    """Let the stream go on."""
    return text(routes.release())


@app.post("/background")
async def background(request: Request) -> HTTPResponse:
    """An answer with work behind it."""
    request.app.add_task(routes.work())
    return text("later")


@app.get("/done")
async def done(request: Request) -> HTTPResponse:
    """Wait for that work."""
    return text(await routes.done())
