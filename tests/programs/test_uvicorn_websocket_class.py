"""`vitok.uvicorn:WebSocket`: with `vitok.uvicorn:Protocol`, where the connection goes on natively, and with uvicorn's
own HTTP protocols, which pass the handshake on. uvicorn's default for `--ws` is the control where both should agree.

uvicorn's log is tested in test_uvicorn_websocket_log.py.
"""

import asyncio
from typing import Any

import pytest
from raw_websocket import TEXT, close_frame, frame, handshake, read_close, read_frame, read_head
from uvicorn_site import OURS, run, uvicorn_site
from uvicorn_websocket import CLASS, Application, closed, hung_up, left, opened

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


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
