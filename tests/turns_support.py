"""Counts the turns of a busy loop, with connections whose protocols record the turn of each call."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

# The number of turns after which a callback is assumed never to come.
LIMIT = 200


class Log(asyncio.Protocol, asyncio.DatagramProtocol):
    """A protocol that records its calls with the turn of each."""

    def __init__(self, turns: "Turns", name: str = "") -> None:
        self.turns = turns
        self.name = name
        self.transport: Any = None
        self.reply = b""

    def note(self, what: str) -> None:
        """Record a call."""
        self.turns.note(f"{self.name} {what}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        """Answer, if the test has an answer."""
        self.note("data")
        if self.reply:
            self.transport.write(self.reply)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A datagram has come."""
        self.note("datagram")

    def eof_received(self) -> None:
        """The peer has ended its side."""
        self.note("eof")

    def pause_writing(self) -> None:
        """Too much is buffered."""
        self.note("pause")

    def resume_writing(self) -> None:
        """Enough of it is gone."""
        self.note("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        """The transport is closed."""
        self.note("lost")


class Turns:
    """Keeps a loop busy and counts its turns, from the moment at which `cause` is called on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, busy: int) -> None:
        self.loop = loop
        self.calls: list[tuple[str, int]] = []
        self._busy = busy
        self._turn = 0
        self._since = 0
        self._is_over = False
        self._closing: list[Callable[[], object]] = []

    def run(self, case: "Callable[[Turns], Awaitable[None]]") -> list[tuple[str, int]]:
        """Run a case; what was called in it, with the turn of each call after its cause."""
        self.loop.run_until_complete(asyncio.wait_for(self._run(case), 30))
        return self.calls

    async def _run(self, case: "Callable[[Turns], Awaitable[None]]") -> None:
        try:
            await case(self)
        finally:
            noted = list(self.calls)
            self._is_over = True
            for close in reversed(self._closing):
                close()
            # Transports close their descriptors in a later turn.
            for _ in range(5):
                await asyncio.sleep(0)
            self.calls = noted

    def closing(self, close: Callable[[], object]) -> None:
        """Call this at the end."""
        self._closing.append(close)

    def note(self, what: str) -> None:
        """Write something down with the turn in which it happens."""
        self.calls.append((what.strip(), self._turn - self._since))

    async def cause(self) -> None:
        """Sleep, keep the loop busy for the chosen number of turns, and count from there."""
        await asyncio.sleep(0.002)
        self._count()
        until = self._turn + self._busy
        while self._turn < until:
            await asyncio.sleep(0)
        self.calls.clear()
        self._since = self._turn

    async def called(self, times: int) -> None:
        """Wait until so many calls are written down."""
        for _ in range(LIMIT):
            if len(self.calls) >= times:
                break
            await asyncio.sleep(0)

    def _count(self) -> None:
        self._turn += 1
        if not self._is_over:
            self.loop.call_soon(self._count)


def socket_pair(turns: Turns) -> tuple[socket.socket, socket.socket]:
    """Two connected Unix sockets that do not block."""
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setblocking(False)
        turns.closing(sock.close)
    return ours, theirs


async def connected_pair(turns: Turns, kind: str) -> tuple[Log, Log]:
    """The protocols of two connected streams on the loop, over TCP or over a Unix socket."""
    ours, theirs = Log(turns, "ours"), Log(turns, "theirs")
    if kind == "unix":
        for protocol, sock in zip((ours, theirs), socket_pair(turns), strict=True):
            await turns.loop.create_connection(lambda made=protocol: made, sock=sock)
    else:
        server = await turns.loop.create_server(lambda: theirs, "127.0.0.1", 0)
        await turns.loop.create_connection(lambda: ours, *server.sockets[0].getsockname())
        while theirs.transport is None:
            await asyncio.sleep(0)
        server.close()
    for protocol in (ours, theirs):
        turns.closing(protocol.transport.abort)
    return ours, theirs
