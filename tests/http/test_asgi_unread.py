"""Content that is announced and not sent yet, and content that is not read: 100 (Continue), and the rest.

RFC 9110 section 10.1.1 and RFC 9112 section 9.3. Content that is read is tested in test_asgi_receive.py.
"""

from typing import Any

import pytest
from asgi_support import GET, Gate, read_body, respond, serving
from driven import Driven, plain, run, turns

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


@pytest.mark.parametrize("can_half_close", [True, False])
def test_an_upload_is_read_on_behind_its_answer(can_half_close: bool) -> None:
    """The server ends its side, or keeps both where a transport can't do that, until the client has ended."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect(can_half_close=can_half_close)
        wire.send(POST + b"content-length: 1000000\r\n\r\n")
        await turns()
        assert wire.read().startswith(b"HTTP/1.1 200 ")
        assert wire.has_ended_writing is can_half_close
        wire.send(bytes(10_000))
        assert not wire.closing
        wire.end()
        await turns()
        assert wire.is_over
        assert not wire.is_aborted
        assert driven.server.connections == 0

    run(main)
