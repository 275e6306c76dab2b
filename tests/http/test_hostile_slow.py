"""Slow peers: with heads, with content, with reading. Each is cut off at its limit, without an effect on others.

All decisions are tested in crates/wire, where time passes as a test wants; here a real clock ends real connections. The
limits are short, so each test takes some tenths of a second.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_support import BLOCK, GET, echo, hello, request, respond, serving

pytestmark = pytest.mark.vitok_only

LIMIT = 0.25
# A tick, and a machine under load.
LATE = 2.0
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"


@pytest.fixture
def began() -> float:
    """When the test began."""
    return time.monotonic()


def within_limit(began: float, limit: float = LIMIT) -> bool:
    """Whether the limit is over, and not for long."""
    return limit * 0.9 <= time.monotonic() - began < limit + LATE


def test_a_client_that_says_nothing(began: float) -> None:
    """Who connects and says nothing is closed without a word."""
    with serving(hello, timeout_header=LIMIT, timeout_keep_alive=50) as site:
        assert site.connect().rest() == b""
        assert within_limit(began)


@pytest.mark.parametrize("data", [b"G", GET[:-1]])
def test_a_head_that_stops(began: float, data: bytes) -> None:
    """Who begins a head and stops is told 408 and closed."""
    with serving(hello, timeout_header=LIMIT, access_log=True) as site:
        client = site.connect()
        client.send(data)
        answer = client.answer()
        assert (answer.status, answer.one(b"connection")) == (408, b"close")
        assert client.rest() == b""
        assert within_limit(began)
        site.turn()
        assert "408" in site.hooks.lines[0]


def test_keep_alive(began: float) -> None:
    """A connection that is idle between requests is closed after its time, without a word."""
    with serving(hello, timeout_keep_alive=LIMIT, timeout_header=30) as site:
        client = site.connect()
        client.ask()
        later = time.monotonic()
        assert client.rest() == b""
        assert within_limit(later)


@pytest.mark.parametrize("name", ["timeout_header", "timeout_body", "timeout_keep_alive"])
@pytest.mark.parametrize("value", [None, 0])
def test_no_limits(name: str, value: Any) -> None:
    """None and 0 switch a limit off."""
    limits = {"timeout_header": 0.1, "timeout_body": 0.1, "timeout_keep_alive": 0.1, name: value}
    with serving(echo, **limits) as site:
        client = site.connect()
        if name == "timeout_header":
            client.send(GET[:5])
        elif name == "timeout_body":
            client.send(POST)
        else:
            client.ask()
        site.run(asyncio.sleep(0.4))
        assert client.has_nothing()
        assert site.http.connections == 1


@pytest.mark.parametrize("reads", [True, False])
def test_content_that_stops(began: float, reads: bool) -> None:
    """Content that stops arriving is 408 and a close, and the application that waits for it hears of a disconnect."""
    events: list[Any] = []
    over = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if not reads:
            await over.wait()
        while not events or events[-1]["type"] != "http.disconnect":
            events.append(await receive())

    with serving(application, timeout_body=LIMIT) as site:
        client = site.connect()
        client.send(POST + b"abc")
        answer = client.answer()
        assert (answer.status, answer.one(b"connection")) == (408, b"close")
        assert client.rest() == b""
        assert within_limit(began)
        over.set()
        site.wait(lambda: site.http.running == 0)
        assert events[-1] == {"type": "http.disconnect"}


class Endless:
    """An application that sends more than anybody takes; how is the subclass's."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer `/quick`, and send the rest."""
        if scope["path"] == "/quick":
            await respond(send, b"quick")
            return
        try:
            await self.answer(send)
        except OSError as error:
            self.errors.append(error)
            raise

    async def answer(self, send: Any) -> None:
        """A stream of blocks."""
        await send(start())
        for _ in range(400):
            await send(body(bytes(BLOCK), True))


class OneBlock(Endless):
    """Everything in one message."""

    async def answer(self, send: Any) -> None:
        """One message that the kernel does not take."""
        await respond(send, bytes(32 * 1024 * 1024))


class SomeFile(Endless):
    """A file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    async def answer(self, send: Any) -> None:
        """The file."""
        await send(start())
        await send({"type": "http.response.pathsend", "path": str(self.path)})


@pytest.fixture(params=["stream", "one message", "file"])
def endless(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endless]:
    """Applications that send a lot."""
    if request.param == "file":
        path = tmp_path / "large"
        with path.open("wb") as file:
            file.truncate(64 * 1024 * 1024)
        yield SomeFile(path)
    else:
        yield Endless() if request.param == "stream" else OneBlock()


def test_a_client_that_does_not_read(endless: Endless) -> None:
    """Who asks and does not read is cut; whoever sends hears of it; others are served meanwhile."""
    with serving(endless, timeout_body=LIMIT) as site:
        client, other = site.connect(receive_buffer=4096), site.connect()
        began = time.monotonic()
        client.send(GET)
        while site.http.connections == 2 and time.monotonic() - began < 3 * LIMIT + LATE:
            assert other.ask(request("/quick")).body == b"quick"
        assert site.http.connections == 1
        assert within_limit(began, 2 * LIMIT) or within_limit(began)
        site.wait(lambda: site.http.running == 0)
        assert len(client.end()) < 32 * 1024 * 1024


def test_a_client_that_reads_slowly(endless: Endless) -> None:
    """Who reads a little within each limit is not cut."""
    with serving(endless, timeout_body=LIMIT) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        until = time.monotonic() + 4 * LIMIT
        while time.monotonic() < until:
            client.take(2 * BLOCK)
            site.run(asyncio.sleep(LIMIT / 8))
        assert site.http.connections == 1
        client.close()
        site.wait(lambda: site.http.running == 0)


def test_a_last_answer_that_nobody_reads() -> None:
    """A response behind which the connection is to close is given its time, not more."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, bytes(32 * 1024 * 1024), headers=[(b"connection", b"close")])

    with serving(application, timeout_body=LIMIT) as site:
        client = site.connect(receive_buffer=4096)
        client.send(GET)
        site.wait(lambda: site.http.connections == 0)


@pytest.mark.parametrize("ending", ["half_close", None])
def test_a_refused_peer_that_stays(ending: str | None) -> None:
    """Who was refused is given two seconds to read it and to close, however much he sends meanwhile; then he is cut."""
    with serving(hello) as site:
        client = site.connect()
        began = time.monotonic()
        client.send(b"nonsense\r\n\r\n")
        assert client.answer().status == 400
        assert client.rest() == b""
        if ending is not None:
            client.half_close()
            site.wait(lambda: site.http.connections == 0)
            assert time.monotonic() - began < LATE
            return
        while site.http.connections and time.monotonic() - began < 10:
            try:
                client.offer(bytes(1000))
            except OSError:
                break
            site.run(asyncio.sleep(0.01))
        site.wait(lambda: site.http.connections == 0)
        assert time.monotonic() - began < 2 + 2 * LATE
