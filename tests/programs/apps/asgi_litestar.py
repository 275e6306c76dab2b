"""A Litestar application: checked parameters, a form, an upload, streams, hooks, a background task.

It knows nothing of who asks or serves.
"""

from dataclasses import dataclass
from typing import Annotated

from litestar import Litestar, MediaType, Response, get, post, route
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.logging import LoggingConfig
from litestar.params import Body
from litestar.response import File, Stream
from routes import Routes, greeting, item, receipt, total
from scene import FILE, loop_name

routes = Routes()


@dataclass
class Numbers:
    """The body of `/json`."""

    numbers: list[int]


@dataclass
class Name:
    """The body of `/form`."""

    name: str


@get("/loop", media_type=MediaType.TEXT)
async def loop() -> str:
    """The name of the running loop."""
    return loop_name()


@get("/items/{number:int}")
async def items(number: int, word: str) -> dict[str, object]:
    """A number in the path and a word in the query."""
    return item(number, word)


@post("/json", status_code=200)
async def json(data: Numbers) -> dict[str, int]:
    """The sum of what came as JSON, which Litestar checks."""
    return total(data.numbers)


@post("/form", status_code=200)
async def form(data: Annotated[Name, Body(media_type=RequestEncodingType.URL_ENCODED)]) -> dict[str, str]:
    """A form."""
    return greeting(data.name)


@post("/upload", status_code=200)
async def upload(
    data: Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, object]:
    """A file."""
    file = data["file"]
    return receipt(file.filename, await file.read())


@route("/file", http_method=["GET", "HEAD"])
async def file() -> File:
    """A file, which Litestar reads in threads."""
    return File(FILE, filename=FILE.name)


@get("/hooks")
async def hooks() -> dict[str, bool]:
    """What the hook of the beginning did."""
    return routes.hooks()


@get("/broken")
async def broken() -> None:
    """A mistake."""
    routes.broken()


@get("/stream")
async def stream() -> Stream:
    """A stream that waits in its middle."""
    return Stream(routes.stream())


@post("/release", media_type=MediaType.TEXT)
async def release() -> str:
    """Let the stream go on."""
    return routes.release()


@post("/background", media_type=MediaType.TEXT)
async def background() -> Response[str]:
    """An answer with work behind it."""
    return Response("later", background=BackgroundTask(routes.work))


@get("/done", media_type=MediaType.TEXT)
async def done() -> str:
    """Wait for that work."""
    return await routes.done()


@get("/endless")
async def endless() -> Stream:
    """An answer that goes on until its visitor leaves."""
    return Stream(routes.endless())


@get("/left", media_type=MediaType.TEXT)
async def left() -> str:
    """Wait for that."""
    return await routes.left()


app = Litestar(
    [loop, items, json, form, upload, file, hooks, broken, stream, release, background, done, endless, left],
    on_startup=[routes.begin],
    on_shutdown=[routes.end],
    openapi_config=None,
    # By itself it logs exceptions in its debug mode only, and then those that are the visitor's fault, too.
    logging_config=LoggingConfig(log_exceptions="always", disable_stack_trace={400, 404, 405}),
)
