"""`vitok.uvicorn:WebSocket`: with `vitok.uvicorn:Protocol`, where the connection goes on natively, and with uvicorn's
own HTTP protocols, which pass the handshake on. uvicorn's default for `--ws` is the control where both should agree.
"""

import asyncio
import logging
from typing import Any

import pytest
from needs import need_library
from raw_websocket import TEXT, close_frame, frame, handshake, read_close, read_frame, read_head
from uvicorn_site import OURS, UvicornSite, run, uvicorn_site

CLASS = "vitok.uvicorn:WebSocket"
CONTROL = "websockets-sansio"
TRACE = 5
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Application:
    """Does what the path says to a WebSocket, and answers requests. It keeps the scopes and what ends a connection."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        self.scopes.append(scope)
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"] == "/forbidden":
            await send({"type": "websocket.close"})
        elif scope["path"] == "/failing":
            raise LookupError(scope["path"])
        elif scope["path"] == "/denied":
            await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-why", b"tea")]})
            await send({"type": "websocket.http.response.body", "body": b"no"})
        else:
            await self.echo(receive, send)

    async def echo(self, receive: Any, send: Any) -> None:
        """Send each message back."""
        await send({"type": "websocket.accept", "headers": [(b"x-own", b"1")]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        self.ends.append(message)


@pytest.fixture(params=[OURS, "h11", "httptools"])
def http(request: pytest.FixtureRequest) -> str:
    """Ours, and uvicorn's own."""
    name: str = request.param
    if name != OURS:
        need_library(name)
    return name


@pytest.fixture(params=[CLASS, CONTROL])
def ws(request: pytest.FixtureRequest) -> str:
    """Ours, and uvicorn's default."""
    name: str = request.param
    if name == CONTROL:
        need_library("websockets")
    return name


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What uvicorn logs, down to its own level TRACE."""
    for name in ("uvicorn.error", "uvicorn.access"):
        caplog.set_level(TRACE, logger=name)
    return caplog


def lines(log: pytest.LogCaptureFixture, level: int, port: int) -> list[str]:
    """The lines of a level, without the address of the client."""
    found = [record.getMessage() for record in log.records if record.levelno == level]
    return [line.removeprefix(f"127.0.0.1:{port} - ") for line in found]


async def opened(site: UvicornSite, target: str = "/echo") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An accepted WebSocket of a client."""
    reader, writer = await site.connect()
    writer.write(handshake(target))
    status, fields = await read_head(reader)
    assert (status, fields["upgrade"], fields["x-own"]) == (101, "websocket", "1")
    return reader, writer


async def closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the WebSocket in order."""
    writer.write(close_frame(1000))
    assert await read_close(reader) == 1000
    assert await reader.read() == b""
    await hung_up(writer)


async def hung_up(writer: asyncio.StreamWriter) -> None:
    """End the connection of a client."""
    writer.close()
    await writer.wait_closed()


async def left(site: UvicornSite) -> None:
    """Wait until uvicorn knows of no connection and of no task."""
    while site.state.connections or site.state.tasks:
        await asyncio.sleep(0.001)


def test_messages_go_both_ways(loop: Any, tls: Any, http: str, ws: str) -> None:
    """uvicorn knows of the connection and of its task until both have ended. The headers of uvicorn are sent."""
    application = Application()

    async def main() -> None:
        async with uvicorn_site(application, http=http, ws=ws, tls=tls) as site:
            reader, writer = await opened(site, "/echo/%20?x=1")
            for text in (b"hello", b"", b"again"):
                writer.write(frame(TEXT, text))
                assert await read_frame(reader) == (TEXT, text)
            assert (len(site.state.connections), len(site.state.tasks)) == (1, 1)
            await closed(reader, writer)
            await left(site)
        (scope,), (end,) = application.scopes, application.ends
        assert end["code"] == 1000
        assert scope["scheme"] == ("ws" if tls is None else "wss")
        assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/echo/ ", b"/echo/%20", b"x=1")
        assert (scope["subprotocols"], scope["state"]) == ([], {})
        assert scope["extensions"]["websocket.http.response"] == {}

    run(loop, main())


def test_uvicorn_adds_its_headers(loop: Any, http: str) -> None:
    """Those of every response are in the one to a handshake, too."""

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=CLASS, headers=[("x-all", "2")]) as site:
            reader, writer = await site.connect()
            writer.write(handshake("/echo"))
            _, fields = await read_head(reader)
            assert (fields["x-all"], fields["server"]) == ("2", "uvicorn")
            assert "date" in fields
            await hung_up(writer)
            await left(site)

    run(loop, main())


@pytest.mark.parametrize(("target", "status", "body"), [("/forbidden", 403, b""), ("/denied", 418, b"no")])
def test_a_refusal(loop: Any, tls: Any, http: str, ws: str, target: str, status: int, body: bytes) -> None:
    """The response of the application reaches the client, and uvicorn forgets the connection once it is closed."""

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=ws, tls=tls) as site:
            reader, writer = await site.connect()
            writer.write(handshake(target))
            seen, fields = await read_head(reader)
            assert seen == status
            assert fields.get("x-why") == ("tea" if body else None)
            assert await reader.readexactly(len(body)) == body
            await hung_up(writer)
            await left(site)

    run(loop, main())


def test_an_invalid_handshake(loop: Any, http: str, ws: str) -> None:
    """Two keys are refused, and the application is not called."""
    application = Application()

    async def main() -> None:
        async with uvicorn_site(application, http=http, ws=ws) as site:
            reader, writer = await site.connect()
            writer.write(handshake("/echo", "sec-websocket-key: " + "B" * 22 + "=="))
            assert (await read_head(reader))[0] == 400
            await hung_up(writer)
            await left(site)

    run(loop, main())
    assert application.scopes == []


def test_a_request_after_a_refused_handshake(loop: Any, http: str) -> None:
    """The connection goes on, although uvicorn's own protocols do not get it back."""

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=CLASS) as site:
            reader, writer = await site.connect()
            writer.write(handshake("/forbidden"))
            assert (await read_head(reader))[0] == 403
            writer.write(GET)
            assert (await read_head(reader))[0] == 200
            assert await reader.readexactly(2) == b"ok"
            await hung_up(writer)
            await left(site)

    run(loop, main())


@pytest.mark.parametrize("size", [None, 100, 7, 1])
def test_bytes_behind_the_handshake_are_not_lost(loop: Any, tls: Any, size: int | None) -> None:
    """Without a change of protocols, in pieces of this size or as a whole, and behind a request."""
    data = GET + handshake("/echo") + frame(TEXT, b"hello")

    async def main() -> None:
        async with uvicorn_site(Application(), ws=CLASS, tls=tls) as site:
            reader, writer = await site.connect()
            for place in range(0, len(data), size or len(data)):
                writer.write(data[place : place + (size or len(data))])
                await asyncio.sleep(0)
            assert (await read_head(reader))[0] == 200
            assert await reader.readexactly(2) == b"ok"
            assert (await read_head(reader))[0] == 101
            assert await read_frame(reader) == (TEXT, b"hello")
            await closed(reader, writer)
            await left(site)

    run(loop, main())


def test_a_shutdown_tells_the_client_to_come_back(loop: Any, tls: Any, http: str) -> None:
    """uvicorn asks each connection to end: 1012, as from its own protocols, and the application gets the same code."""
    application = Application()

    async def main() -> None:
        async with uvicorn_site(application, http=http, ws=CLASS, tls=tls) as site:
            reader, writer = await opened(site)
            for connection in list(site.state.connections):
                connection.shutdown()
            assert await read_close(reader) == 1012
            writer.write(close_frame(1012))
            assert await reader.read() == b""
            await hung_up(writer)
            await left(site)
        assert [end["code"] for end in application.ends] == [1012]

    run(loop, main())


def test_a_shutdown_before_the_handshake_is_answered(loop: Any, http: str) -> None:
    """The client gets a response, and the connection closes."""
    release = asyncio.Event()

    async def slow(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await release.wait()
        await send({"type": "websocket.close"})

    async def main() -> None:
        async with uvicorn_site(slow, http=http, ws=CLASS) as site:
            reader, writer = await site.connect()
            writer.write(handshake())
            while not site.state.tasks:
                await asyncio.sleep(0.001)
            for connection in list(site.state.connections):
                connection.shutdown()
            release.set()
            status, _ = await read_head(reader)
            assert status == 403
            assert await reader.read() == b""
            await hung_up(writer)
            await left(site)

    run(loop, main())


def test_options_of_uvicorn_are_taken(loop: Any, http: str) -> None:
    """The size of a message, and compression."""

    async def main() -> None:
        offer = "sec-websocket-extensions: permessage-deflate"
        for compresses in (True, False):
            settings = {"ws_max_size": 10, "ws_per_message_deflate": compresses}
            async with uvicorn_site(Application(), http=http, ws=CLASS, **settings) as site:
                reader, writer = await site.connect()
                writer.write(handshake("/echo", offer))
                _, fields = await read_head(reader)
                assert ("sec-websocket-extensions" in fields) == compresses
                writer.write(frame(TEXT, b"a" * 11))
                assert await read_close(reader) == 1009
                await hung_up(writer)
                await left(site)

    run(loop, main())


@pytest.mark.parametrize("has_log", [True, False])
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/echo/%20?x=1", ['"WebSocket /echo/%20?x=1" [accepted]', "connection open", "connection closed"]),
        ("/forbidden", ['"WebSocket /forbidden" 403', "connection rejected (403 Forbidden)"]),
        ("/failing", ["connection rejected (500 Internal Server Error)"]),
        ("/denied", ['"WebSocket /denied" 418', "connection rejected (418 I'm a Teapot)"]),
    ],
)
def test_the_log_has_the_lines_of_uvicorn(
    loop: Any,
    http: str,
    ws: str,
    log: pytest.LogCaptureFixture,
    target: str,
    expected: list[str],
    has_log: bool,
) -> None:
    """A handshake is no access: it is logged without an access log, too."""

    async def main() -> int:
        async with uvicorn_site(Application(), http=http, ws=ws, access_log=has_log) as site:
            reader, writer = await site.connect()
            port: int = writer.get_extra_info("sockname")[1]
            writer.write(handshake(target))
            if (await read_head(reader))[0] == 101:
                await closed(reader, writer)
            else:
                await hung_up(writer)
            await left(site)
            return port

    ports: list[int] = []

    async def noted() -> None:
        ports.append(await main())

    run(loop, noted())
    seen = lines(log, logging.INFO, ports[0])
    if ws == CONTROL:
        # The library has no line for an end of which uvicorn does not tell it.
        expected = [line for line in expected if line != "connection closed"]
    assert seen == expected


def test_connections_are_traced(loop: Any, http: str, ws: str, log: pytest.LogCaptureFixture) -> None:
    """At the level TRACE uvicorn says what becomes of a connection."""
    ports: list[int] = []

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=ws) as site:
            reader, writer = await opened(site)
            ports.append(writer.get_extra_info("sockname")[1])
            await closed(reader, writer)
            await left(site)

    run(loop, main())
    assert lines(log, TRACE, ports[0]) == [
        *("HTTP connection made", "Upgrading to WebSocket", "WebSocket connection made", "WebSocket connection lost")
    ]


def test_the_client_behind_a_proxy_is_logged(loop: Any, http: str, ws: str, log: pytest.LogCaptureFixture) -> None:
    """uvicorn's middleware replaces the client before the application accepts."""

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=ws, proxy_headers=True) as site:
            reader, writer = await site.connect()
            writer.write(handshake("/echo", "x-forwarded-for: 192.0.2.7", "x-forwarded-proto: wss"))
            assert (await read_head(reader))[0] == 101
            await closed(reader, writer)
            await left(site)

    run(loop, main())
    assert lines(log, logging.INFO, 0)[0] == '192.0.2.7:0 - "WebSocket /echo" [accepted]'


def test_websockets_count_as_requests(loop: Any, http: str) -> None:
    """For `--limit-max-requests`, beside the requests that uvicorn's own protocols count."""

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=CLASS, limit_max_requests=100) as site:
            reader, writer = await site.connect()
            writer.write(GET)
            await reader.readuntil(b"ok")
            assert site.state.total_requests == 1
            for number in (2, 3):
                client = await opened(site)
                await closed(*client)
                assert site.state.total_requests == number
            await hung_up(writer)
            await left(site)

    run(loop, main())


def test_the_limit_of_concurrency(loop: Any, http: str) -> None:
    """It is the HTTP protocol's: uvicorn's own ones pass WebSockets on without counting them, ours counts them."""

    async def main() -> None:
        async with uvicorn_site(Application(), http=http, ws=CLASS, limit_concurrency=2) as site:
            client = await opened(site)
            reader, writer = await site.connect()
            writer.write(handshake("/echo"))
            assert (await read_head(reader))[0] == (503 if http == OURS else 101)
            await hung_up(writer)
            await closed(*client)
            await left(site)

    run(loop, main())
