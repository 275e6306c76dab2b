"""A Quart application: routes, a form, an upload, streams, hooks, a background task.

It knows nothing of who asks or serves.
"""

from quart import Quart, Response, request
from quart.typing import ResponseReturnValue
from routes import Routes, greeting, item, receipt, total
from scene import loop_name

app = Quart(__name__)
routes = Routes()


@app.before_serving
async def begin() -> None:
    """The hook of the beginning."""
    routes.begin()


@app.after_serving
async def end() -> None:
    """The hook of the end."""
    routes.end()


@app.get("/loop")
async def loop() -> str:
    """The name of the running loop."""
    return loop_name()


@app.get("/items/<int:number>")
async def items(number: int) -> ResponseReturnValue:
    """A number in the path and a word in the query."""
    return item(number, request.args["word"])


@app.post("/json")
async def json() -> ResponseReturnValue:
    """The sum of what came as JSON; Quart itself refuses what is none."""
    return total((await request.get_json(force=True))["numbers"])


@app.post("/form")
async def form() -> ResponseReturnValue:
    """A form."""
    return greeting((await request.form)["name"])


@app.post("/upload")
async def upload() -> ResponseReturnValue:
    """A file."""
    file = (await request.files)["file"]
    return receipt(file.filename, file.read())


@app.get("/hooks")
async def hooks() -> ResponseReturnValue:
    """What the hook of the beginning did."""
    return routes.hooks()


@app.get("/broken")
async def broken() -> str:
    """A mistake."""
    routes.broken()
    return ""


@app.get("/stream")
async def stream() -> Response:
    """A stream that waits in its middle."""
    return Response(routes.stream())


@app.post("/release")
async def release() -> str:
    """Let the stream go on."""
    return routes.release()


@app.post("/background")
async def background() -> str:
    """An answer with work behind it."""
    app.add_background_task(routes.work)
    return "later"


@app.get("/done")
async def done() -> str:
    """Wait for that work."""
    return await routes.done()


@app.get("/endless")
async def endless() -> Response:
    """An answer that goes on until its visitor leaves."""
    answer = Response(routes.endless())
    answer.timeout = None
    return answer


@app.get("/left")
async def left() -> str:
    """Wait for that."""
    return await routes.left()
