"""A Starlette application whose files pass middleware that reads their content.

`/joined/file` is joined by middleware of a user, `/packed/file` compressed by Starlette's, `/file` sent as it is.
"""

from scene import FILE
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route


async def file(request: Request) -> Response:
    """A file."""
    return FileResponse(FILE)


async def extensions(request: Request) -> Response:
    """What the server has beyond ASGI's core."""
    return JSONResponse(sorted(request.scope.get("extensions", {})))


async def join(request: Request, proceed: RequestResponseEndpoint) -> Response:
    """Gather the content, as middleware does that signs or stores it."""
    response = await proceed(request)
    content = b"".join([part async for part in response.body_iterator])  # type: ignore[attr-defined]
    return Response(content, headers={"x-joined": str(len(content))})


files = [Route("/file", file)]
app = Starlette(
    routes=[
        *files,
        Route("/extensions", extensions),
        Mount("/joined", routes=files, middleware=[Middleware(BaseHTTPMiddleware, dispatch=join)]),
        Mount("/packed", routes=files, middleware=[Middleware(GZipMiddleware)]),
    ]
)
