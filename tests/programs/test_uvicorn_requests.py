"""Requests and responses with `vitok.uvicorn:Protocol` and with uvicorn's own protocol, which is the control.

Logs and refused requests are tested in test_uvicorn_behaviour.py.
"""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn_site import OURS, UvicornSite, run, uvicorn_site

LAST = "connection: close"


def request(*fields: str, method: str = "GET", body: bytes = b"", version: str = "1.1") -> bytes:
    """A request with these fields."""
    length = [f"content-length: {len(body)}"] if body else []
    head = [f"{method} / HTTP/{version}", "host: a", *fields, *length, "", ""]
    return "\r\n".join(head).encode() + body


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    """Answers with the content of the request."""
    content, more = b"", True
    while more:
        event = await receive()
        assert event["type"] == "http.request"
        content += event.get("body", b"")
        more = event.get("more_body", False)
    await respond(send, content)


async def respond(send: Any, content: bytes = b"ok", status: int = 200) -> None:
    """A response of one message."""
    fields = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture(params=[OURS, "h11"])
def http(request: pytest.FixtureRequest) -> str:
    """Ours, and one of uvicorn's own."""
    name: str = request.param
    return name


async def answers(site: UvicornSite, count: int, data: bytes) -> bytes:
    """Send several requests at once, and read as many contents `ok`, the connection left open."""
    reader, writer = await site.connect()
    writer.write(data)
    found = b""
    for _ in range(count):
        found += await reader.readuntil(b"\r\n\r\nok")
    writer.close()
    return found


def asked(loop: Any, http: str, app: Any, data: bytes, **settings: Any) -> bytes:
    """Everything that the server answers until it closes."""
    found: list[bytes] = []

    async def main() -> None:
        async with uvicorn_site(app, http=http, **settings) as site:
            found.append(await site.ask(data))

    run(loop, main())
    return found[0]


@pytest.mark.parametrize("content", [b"", b'{"hello": "world"}', bytes(range(256)) * 1000])
def test_content_arrives_whole(loop: Any, tls: Any, http: str, content: bytes) -> None:
    """None, some, and more than is kept at a time."""
    answer = asked(loop, http, echo, request(LAST, method="POST", body=content), tls=tls)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.partition(b"\r\n\r\n")[2] == content


def test_a_response_to_head_has_no_content(loop: Any, tls: Any, http: str) -> None:
    """The length stays."""
    head, _, content = asked(loop, http, ok, request(LAST, method="HEAD"), tls=tls).partition(b"\r\n\r\n")
    assert b"content-length: 2" in head.lower()
    assert content == b""


async def ok(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers without reading."""
    await respond(send)


def test_pipelined_requests_are_answered_in_order(loop: Any, tls: Any, http: str) -> None:
    """Over one connection, which is kept."""

    async def main() -> None:
        async with uvicorn_site(ok, http=http, tls=tls) as site:
            assert (await answers(site, 3, request() * 3)).count(b"HTTP/1.1 200 OK") == 3

    run(loop, main())


@pytest.mark.parametrize("field", ["connection: close", "connection: x, close", "connection: Close"])
def test_a_connection_ends_where_the_client_says_so(loop: Any, http: str, field: str) -> None:
    """What is pipelined behind the last request is not answered."""
    answer = asked(loop, http, ok, request(field) + request())
    assert answer.count(b"HTTP/1.1 ") == 1


def test_an_old_client(loop: Any, tls: Any, http: str) -> None:
    """HTTP/1.0 closes behind the response, and the scope says which version it was."""
    versions: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        versions.append(scope["http_version"])
        await respond(send)

    assert asked(loop, http, app, request(version="1.0"), tls=tls).endswith(b"\r\n\r\nok")
    assert versions == ["1.0"]


def test_continue_is_sent_when_the_content_is_wanted(loop: Any, http: str) -> None:
    """A client that waits for it is told before the application gets its content, and not where none is read."""

    async def main() -> None:
        async with uvicorn_site(echo, http=http) as site:
            reader, writer = await site.connect()
            writer.write(request(LAST, "expect: 100-continue", "content-length: 2", method="POST"))
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 Continue")
            writer.write(b"hi")
            assert (await reader.read()).endswith(b"\r\n\r\nhi")
            writer.close()

    run(loop, main())
    answer = asked(loop, http, ok, request(LAST, "expect: 100-continue", "content-length: 2", method="POST"))
    assert answer.startswith(b"HTTP/1.1 200 OK")


async def raises(_scope: Any, _receive: Any, _send: Any) -> None:
    """Raises before it answers."""
    raise LookupError


async def returns(_scope: Any, _receive: Any, _send: Any) -> None:
    """Does not answer."""


async def begins_with_content(_scope: Any, _receive: Any, send: Any) -> None:
    """Sends content without a start."""
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("app", [raises, returns, begins_with_content])
def test_an_application_without_a_response(
    loop: Any, tls: Any, http: str, app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets 500 and the end of the connection, the log an error."""
    assert asked(loop, http, app, request(), tls=tls).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == ["uvicorn.error"]


def test_an_application_that_breaks_off(loop: Any, tls: Any, http: str, caplog: pytest.LogCaptureFixture) -> None:
    """What has left stays, the end of the chunks is missing."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"1", "more_body": True})
        await asyncio.sleep(0)
        raise LookupError

    answer = asked(loop, http, app, request(), tls=tls)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not answer.endswith(b"0\r\n\r\n")
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == ["uvicorn.error"]


def test_the_request_is_over_behind_the_response(loop: Any, http: str) -> None:
    """`receive()` then says so."""
    events: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await respond(send)
        events.append(await receive())

    asked(loop, http, app, request(LAST, method="POST", body=b"some"))
    assert events == [{"type": "http.disconnect"}]


def test_a_client_that_leaves_ends_the_request(loop: Any, tls: Any, http: str) -> None:
    """`receive()` says so to an application that waits."""
    events: list[str] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while not events or events[-1] != "http.disconnect":
            events.append((await receive())["type"])

    async def main() -> None:
        async with uvicorn_site(app, http=http, tls=tls) as site:
            _, writer = await site.connect()
            writer.write(request(method="POST", body=b"some"))
            while not events:
                await asyncio.sleep(0.001)
            writer.transport.abort()
            while events[-1] != "http.disconnect":
                await asyncio.sleep(0.001)

    run(loop, main())
    assert events == ["http.request", "http.disconnect"]


def test_the_scope_tells_about_tls(loop: Any, tls: Any) -> None:
    """Ours has the extension `tls` of ASGI, which uvicorn's own does not, over TLS only."""
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(scope["extensions"].get("tls"))
        await respond(send)

    for _ in range(2):
        assert asked(loop, OURS, app, request(LAST), tls=tls).endswith(b"\r\n\r\nok")
    if tls is None:
        assert told == [None, None]
    else:
        assert [one["tls_version"] for one in told] == [0x0304] * 2
        assert None not in [one["cipher_suite"] for one in told]
