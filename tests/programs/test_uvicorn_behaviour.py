"""`vitok.uvicorn:Protocol` as seen by clients and operators: like uvicorn's own protocol, the control.

docs/how-to/uvicorn.md has the intended differences; those cases have tests for vitok only, at the end.
"""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn_site import run, uvicorn_site

TRACE = 5
INVALID = b"Invalid HTTP request received."
GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Tells what a test may want to know of the scope."""
    facts = [scope["method"], scope["path"], scope["asgi"]["version"], str(len(scope["headers"]))]
    body = " ".join(facts).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def old_app(scope: Any) -> Any:
    """The same as an application of ASGI 2."""

    async def instance(receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return instance


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What uvicorn logs, down to its own level TRACE."""
    for name in ("uvicorn.error", "uvicorn.access"):
        caplog.set_level(TRACE, logger=name)
    return caplog


def lines(log: pytest.LogCaptureFixture, level: int) -> list[str]:
    """uvicorn's lines of one level, without addresses."""
    found = [record.getMessage() for record in log.records if record.levelno == level]
    return [line.partition(" - ")[2] if line.startswith("127.0.0.1:") else line for line in found]


def request(target: str = "/", *fields: str) -> bytes:
    """A request after which the server closes."""
    return "\r\n".join([f"GET {target} HTTP/1.1", "host: a", "connection: close", *fields, "", ""]).encode()


def test_large_heads_are_taken(loop: Any, tls: Any, http: str) -> None:
    """A target of 12,000 bytes, 152 fields, a field of 12,000 bytes."""

    async def main() -> None:
        async with uvicorn_site(app, http=http, tls=tls) as site:
            for head in (
                request("/" + "a" * 12_000),
                request("/", *(f"x-{number}: {number}" for number in range(150))),
                request("/", "cookie: " + "a" * 12_000),
            ):
                answer = await site.ask(head)
                assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]

    run(loop, main())


@pytest.mark.parametrize("line", [b"G?T / HTTP/1.1", b"GET /?x=y z HTTP/1.1", b"GET / HTTP1.1"])
def test_a_refusal_explains_itself(loop: Any, tls: Any, http: str, line: bytes, log: pytest.LogCaptureFixture) -> None:
    """400 with uvicorn's text, and a warning in its log, whether accesses are logged or not."""

    async def main() -> None:
        async with uvicorn_site(app, http=http, tls=tls, access_log=False) as site:
            answer = await site.ask(line + b"\r\nhost: a\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"connection: close" in head.lower()
        assert b"content-type: text/plain; charset=utf-8" in head.lower()
        assert INVALID in body

    run(loop, main())
    (warning,) = lines(log, logging.WARNING)
    assert warning.startswith(INVALID.decode())


@pytest.mark.parametrize("option", [20 * 1024, None])
def test_the_option_of_h11_limits_a_head(loop: Any, option: int | None) -> None:
    """Over `--h11-max-incomplete-event-size`, and without it over 256 KiB, a head is refused, with the text."""
    size = option or 256 * 1024

    async def main() -> None:
        async with uvicorn_site(app, h11_max_incomplete_event_size=option) as site:
            answer = await site.ask(b"GET / HTTP/1.1\r\nhost: a\r\ncookie: " + b"a" * size)
            assert answer.startswith(b"HTTP/1.1 431 ")
            assert answer.endswith(INVALID)
            assert (await site.ask(request("/", "cookie: " + "a" * (size - 200)))).startswith(b"HTTP/1.1 200 ")

    run(loop, main())


@pytest.mark.parametrize(("protocol", "libraries"), [("h2c", True), ("websocket", False), ("h2c", False)])
def test_an_upgrade_that_nobody_speaks(
    loop: Any, tls: Any, http: str, protocol: str, libraries: bool, log: pytest.LogCaptureFixture
) -> None:
    """The request is answered as if it had not asked, and uvicorn's log says so."""
    asks = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: %s\r\n\r\n" % protocol.encode()

    async def main() -> None:
        async with uvicorn_site(app, http=http, tls=tls, ws="auto" if libraries else "none") as site:
            assert (await site.ask(asks)).startswith(b"HTTP/1.1 200 ")

    run(loop, main())
    first, *more = lines(log, logging.WARNING)
    assert first == "Unsupported upgrade request."
    assert [line.partition(" detected")[0] for line in more] == [] if libraries else ["No supported WebSocket library"]


def test_connections_are_traced(loop: Any, tls: Any, http: str, log: pytest.LogCaptureFixture) -> None:
    """At the level TRACE uvicorn says of each connection when it is made and lost, with the client's address."""

    async def main() -> None:
        async with uvicorn_site(app, http=http, tls=tls) as site:
            reader, writer = await site.connect()
            _, port = writer.get_extra_info("sockname")
            writer.write(GET)
            await reader.read()
            writer.close()
            while site.state.connections:
                await asyncio.sleep(0.001)
        traced = [record.getMessage() for record in log.records if record.levelno == TRACE]
        assert traced == [f"127.0.0.1:{port} - HTTP connection {what}" for what in ("made", "lost")]

    run(loop, main())


def test_a_connection_that_is_handed_over_is_traced(loop: Any, http: str, log: pytest.LogCaptureFixture) -> None:
    """It is not lost but upgraded; the WebSocket protocol goes on with lines of its own."""
    pytest.importorskip("websockets")

    async def refusing(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    async def main() -> None:
        async with uvicorn_site(refusing, http=http, ws="websockets-sansio") as site:
            fields = "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: " + "A" * 22 + "=="
            await site.ask(request("/", *fields).replace(b"close", b"upgrade"))

    run(loop, main())
    expected = ["HTTP connection made", "Upgrading to WebSocket", "WebSocket connection made"]
    assert lines(log, TRACE)[:3] == expected


def test_messages_are_traced_by_uvicorn(loop: Any, http: str, log: pytest.LogCaptureFixture) -> None:
    """uvicorn's middleware sees the scope and each message."""
    logging.getLogger("uvicorn.asgi").setLevel(TRACE)

    async def main() -> None:
        async with uvicorn_site(app, http=http, log_level=TRACE) as site:
            await site.ask(GET)

    try:
        run(loop, main())
    finally:
        for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    traced = " ".join(lines(log, TRACE))
    for text in ("ASGI [1] Started", "ASGI [1] Send {'type': 'http.response.start'", "ASGI [1] Completed"):
        assert text in traced


def test_the_limit_of_concurrency_counts_connections(
    loop: Any, tls: Any, http: str, log: pytest.LogCaptureFixture
) -> None:
    """So many are too many: 503 with uvicorn's text, the end of the connection, and a warning."""

    async def main() -> None:
        async with uvicorn_site(app, http=http, tls=tls, limit_concurrency=2) as site:
            assert (await site.ask(GET)).startswith(b"HTTP/1.1 200 ")
            _, idle = await site.connect()
            while not site.state.connections:
                await asyncio.sleep(0.001)
            answer = await site.ask(GET)
            idle.close()
        assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"connection: close" in answer.lower()
        assert answer.endswith(b"\r\n\r\nService Unavailable")

    run(loop, main())
    assert lines(log, logging.WARNING) == ["Exceeded concurrency limit."]


async def slow_app(scope: Any, receive: Any, send: Any) -> None:
    """The same after some turns of the loop."""
    await asyncio.sleep(0.001)
    await app(scope, receive, send)


@pytest.mark.parametrize("application", [app, slow_app])
def test_requests_are_counted_while_their_number_is_limited(loop: Any, tls: Any, http: str, application: Any) -> None:
    """A connection that stays open does not hide its requests from `--limit-max-requests`."""

    async def main() -> None:
        async with uvicorn_site(application, http=http, limit_max_requests=100, tls=tls) as site:
            reader, writer = await site.connect()
            for number in range(1, 6):
                writer.write(GET.replace(b"connection: close\r\n", b""))
                await reader.readuntil(b"\r\n\r\n")
                await reader.readuntil(b" 1")
                assert site.state.total_requests == number
            writer.close()

    run(loop, main())


@pytest.mark.parametrize(("application", "version"), [(app, b"3.0"), (old_app, b"2.0")])
def test_the_version_of_asgi_is_the_application_s(loop: Any, http: str, application: Any, version: bytes) -> None:
    """An application in two steps is one of ASGI 2."""

    async def main() -> None:
        async with uvicorn_site(application, http=http) as site:
            assert (await site.ask(GET)).endswith(b"GET / " + version + b" 2")

    run(loop, main())


def test_a_request_is_logged_with_its_query(loop: Any, http: str, log: pytest.LogCaptureFixture) -> None:
    """The access log has method, target and status as uvicorn's formatter wants them."""

    async def main() -> None:
        async with uvicorn_site(app, http=http) as site:
            await site.ask(request("/some?foo=bar&baz=1"))

    run(loop, main())
    assert lines(log, logging.INFO) == ['"GET /some?foo=bar&baz=1 HTTP/1.1" 200']
