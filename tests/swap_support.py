"""Helpers for the tests of reused descriptors: a socket is closed in the middle of a call, and its number reused.

The user's code does so when the loop calls it between two of its own steps. This module does not depend on a loop.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from net_support import Pair, receive_now, unix_pair

# From this version on, a class in Python can export a buffer by `__buffer__`, which is the user's code.
needs_buffer_method = pytest.mark.skipif(sys.version_info < (3, 12), reason="Python classes have no __buffer__")

ANOTHERS = b"another's"


class Swap:
    """Closes a file when it is called for the first time, and puts a copy of another one under its number.

    A call does nothing until the test sets `is_armed`.
    """

    def __init__(self, close: Callable[[], object], number: int, other: int) -> None:
        self._close = close
        self.number = number
        self._other = other
        self.is_armed = False
        self.is_done = False

    def __call__(self, *_: object) -> None:
        """Swap, once."""
        if self.is_armed and not self.is_done:
            self.is_done = True
            self._close()
            os.dup2(self._other, self.number)

    def undo(self) -> None:
        """Close the copy."""
        if self.is_done:
            os.close(self.number)


class Other:
    """The two ends of the file that gets the number. A read by the number returns data, or blocks."""

    def __init__(self, pair: Pair, *, is_readable: bool) -> None:
        self.sock, self.peer = pair
        self._content = ANOTHERS if is_readable else None
        if is_readable:
            self.peer.send(ANOTHERS)

    def assert_untouched(self) -> None:
        """Check that the file was not read, not written, and that neither direction was ended."""
        assert receive_now(self.sock) == self._content
        assert receive_now(self.peer) is None
        self.sock.send(b"still open")
        assert self.peer.recv(100) == b"still open"


@contextmanager
def swapping(sock: Any, pair: Pair | None = None, *, is_readable: bool = True) -> Iterator[tuple[Swap, Other]]:
    """Yield a swap for a socket, or for another file that has `fileno()` and `close()`."""
    other = Other(pair or unix_pair(), is_readable=is_readable)
    swap = Swap(sock.close, sock.fileno(), other.sock.fileno())
    with contextlib.closing(other.sock), contextlib.closing(other.peer):
        try:
            yield swap, other
        finally:
            swap.undo()


class Exporter:
    """An object with a buffer, which calls a hook whenever its buffer is requested."""

    def __init__(self, content: bytes | bytearray, hook: Callable[[], object]) -> None:
        self.content = content
        self.hook = hook

    def __len__(self) -> int:
        """Return the length of the content."""
        return len(self.content)

    def __buffer__(self, flags: int) -> memoryview:
        """Call the hook, then return the content's own buffer."""
        self.hook()
        return memoryview(self.content)


class ExportingBytearray(bytearray):
    """Such an object for calls that accept only bytes, bytearray and memoryview."""

    hook: Callable[[], object] = staticmethod(lambda: None)

    def __buffer__(self, flags: int) -> memoryview:
        """Call the hook, then return the bytes."""
        self.hook()
        return memoryview(bytes(bytearray.__getitem__(self, slice(None))))


def udp_pair() -> Pair:
    """Return two non-blocking UDP sockets of this machine that are connected to each other."""
    one, two = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for sock in (one, two):
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
    one.connect(two.getsockname())
    two.connect(one.getsockname())
    return one, two
