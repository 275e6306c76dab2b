"""Shared by the tests of transports and sockets: connections, servers and endpoints with bare peers.

The protocols are in net_protocols.py.
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
from net_protocols import DatagramRecorder, Hook, Recorder
from support import private, turn, turn_until

Result = TypeVar("Result")
Pair = tuple[socket.socket, socket.socket]

# The kernel's smallest buffer for a socket is a few KiB, whatever is asked for. With one of this size a Unix pair is
# full after some tens of KiB, so that further writes of a test stay in the transport's own buffer.
SMALL_BUFFER = 4096
# More than any pair of sockets here takes by itself: the rest is in the transport.
MORE_THAN_THE_KERNEL_TAKES = 4 * 1024 * 1024
# Enough turns for all further effects after the last event that a test waited for.
A_FEW = 5
# `SO_LINGER` with a time of zero: closing sends a reset instead of an end of file.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@contextmanager
def endpoint(
    loop: asyncio.AbstractEventLoop, protocol: DatagramRecorder | None = None, **options: Any
) -> Iterator[tuple[Any, DatagramRecorder]]:
    """Make a datagram endpoint, and close it afterwards."""
    made = protocol or DatagramRecorder()
    transport, _ = run(loop, loop.create_datagram_endpoint(lambda: made, **options))
    sock = transport.get_extra_info("socket")
    try:
        yield transport, made
    finally:
        # `abort()` of asyncio's own transport fails after it is completely closed.
        if sock.fileno() != -1:
            transport.abort()
            turn_until(loop, lambda: sock.fileno() == -1)


def datagram_peer(*, family: int = socket.AF_INET, receive_buffer: int | None = None) -> socket.socket:
    """Return a bare bound datagram socket of this machine, non-blocking."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
    sock.setblocking(False)
    return sock


def receive_datagram(loop: asyncio.AbstractEventLoop, peer: socket.socket) -> tuple[bytes, Any]:
    """Return the next datagram of a bare peer, running the loop until it arrives."""
    while True:
        try:
            return peer.recvfrom(1 << 16)
        except BlockingIOError:
            turn(loop)


def tcp_pair(*, receive_buffer: int | None = None) -> Pair:
    """Return both ends of a TCP connection on this machine, non-blocking, the client's end first."""
    with socket.socket() as listener:
        if receive_buffer is not None:
            # Accepted sockets inherit it, and the window is negotiated at the start.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    client.setblocking(False)
    accepted.setblocking(False)
    return client, accepted


def unix_pair(*, send_buffer: int | None = None) -> Pair:
    """Return two ends of a Unix stream, non-blocking."""
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
    """Return a transport and its bare peer. Afterwards both are closed and the protocol has been told."""
    ours, peer = pair or unix_pair()
    protocol = protocol if protocol is not None else Recorder()
    transport = connect(loop, protocol, ours)
    with peer:
        try:
            yield transport, peer
        finally:
            # `abort()` of asyncio's own transport fails after it is completely closed.
            if not loop.is_closed() and ours.fileno() != -1:
                transport.abort()
                turn_until(loop, lambda: ours.fileno() == -1)


def connect(loop: asyncio.AbstractEventLoop, protocol: Any, sock: socket.socket) -> Any:
    """Return the transport of a socket that is connected already."""
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
        """Make the protocol of the next client."""
        self.protocols.append(Recorder(**self.inside))
        return self.protocols[-1]

    @property
    def address(self) -> Any:
        """Return the address of the server's first socket."""
        return self.server.sockets[0].getsockname()

    def connect(self) -> socket.socket:
        """Connect one more client, and wait until the server has accepted it."""
        peer = socket.create_connection(self.address)
        self.peers.append(peer)
        peer.setblocking(False)
        turn_until(self.loop, lambda: len(self.protocols) == len(self.peers) and self.protocols[-1].transport)
        return peer

    def end(self) -> None:
        """Close everything, and wait until every protocol that was ever connected has been told."""
        self.server.close()
        # Connections that are being accepted get protocols now.
        turn(self.loop, 3)
        turn_until(self.loop, self.all_lost)
        turn(self.loop)
        for peer in self.peers:
            peer.close()

    def all_lost(self) -> bool:
        """Abort all connections, and return whether none is left."""
        connected = [protocol for protocol in self.protocols if protocol.transport is not None]
        for protocol in connected:
            if not protocol.transport.is_closing():
                protocol.transport.abort()
        return all(protocol.lost for protocol in connected)


@contextmanager
def serving(
    loop: asyncio.AbstractEventLoop, *, clients: int = 0, inside: dict[str, Hook] | None = None, **options: Any
) -> Iterator[Served]:
    """Run a server on this machine with this many clients, and with these hooks in its protocols."""
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
    """Return whether no socket listens at an address."""
    try:
        with socket.create_connection(address):
            return False
    except ConnectionRefusedError:
        return True


def receive(loop: asyncio.AbstractEventLoop, peer: socket.socket, count: int) -> bytes:
    """Return this many bytes of a bare peer, running the loop until they arrive."""
    got = bytearray()
    while len(got) < count:
        turn(loop)
        piece = receive_now(peer, count - len(got))
        if piece == b"":
            raise EOFError(f"only {len(got)} of {count} bytes")
        got += piece or b""
    return bytes(got)


def receive_all(loop: asyncio.AbstractEventLoop, peer: socket.socket) -> bytes:
    """Return everything from a bare peer up to the end of file, running the loop until it arrives."""
    got = bytearray()
    while (piece := receive_now(peer)) != b"":
        got += piece or b""
        turn(loop)
    return bytes(got)


def receive_now(peer: socket.socket, count: int = 1 << 20) -> bytes | None:
    """Return what a bare peer has just now: None for nothing, empty for the end of file."""
    try:
        return peer.recv(count)
    except BlockingIOError:
        return None


def send_all(loop: asyncio.AbstractEventLoop, peer: socket.socket, data: bytes) -> None:
    """Send from a bare peer, running the loop whenever the kernel takes no more."""
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
    """Write until the kernel takes no more and something stays in the transport's buffer; return how much was written.

    The socket's own buffer should be small, or this takes long.
    """
    written = 0
    while transport.get_write_buffer_size() == 0:
        transport.write(bytes(SMALL_BUFFER))
        written += SMALL_BUFFER
        turn(loop)
    return written


def reports_of(loop: asyncio.AbstractEventLoop) -> list[dict[str, Any]]:
    """Return a list of all later calls of the loop's exception handler."""
    seen: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: seen.append(context))
    return seen


def run(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end."""
    return loop.run_until_complete(coroutine)


def turns_share(loop: asyncio.AbstractEventLoop, seconds: float = 0.1) -> float:
    """Return the share of CPU time of an idle loop: near 0, and 1 for a busy loop."""
    loop.call_later(seconds, loop.stop)
    before = time.process_time()
    loop.run_forever()
    return (time.process_time() - before) / seconds


# A loop that sleeps needs a few turns in this time, one that spins all of it. The machine may be busy, but only this
# process's own time counts.
IDLE_SHARE_AT_MOST = 0.5


@contextmanager
def refusing_port() -> Iterator[int]:
    """Yield a port that is in use and refuses every connection, because its socket does not listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def skip_asyncio(loop_name: str, *, below: tuple[int, ...] = (99, 0), since: tuple[int, ...] = (3, 0)) -> None:
    """Skip asyncio's own loop on the versions from `since` up to, not including, `below`.

    This is for a promise of vitok that asyncio's own loop breaks in these versions; the test's docstring names it.
    """
    if loop_name == "asyncio" and since <= sys.version_info[:3] < below:
        pytest.skip("this Python's own loop does not keep it; see the docstring")


def is_open(number: int) -> bool:
    """Return whether a descriptor of this number is open in this process."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def bad(value: object) -> Any:
    """Return the same object, for an argument whose type is wrong on purpose."""
    return private(value)


@contextmanager
def full_listener() -> Iterator[tuple[socket.socket, list[socket.socket]]]:
    """A listener whose queue is full, with the clients in it: a further connection waits for the kernel's next try."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        clients = [socket.socket() for _ in range(3)]
        for client in clients:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        try:
            yield full, clients
        finally:
            for client in clients:
                client.close()
