"""The same streams of events in seven applications, each an attribute of this module: `asgi_events:django`.

`/events` waits for ever after its first event, `/flood` never waits for long. `/ended/3` is answered once three of
these streams have ended.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Application = Callable[..., Awaitable[None]]

FIRST = b"data: first\n\n"
MORE = b"data: more\n\n"
changed = asyncio.Event()
ended = 0


async def events() -> AsyncIterator[bytes]:
    """`/events`: one event, and no other."""
    try:
        yield FIRST
        await asyncio.Event().wait()
    finally:
        count()


async def flood() -> AsyncIterator[bytes]:
    """`/flood`: one event after the other."""
    try:
        yield FIRST
        while True:
            await asyncio.sleep(0)
            yield MORE
    finally:
        count()


def count() -> None:
    """A stream has ended."""
    global ended
    ended += 1
    changed.set()


def counted(framework: Application) -> Application:
    """The application of a framework, and `/ended` beside it."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].startswith("/ended/"):
            await framework(scope, receive, send)
            return
        wanted = int(scope["path"].rpartition("/")[2])
        while ended < wanted:
            changed.clear()
            await changed.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"ended"})

    return application


def make_starlette() -> Any:
    """Starlette."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    async def events_view(request: Request) -> Response:
        return StreamingResponse(events())

    async def flood_view(request: Request) -> Response:
        return StreamingResponse(flood())

    return Starlette(routes=[Route("/events", events_view), Route("/flood", flood_view)])


def make_middleware() -> Any:
    """Starlette behind middleware that has a task of its own for what it passes on."""
    from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response

    async def pass_on(request: Request, proceed: RequestResponseEndpoint) -> Response:
        return await proceed(request)

    application = make_starlette()
    application.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
    return application


def make_fastapi() -> Any:
    """FastAPI."""
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    application = FastAPI()
    application.get("/events", response_model=None)(lambda: StreamingResponse(events()))
    application.get("/flood", response_model=None)(lambda: StreamingResponse(flood()))
    return application


def make_sse() -> Any:
    """sse-starlette, which listens for the visitor's leaving by itself, and sends pings."""
    from sse_starlette import EventSourceResponse
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def events_view(request: Request) -> Response:
        return EventSourceResponse(events())

    async def flood_view(request: Request) -> Response:
        return EventSourceResponse(flood())

    return Starlette(routes=[Route("/events", events_view), Route("/flood", flood_view)])


def make_litestar() -> Any:
    """Litestar."""
    from litestar import Litestar, get
    from litestar.response import Stream

    @get("/events")
    async def events_view() -> Stream:
        return Stream(events())

    @get("/flood")
    async def flood_view() -> Stream:
        return Stream(flood())

    return Litestar([events_view, flood_view], openapi_config=None)


def make_quart() -> Any:
    """Quart, without its own time limit for an answer."""
    from quart import Quart, Response

    application = Quart(__name__)
    application.config["RESPONSE_TIMEOUT"] = None
    application.add_url_rule("/events", "events", lambda: Response(events()))
    application.add_url_rule("/flood", "flood", lambda: Response(flood()))
    return application


def make_django() -> Any:
    """Django. Its URLs are `urlpatterns` of this module."""
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import HttpRequest, StreamingHttpResponse
    from django.urls import path

    async def events_view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(events())

    async def flood_view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(flood())

    globals()["urlpatterns"] = [path("events", events_view), path("flood", flood_view)]
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="nothing is signed here")
    return get_asgi_application()


def __getattr__(name: str) -> Application:
    """The application of one framework: no other has to be installed."""
    make = globals().get(f"make_{name}")
    if make is None:
        raise AttributeError(name)
    application = globals()[name] = counted(make())
    return application
