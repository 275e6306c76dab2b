"""Shared by the tests of pipe transports: two ends of each kind of file, and a transport over one of them."""

import asyncio
import contextlib
import os
import socket
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from net_support import run
from support import turn, turn_until

File = Any
Ends = tuple[File, File]


def unbuffered(descriptor: int, mode: str, *, closefd: bool = True) -> File:
    """Return a file object without a buffer."""
    return os.fdopen(descriptor, mode, 0, closefd=closefd)


def pipe_ends() -> Ends:
    """Return the reading and the writing end of a pipe."""
    reading, writing = os.pipe()
    return unbuffered(reading, "rb"), unbuffered(writing, "wb")


def socket_ends() -> Ends:
    """Return two ends of a Unix stream."""
    return socket.socketpair()


def terminal_ends() -> Ends:
    """Return a terminal, in raw mode: its master is read, its slave written."""
    master, slave = os.openpty()
    tty.setraw(slave)
    return unbuffered(master, "rb"), unbuffered(slave, "wb")


ENDS: dict[str, Callable[[], Ends]] = {"pipe": pipe_ends, "socket": socket_ends, "terminal": terminal_ends}


@contextmanager
def reading(loop: asyncio.AbstractEventLoop, protocol: Any, file: File, other: File) -> Iterator[Any]:
    """Make a transport that reads a file; afterwards it and the other end are closed."""
    transport, _ = run(loop, loop.connect_read_pipe(lambda: protocol, file))
    with contextlib.closing(other):
        yield transport
        transport.close()
        turn_until(loop, lambda: protocol.lost)
    assert is_closed(file)


@contextmanager
def writing(loop: asyncio.AbstractEventLoop, protocol: Any, file: File, other: File) -> Iterator[Any]:
    """Make a transport that writes to a file; afterwards it and the other end are closed."""
    transport, _ = run(loop, loop.connect_write_pipe(lambda: protocol, file))
    with contextlib.closing(other):
        yield transport
        if not transport.is_closing():
            transport.abort()
        turn_until(loop, lambda: protocol.lost)
    assert is_closed(file)


def is_closed(file: File) -> bool:
    """Return whether a file or a socket is closed."""
    return bool(file.fileno() == -1 if isinstance(file, socket.socket) else file.closed)


def read_now(file: File) -> bytes | None:
    """Return what can be read without waiting, or None."""
    os.set_blocking(file.fileno(), False)
    try:
        return os.read(file.fileno(), 1 << 20)
    except BlockingIOError:
        return None


def drain(loop: asyncio.AbstractEventLoop, file: File, count: int) -> bytes:
    """Return this many bytes, running the loop until they arrive."""
    got = bytearray()
    while len(got) < count:
        turn(loop)
        got += read_now(file) or b""
    return bytes(got)
