"""Passing a connection on to another protocol: everything after the handshake reaches the successor.

The successor is a list that collects bytes; tests/programs/test_uvicorn_websockets.py has real ones. Every split of the
bytes is tested in crates/wire.
"""

import asyncio
from typing import Any

import pytest
from driven import GET, Driven, Wire, plain, run, turns

pytestmark = pytest.mark.vitok_only

HANDSHAKE = GET[:-2] + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
FRAME = bytes(range(256))


class Successor:
    """What takes over: what it was given, in the order of arrival."""

    def __init__(self, driven: Driven) -> None:
        self.received: list[bytes] = []
        self.has_ended: list[bool] = []
        self.error: BaseException | None = None
        driven.hooks.upgrade = self.upgrade  # type: ignore[attr-defined]

    def upgrade(self, _protocol: Any, transport: Wire, received: bytes, has_ended: bool) -> bool:
        """The hook."""
        transport.protocol = self
        self.received.append(received)
        self.has_ended.append(has_ended)
        if self.error is not None:
            raise self.error
        return True

    def data_received(self, data: bytes) -> None:
        """What the transport brings later."""
        self.received.append(data)

    def connection_lost(self, _error: Exception | None) -> None:
        """The end."""

    @property
    def bytes(self) -> bytes:
        """Everything."""
        return b"".join(self.received)


class Slow:
    """An application that answers when the test says so."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.is_open.wait()
        await plain(scope, receive, send)


@pytest.mark.parametrize("requests", [0, 1, 20])
def test_bytes_behind_a_handshake_reach_the_successor(requests: int) -> None:
    """One segment brings requests, the handshake and a frame: the requests are answered, the rest is handed over."""

    async def main() -> None:
        driven = Driven(plain, allow_upgrade=True)
        successor = Successor(driven)
        wire = driven.connect()
        wire.send(GET * requests + HANDSHAKE + FRAME)
        await turns(40)
        assert successor.bytes == HANDSHAKE + FRAME
        assert wire.read().count(b"HTTP/1.1 200 ") == requests
        assert driven.server.connections == 0

    run(main)


def test_the_successor_is_told_of_an_end_that_came_before_it() -> None:
    """The client ends its side while a request in front of the handshake is answered."""

    async def main() -> None:
        application = Slow()
        driven = Driven(application, allow_upgrade=True)
        successor = Successor(driven)
        wire = driven.connect()
        wire.send(GET + HANDSHAKE + FRAME)
        wire.end()
        assert not wire.closing
        application.is_open.set()
        await turns()
        assert successor.bytes == HANDSHAKE + FRAME
        assert successor.has_ended == [True]

    run(main)


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_connection_whose_successor_fails_is_not_counted_any_more(is_slow: bool) -> None:
    """The hook raises, in `data_received` or in a callback of the loop: the connection ends, and counts no longer."""
    reports: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context["exception"]))
        application = Slow()
        driven = Driven(application, allow_upgrade=True)
        successor = Successor(driven)
        successor.error = LookupError("no such protocol")
        wire = driven.connect()
        if is_slow:
            wire.send(GET + HANDSHAKE)
            application.is_open.set()
            await turns()
            assert reports == [successor.error]
        else:
            with pytest.raises(LookupError):
                wire.send(HANDSHAKE)
        assert wire.is_aborted
        assert driven.server.connections == 0

    run(main)
