"""Clients of the library websockets and `vitok.uvicorn:WebSocket`, with each class that may have read the handshake.

uvicorn's own class is the control. The connections are in the loop of the test; a program of apps/ has all visits to a
server of its own.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgi import served
from children import Flavour, run_to_end, words_of
from needs import need_library
from uvicorn_site import HTTPTOOLS_ON_OURS, OURS, UvicornSite, run, uvicorn_site

CLASS = "vitok.uvicorn:WebSocket"
HTTP = {"protocol": OURS, "h11": "h11", "httptools": "httptools"}
# In the loop of a test only: a program of its own does not find the class.
HTTP_HERE = {**HTTP, "httptools on vitok": HTTPTOOLS_ON_OURS}
LOOPS = {"asyncio": "asyncio.unix_events._UnixSelectorEventLoop", "vitok": "vitok.Loop"}
CLASSES = {"ours": CLASS, "wsproto": "wsproto"}

Tls = tuple[ssl.SSLContext, ssl.SSLContext] | None
Talk = Callable[[Any], Awaitable[None]]


@pytest.fixture(params=CLASSES)
def ws(request: pytest.FixtureRequest) -> str:
    """Our class, and the control."""
    for library in ("uvicorn", "websockets", "wsproto"):
        need_library(library)
    name: str = request.param
    return CLASSES[name]


@pytest.fixture(params=HTTP_HERE)
def http(request: pytest.FixtureRequest) -> str:
    """What reads the handshake."""
    name: str = request.param
    if name in ("h11", "httptools"):
        need_library(name)
    return HTTP_HERE[name]


class Application:
    """Does what a path says, and keeps how its last connection ended."""

    def __init__(self) -> None:
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.scope: dict[str, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        assert await receive() == {"type": "websocket.connect"}
        await getattr(self, scope["path"].strip("/"))(receive, send)

    async def echo(self, receive: Any, send: Any) -> None:
        """Each message comes back."""
        await send({"type": "websocket.accept", "subprotocol": "chat", "headers": [(b"x-room", b"blue")]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
        self.end.set_result((message["code"], message.get("reason") or ""))

    async def close(self, receive: Any, send: Any) -> None:
        """Close at once."""
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4001, "reason": "enough"})

    async def refuse(self, receive: Any, send: Any) -> None:
        """Close before accepting."""
        await send({"type": "websocket.close"})


def visit(loop: Any, http: str, ws: str, talk: Callable[[Application, UvicornSite], Awaitable[None]], tls: Tls) -> None:
    """Serve the application in the loop, and run a visitor of it."""

    async def main() -> None:
        application = Application()
        async with uvicorn_site(application, http=http, ws=ws, tls=tls) as site:
            await talk(application, site)

    run(loop, main())


def connect(site: UvicornSite, path: str, **how: Any) -> Any:
    """A client's connection."""
    from websockets.asyncio.client import connect

    host, port = site.server.sockets[0].getsockname()
    scheme = "ws" if site.trusting is None else "wss"
    return connect(f"{scheme}://{host}:{port}{path}", ssl=site.trusting, proxy=None, **how)


def test_messages_and_a_close(loop: Any, http: str, ws: str, tls: Tls) -> None:
    """Small and large, with a ping between them; code and reason of the client reach the application."""

    async def talk(application: Application, site: UvicornSite) -> None:
        async with connect(site, "/echo", subprotocols=["other", "chat"]) as connection:
            assert (connection.subprotocol, connection.response.headers["x-room"]) == ("chat", "blue")
            assert connection.response.headers["sec-websocket-extensions"].startswith("permessage-deflate")
            for message in ("", "gr\u00fc\u00df dich", b"\x00" * 70_000, "x" * 300_000):
                await connection.send(message)
                assert await connection.recv() == message
            await (await connection.ping())
            await connection.close(4000, "gone")
        assert await application.end == (4000, "gone")
        assert application.scope["type"] == "websocket"
        assert application.scope["scheme"] == ("ws" if tls is None else "wss")
        assert application.scope["subprotocols"] == ["other", "chat"]

    visit(loop, http, ws, talk, tls)


def test_a_close_and_a_refusal_by_the_application(loop: Any, http: str, ws: str) -> None:
    """The client sees the code and the reason, or 403."""
    from websockets.exceptions import InvalidStatus

    async def talk(application: Application, site: UvicornSite) -> None:
        async with connect(site, "/close") as connection:
            await connection.wait_closed()
        assert (connection.close_code, connection.close_reason) == (4001, "enough")
        with pytest.raises(InvalidStatus, match="403"):
            await connect(site, "/refuse")

    visit(loop, http, ws, talk, None)


@pytest.fixture(scope="module", params=HTTP)
def site(request: pytest.FixtureRequest, plain_flavour: Flavour) -> Iterator[str]:
    """The application of the visits, served by uvicorn with our class."""
    for library in ("uvicorn", "websockets", "httptools"):
        need_library(library)
    http = HTTP[request.param]
    with served("asgi_websocket:app", plain_flavour, lifespan="off", http=http, ws=CLASS) as server:
        yield server.address.replace("http://", "ws://")


def test_all_visits(site: str, plain_flavour: Flavour) -> None:
    """A program that visits in every way, on the same loop as the server."""
    words = [*words_of("websocket_by_websockets.py", plain_flavour), site]
    assert run_to_end(words, plain_flavour) == LOOPS[plain_flavour.loop]
