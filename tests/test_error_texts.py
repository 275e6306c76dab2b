"""The texts of the kernel's errors are Python's own, without additions.

The causes of errors are not tested here.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import turn, turn_until


def assert_plain(error: object, *numbers: int) -> None:
    """An error of the kernel's as Python makes it."""
    assert isinstance(error, OSError)
    assert error.errno in numbers
    assert error.args == (error.errno, os.strerror(error.errno or 0))
    assert str(error) == f"[Errno {error.errno}] {os.strerror(error.errno or 0)}"


class Ending(asyncio.Protocol):
    """Keeps what it was lost to."""

    def __init__(self) -> None:
        self.lost: list[Exception | None] = []

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.lost.append(exc)

    def error_received(self, exc: Exception) -> None:
        """An error that a datagram endpoint lives on with."""
        self.lost.append(exc)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Nothing is sent."""


@pytest.mark.parametrize("method", ["add_reader", "add_writer"])
def test_watching(loop: asyncio.AbstractEventLoop, tmp_path: Path, method: str) -> None:
    """Line "An OSError's text has a suffix": a closed number, and a file that can't be watched."""
    watch: Callable[..., None] = getattr(loop, method)
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError) as closed:
        watch(reading, int)
    assert_plain(closed.value, errno.EBADF)
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError) as regular:
        watch(file, int)
    assert_plain(regular.value, errno.EPERM)


def test_a_stream_that_is_reset(loop: asyncio.AbstractEventLoop) -> None:
    """Line "An OSError's text has a suffix": what a protocol is told of a reset, whoever sees it first."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for writes in (False, True):
            peer = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
            transport, protocol = loop.run_until_complete(loop.create_connection(Ending, sock=ours))
            if writes:
                transport.pause_reading()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            while not protocol.lost:
                if writes:
                    transport.write(b"x" * 100000)
                turn(loop)
            assert_plain(protocol.lost[0], errno.ECONNRESET, errno.EPIPE)


def test_a_pipe_without_a_reader(loop: asyncio.AbstractEventLoop) -> None:
    """Line "An OSError's text has a suffix": writing to a pipe whose reader goes."""
    reading, writing = os.pipe()
    transport, protocol = loop.run_until_complete(loop.connect_write_pipe(Ending, os.fdopen(writing, "wb", 0)))
    os.close(reading)
    transport.write(b"x")
    turn_until(loop, lambda: protocol.lost)
    if protocol.lost[0] is not None:
        assert_plain(protocol.lost[0], errno.EPIPE)


def test_a_datagram_that_nobody_takes(loop: asyncio.AbstractEventLoop) -> None:
    """Line "An OSError's text has a suffix": a port that is closed, a datagram that is too large."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    making = loop.create_datagram_endpoint(Ending, remote_addr=address)
    transport, protocol = loop.run_until_complete(making)
    transport.sendto(b"x")
    turn_until(loop, lambda: protocol.lost)
    assert_plain(protocol.lost[0], errno.ECONNREFUSED)
    transport.sendto(b"x" * 70000)
    turn_until(loop, lambda: len(protocol.lost) == 2)
    assert_plain(protocol.lost[1], errno.EMSGSIZE)
    transport.close()
    loop.run_until_complete(asyncio.sleep(0))
