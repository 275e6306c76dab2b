"""A Starlette application behind compression: routes, bodies, a file, streams, a lifespan, a background task.

It knows nothing of who asks or serves.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from routes import Routes, greeting, item, receipt, total
from scene import FILE, loop_name
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

routes = Routes()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    """Both hooks; what it yields is the state of every request."""
    routes.begin()
    yield {"word": "from the lifespan"}
    routes.end()


async def loop(request: Request) -> Response:
    """The name of the running loop."""
    return PlainTextResponse(loop_name())


async def items(request: Request) -> Response:
    """A number in the path and a word in the query."""
    return JSONResponse(item(request.path_params["number"], request.query_params["word"]))


async def json(request: Request) -> Response:
    """The sum of what came as JSON; what is no JSON is the client's fault."""
    try:
        return JSONResponse(total((await request.json())["numbers"]))
    except ValueError:
        return Response(status_code=400)


async def form(request: Request) -> Response:
    """A form."""
    async with request.form() as fields:
        return JSONResponse(greeting(str(fields["name"])))


async def upload(request: Request) -> Response:
    """A file."""
    async with request.form() as fields:
        file = fields["file"]
        assert isinstance(file, UploadFile)
        return JSONResponse(receipt(file.filename, await file.read()))


async def file(request: Request) -> Response:
    """A file, which starlette leaves to a server that can send one by its path."""
    return FileResponse(FILE)


async def hooks(request: Request) -> Response:
    """What the hook of the beginning did; the server hands the state on to each request."""
    assert request.state.word == "from the lifespan"
    return JSONResponse(routes.hooks())


async def broken(request: Request) -> Response:
    """A mistake."""
    routes.broken()
    return Response()


async def stream(request: Request) -> Response:
    """A stream that waits in its middle."""
    return StreamingResponse(routes.stream())


async def release(request: Request) -> Response:
    """Let the stream go on."""
    return PlainTextResponse(routes.release())


async def background(request: Request) -> Response:
    """An answer with work behind it."""
    return PlainTextResponse("later", background=BackgroundTask(routes.work))


async def done(request: Request) -> Response:
    """Wait for that work."""
    return PlainTextResponse(await routes.done())


async def endless(request: Request) -> Response:
    """An answer that goes on until its visitor leaves."""
    return StreamingResponse(routes.endless())


async def left(request: Request) -> Response:
    """Wait for that."""
    return PlainTextResponse(await routes.left())


READ = (loop, file, hooks, broken, stream, done, endless, left)
WRITTEN = (json, form, upload, release, background)
app = Starlette(
    lifespan=lifespan,
    middleware=[Middleware(GZipMiddleware)],
    routes=[
        Route("/items/{number:int}", items),
        *(Route(f"/{view.__name__}", view) for view in READ),
        *(Route(f"/{view.__name__}", view, methods=["POST"]) for view in WRITTEN),
    ],
)
