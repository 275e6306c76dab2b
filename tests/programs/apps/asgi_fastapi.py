"""A FastAPI application behind middleware: checked parameters, bodies, a file, streams, hooks, a background task.

It knows nothing of who asks or serves.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, FastAPI, Form, Request, Response, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from routes import Routes, greeting, item, receipt, total
from scene import FILE, loop_name

routes = Routes()


class Numbers(BaseModel):
    """The body of `/json`."""

    numbers: list[int]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Both hooks."""
    routes.begin()
    yield
    routes.end()


app = FastAPI(lifespan=lifespan)


@app.middleware("http")
async def mark(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    """Middleware of the kind that stands between the server and the stream in a task of its own."""
    response = await proceed(request)
    response.headers["X-Mark"] = request.url.path
    return response


@app.get("/loop", response_class=PlainTextResponse)
async def loop() -> str:
    """The name of the running loop."""
    return loop_name()


@app.get("/items/{number}")
async def items(number: int, word: str) -> dict[str, object]:
    """A number in the path and a word in the query."""
    return item(number, word)


@app.post("/json")
async def json(body: Numbers) -> dict[str, int]:
    """The sum of what came as JSON, which FastAPI checks."""
    return total(body.numbers)


@app.post("/form")
async def form(name: Annotated[str, Form()]) -> dict[str, str]:
    """A form."""
    return greeting(name)


@app.post("/upload")
def upload(file: UploadFile) -> dict[str, object]:
    """A file. Not a coroutine, so that FastAPI reads it in a thread."""
    return receipt(file.filename, file.file.read())


@app.api_route("/file", methods=["GET", "HEAD"])
async def file() -> FileResponse:
    """A file."""
    return FileResponse(FILE)


@app.get("/hooks")
async def hooks() -> dict[str, bool]:
    """What the hook of the beginning did."""
    return routes.hooks()


@app.get("/broken")
async def broken() -> None:
    """A mistake."""
    routes.broken()


@app.get("/stream")
async def stream() -> StreamingResponse:
    """A stream that waits in its middle."""
    return StreamingResponse(routes.stream())


@app.post("/release", response_class=PlainTextResponse)
async def release() -> str:
    """Let the stream go on."""
    return routes.release()


@app.post("/background", response_class=PlainTextResponse)
async def background(tasks: BackgroundTasks) -> str:
    """An answer with work behind it."""
    tasks.add_task(routes.work)
    return "later"


@app.get("/done", response_class=PlainTextResponse)
async def done() -> str:
    """Wait for that work."""
    return await routes.done()


@app.get("/endless")
async def endless() -> StreamingResponse:
    """An answer that goes on until its visitor leaves."""
    return StreamingResponse(routes.endless())


@app.get("/left", response_class=PlainTextResponse)
async def left() -> str:
    """Wait for that."""
    return await routes.left()
