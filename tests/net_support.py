"""What the tests of transports and sockets share: protocols that write down their calls, and bare peers.

A test says in a protocol's hooks what is to happen inside a call, and reads from the protocol what was called in which
order. It knows nothing of what any test expects.
"""

import asyncio
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from support import private, turn, turn_until

Result = TypeVar("Result")
Pair = tuple[socket.socket, socket.socket]
Hook = Callable[..., Any]

# The kernel's least buffer for a socket is a few KiB whatever is asked for. With one of this size a Unix pair is full
# after some tens of KiB, so that what a test writes behind it stays in the transport's own buffer.
SMALL_BUFFER = 4096
# More than any socket pair here takes on its own: the rest is the transport's.
MORE_THAN_THE_KERNEL_TAKES = 4 * 1024 * 1024
# `SO_LINGER` switched on with no time to linger: closing sends a reset instead of an end of file.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Calls:
    """Writes down every call of a protocol's method, and then does what the test wants done inside it."""

    def __init__(self, **inside: Hook) -> None:
        self.inside = inside
        self.calls: list[str] = []
        self.lost: list[BaseException | None] = []
        self.transport: Any = None

    def called(self, name: str, *arguments: object) -> Any:
        """Write the call down and run the hook of this name, if there is one."""
        self.calls.append(name)
        hook = self.inside.get(name)
        return hook(*arguments) if hook is not None else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which hooks use."""
        self.transport = transport
        self.called("connection_made", transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Keep what the connection was lost for, each time."""
        self.lost.append(exc)
        self.called("connection_lost", exc)

    def pause_writing(self) -> None:
        """Called when too much is buffered."""
        self.called("pause_writing")

    def resume_writing(self) -> None:
        """Called when enough of it is gone."""
        self.called("resume_writing")


class Recorder(Calls, asyncio.Protocol):
    """A plain protocol that gathers what it receives."""

    def __init__(self, **inside: Hook) -> None:
        super().__init__(**inside)
        self.data = bytearray()
        self.sizes: list[int] = []

    def data_received(self, data: bytes) -> None:
        """Gather the data and the size of each piece."""
        self.data += data
        self.sizes.append(len(data))
        self.called("data_received", data)

    def eof_received(self) -> bool | None:
        """A hook's result decides whether the connection stays open."""
        kept: bool | None = self.called("eof_received")
        return kept


class BufferedRecorder(Calls, asyncio.BufferedProtocol):
    """A buffered protocol with a buffer of its own, which a hook of `get_buffer` may replace."""

    def __init__(self, size: int = 65536, **inside: Hook) -> None:
        super().__init__(**inside)
        self.buffer: Any = bytearray(size)
        self.data = bytearray()
        self.sizes: list[int] = []
        self.hints: list[int] = []

    def get_buffer(self, sizehint: int) -> Any:
        """The buffer, or what the hook gives instead."""
        self.hints.append(sizehint)
        given = self.called("get_buffer", sizehint)
        return self.buffer if given is None else given

    def buffer_updated(self, nbytes: int) -> None:
        """Gather what is new in the buffer."""
        self.data += memoryview(self.buffer)[:nbytes]
        self.sizes.append(nbytes)
        self.called("buffer_updated", nbytes)

    def eof_received(self) -> bool | None:
        """A hook's result decides whether the connection stays open."""
        kept: bool | None = self.called("eof_received")
        return kept


def tcp_pair(*, receive_buffer: int | None = None) -> Pair:
    """Two ends of a TCP connection on this machine, non-blocking, the first one being the client's."""
    with socket.socket() as listener:
        if receive_buffer is not None:
            # What is accepted inherits it, and the window is agreed on at the beginning.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    client.setblocking(False)
    accepted.setblocking(False)
    return client, accepted


def unix_pair(*, send_buffer: int | None = None) -> Pair:
    """Two ends of a Unix stream, non-blocking."""
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
        if send_buffer is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    return pair


PAIRS: dict[str, Callable[[], Pair]] = {"tcp": tcp_pair, "unix": unix_pair}


@contextmanager
def wired(
    loop: asyncio.AbstractEventLoop, protocol: Any = None, *, pair: Pair | None = None
) -> Iterator[tuple[Any, socket.socket]]:
    """A transport and its bare peer. Afterwards both are closed and the protocol has been told so."""
    ours, peer = pair or unix_pair()
    protocol = protocol if protocol is not None else Recorder()
    transport = connect(loop, protocol, ours)
    with peer:
        try:
            yield transport, peer
        finally:
            # asyncio's own transport fails in `abort()` when it is already through with closing.
            if not loop.is_closed() and ours.fileno() != -1:
                transport.abort()
                turn_until(loop, lambda: ours.fileno() == -1)


def connect(loop: asyncio.AbstractEventLoop, protocol: Any, sock: socket.socket) -> Any:
    """The transport of a socket that is connected already."""
    transport, _ = loop.run_until_complete(loop.create_connection(lambda: protocol, sock=sock))
    return transport


class Served:
    """A server whose clients are bare sockets: `protocols[n]` serves `peers[n]`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **inside: Hook) -> None:
        self.loop = loop
        self.inside = inside
        self.protocols: list[Recorder] = []
        self.peers: list[socket.socket] = []
        self.server: Any = None

    def factory(self) -> Recorder:
        """Make the next client's protocol."""
        self.protocols.append(Recorder(**self.inside))
        return self.protocols[-1]

    @property
    def address(self) -> Any:
        """Where the first of the server's sockets listens."""
        return self.server.sockets[0].getsockname()

    def connect(self) -> socket.socket:
        """One more client, which the server has accepted."""
        peer = socket.create_connection(self.address)
        self.peers.append(peer)
        peer.setblocking(False)
        turn_until(self.loop, lambda: len(self.protocols) == len(self.peers) and self.protocols[-1].transport)
        return peer

    def end(self) -> None:
        """Close everything, and wait until every protocol has heard of it."""
        self.server.close()
        for protocol in self.protocols:
            if protocol.transport is not None and not protocol.lost:
                protocol.transport.abort()
        turn_until(self.loop, lambda: all(protocol.lost for protocol in self.protocols))
        turn(self.loop)
        for peer in self.peers:
            peer.close()


@contextmanager
def serving(
    loop: asyncio.AbstractEventLoop, *, clients: int = 0, inside: dict[str, Hook] | None = None, **options: Any
) -> Iterator[Served]:
    """A server on this machine with so many clients, and with these hooks in its protocols."""
    served = Served(loop, **(inside or {}))
    options = {"host": "127.0.0.1", "port": 0, **options}
    served.server = run(loop, loop.create_server(served.factory, **options))
    try:
        for _ in range(clients):
            served.connect()
        yield served
    finally:
        served.end()


def refuses(address: Any) -> bool:
    """Whether nobody listens at an address."""
    try:
        with socket.create_connection(address):
            return False
    except ConnectionRefusedError:
        return True


def receive(loop: asyncio.AbstractEventLoop, peer: socket.socket, count: int) -> bytes:
    """So many bytes from a bare peer, with the loop turning until they are there."""
    got = bytearray()
    while len(got) < count:
        turn(loop)
        piece = receive_now(peer, count - len(got))
        if piece == b"":
            raise EOFError(f"only {len(got)} of {count} bytes")
        got += piece or b""
    return bytes(got)


def receive_all(loop: asyncio.AbstractEventLoop, peer: socket.socket) -> bytes:
    """Everything from a bare peer up to the end of file, with the loop turning until that is there."""
    got = bytearray()
    while (piece := receive_now(peer)) != b"":
        got += piece or b""
        turn(loop)
    return bytes(got)


def receive_now(peer: socket.socket, count: int = 1 << 20) -> bytes | None:
    """What a bare peer has just now: None for nothing, empty for the end of file."""
    try:
        return peer.recv(count)
    except BlockingIOError:
        return None


def send_all(loop: asyncio.AbstractEventLoop, peer: socket.socket, data: bytes) -> None:
    """Send from a bare peer, with the loop turning whenever the kernel takes no more."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[peer.send(rest) :]
        except BlockingIOError:
            turn(loop)


def reset(peer: socket.socket) -> None:
    """Close a TCP socket so that the other end is told of a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    peer.close()


def fill(loop: asyncio.AbstractEventLoop, transport: Any) -> int:
    """Write until the kernel takes no more and something stays in the transport's buffer; gives how much was written.

    The socket's own buffer should be small, or this takes long.
    """
    written = 0
    while transport.get_write_buffer_size() == 0:
        transport.write(bytes(SMALL_BUFFER))
        written += SMALL_BUFFER
        turn(loop)
    return written


def reports_of(loop: asyncio.AbstractEventLoop) -> list[dict[str, Any]]:
    """What the loop's exception handler is called with from here on."""
    seen: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: seen.append(context))
    return seen


def run(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end."""
    return loop.run_until_complete(coroutine)


def turns_share(loop: asyncio.AbstractEventLoop, seconds: float = 0.1) -> float:
    """How much of some time the loop spends in computing when nothing is to be done: near 0, and 1 in a busy loop."""
    loop.call_later(seconds, loop.stop)
    before = time.process_time()
    loop.run_forever()
    return (time.process_time() - before) / seconds


# A loop that sleeps needs a few turns in such a time, one that spins needs all of it. The machine may be busy, but what
# is counted is this process's own time.
IDLE_SHARE_AT_MOST = 0.5


def unused_port() -> int:
    """A port of this machine at which nobody listens and which the system will not hand out again soon."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that is taken and refuses every connection, because its owner does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def skip_asyncio(loop_name: str, *, below: tuple[int, int] = (99, 0), since: tuple[int, int] = (3, 0)) -> None:
    """Leave asyncio's own loop out on the versions from `since` up to, not including, `below`.

    For a promise of ours that these versions' own loop breaks; the test says which in its docstring.
    """
    if loop_name == "asyncio" and since <= sys.version_info[:2] < below:
        pytest.skip("this Python's own loop does not keep it; see the docstring")


def is_open(number: int) -> bool:
    """Whether a descriptor of this number is open in this process."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def bad(value: object) -> Any:
    """The same object, given where its type is wrong on purpose."""
    return private(value)
