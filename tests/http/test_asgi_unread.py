"""Content that is announced and not sent yet, and content that is not read: 100 (Continue), and the rest.

RFC 9110 section 10.1.1 and RFC 9112 section 9.3. Content that is read is tested in test_asgi_receive.py.
"""

import time
from typing import Any

import pytest
from asgi_support import GET, Gate, echo, read_body, request, respond, serving

pytestmark = pytest.mark.vitok_only

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"


def test_100_is_sent_when_content_is_asked_for() -> None:
    """A client that waits for 100 (Continue) is told when `receive()` is first called, not before, and not twice."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await gate.wait()
        await respond(send, await read_body(receive))

    with serving(application) as site:
        client = site.connect()
        client.send(EXPECTING)
        site.wait(lambda: gate.waiting)
        assert client.has_nothing()
        gate.open()
        assert client.head().status == 100
        assert client.has_nothing()
        client.send(b"da")
        assert client.has_nothing()
        client.send(b"ta")
        answer = client.answer()
        assert (answer.status, answer.body, answer.interim) == (200, b"data", [])
        client.send(GET)
        site.wait(lambda: gate.waiting)
        gate.open()
        assert client.answer().status == 200


def test_100_is_not_sent_to_who_does_not_wait() -> None:
    """Whoever has sent content already, has none, or speaks 1.0 is not sent a 100 (RFC 9110 section 10.1.1)."""
    with serving(echo) as site:
        client = site.connect()
        answer = client.ask(EXPECTING + b"data")
        assert (answer.interim, answer.body) == ([], b"data")
        answer = client.ask(request("/", "expect: 100-continue"))
        assert (answer.interim, answer.body) == ([], b"")
        client.send(EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert client.has_nothing()
        client.send(b"data")
        answer = client.answer()
        assert (answer.interim, answer.body) == ([], b"data")


def test_an_answer_without_100() -> None:
    """An application that answers without asking for content says by it that it wants none; then the connection closes,
    since the client may send it or not."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, b"no", 417)

    with serving(application) as site:
        client = site.connect()
        answer = client.ask(EXPECTING)
        assert (answer.status, answer.interim) == (417, [])
        assert answer.one(b"connection") == b"close"
        assert client.end() == b""


def test_content_that_nobody_reads_does_not_disturb_the_next_request() -> None:
    """An application may answer without reading: the rest of the content is thrown away, not taken for a request."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, scope["path"].encode())

    body = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
    with serving(application) as site:
        client = site.connect()
        head = b"POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (2 * len(body))
        client.send(head + body)
        assert client.answer().body == b"/1"
        client.send(body + request("/2"))
        assert client.answer().body == b"/2"
        assert client.has_nothing()
        assert site.http.requests == 2


def test_too_much_content_that_nobody_reads() -> None:
    """If more than is worth reading is to come, the connection closes after the answer, which arrives nevertheless."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, b"enough")

    with serving(application) as site:
        client = site.connect()
        client.send(POST + b"content-length: 1000000\r\n\r\n" + bytes(1000))
        assert client.answer().body == b"enough"
        client.send(bytes(10_000))
        assert client.end() == b""


def test_too_many_chunks_that_nobody_reads() -> None:
    """The same for chunks, whose number shows only when they come: the connection closes then, and not much later."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, b"enough")

    with serving(application) as site:
        client = site.connect()
        client.send(POST + b"transfer-encoding: chunked\r\n\r\n")
        assert client.answer().body == b"enough"
        began = time.monotonic()
        client.send((b"1388\r\n" + bytes(5000) + b"\r\n") * 20 + b"0\r\n\r\n" + GET)
        assert client.end() == b""
        assert time.monotonic() - began < 5
        assert site.http.requests == 1


def test_chunks_that_are_wrong_and_that_nobody_reads() -> None:
    """Behind an answer, what is no chunk closes the connection without another answer."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, b"enough")

    with serving(application) as site:
        client = site.connect()
        client.send(POST + b"transfer-encoding: chunked\r\n\r\n")
        assert client.answer().body == b"enough"
        began = time.monotonic()
        client.send(b"nonsense\r\n" + GET)
        assert client.end() == b""
        assert time.monotonic() - began < 5
