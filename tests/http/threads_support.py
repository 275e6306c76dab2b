"""What tests of server threads have in common: a server with threads, and requests to a chosen thread."""

import contextlib
import json
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from served import CHILD_SECONDS, Served

APP = "threads_apps:app"
MAIN = "MainThread"
needs_free_threading = pytest.mark.skipif(
    getattr(sys, "_is_gil_enabled", lambda: True)(), reason="needs a Python without the GIL"
)
REQUEST = "GET {} HTTP/1.1\r\nhost: x\r\n\r\n"


class Client:
    """A connection that stays open."""

    def __init__(self, served: Served) -> None:
        url = served.urls[0]
        if url.startswith("unix:"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(CHILD_SECONDS)
            self.sock.connect(url.removeprefix("unix:"))
        else:
            self.sock = socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS)
        self._rest = b""

    def send(self, path: str) -> None:
        """Send a request."""
        self.sock.sendall(REQUEST.format(path).encode())

    def read(self) -> dict[str, Any]:
        """Read an answer. AssertionError for anything else than 200."""
        data = b""
        while not data.endswith(b"}"):
            piece = self.sock.recv(65536)
            assert piece, data
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), data
        found: dict[str, Any] = json.loads(body)
        return found

    def ask(self, path: str = "/") -> dict[str, Any]:
        """Send a request and read its answer."""
        self.send(path)
        return self.read()

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()


@contextlib.contextmanager
def clients_of_all(served: Served, count: int) -> Iterator[dict[str, Client]]:
    """Yield a connection in each thread, by the thread's name. Further ones stay open meanwhile."""
    with ExitStack() as stack:
        found: dict[str, Client] = {}
        while len(found) < count:
            client = Client(served)
            stack.callback(client.close)
            found.setdefault(client.ask()["thread"], client)
        yield found


def names(count: int) -> set[str]:
    """The names of the threads of a server with so many."""
    return {MAIN, *(f"vitok server {number}" for number in range(2, count + 1))}


def open_to_all(served: Served, stack: ExitStack, count: int) -> None:
    """Open connections one after the other, which stay, until each of so many threads has one; no other has any.

    Usually that takes as many; a thread that is awake may be faster than one that is woken.
    """
    seen: set[str] = set()
    while len(seen) < count:
        seen |= spread(served, stack, 1).keys()
    assert seen == names(count)


def spread(served: Served, stack: ExitStack, count: int) -> Counter[str]:
    """Open connections one after the other, which stay, and count them by their threads."""
    seen: Counter[str] = Counter()
    for _ in range(count):
        client = Client(served)
        stack.callback(client.close)
        seen[client.ask()["thread"]] += 1
    return seen


def output_until(served: Served, start: str) -> str:
    """Read the standard output until a line begins with this, and return that line."""
    assert served.child.stdout is not None
    while not (line := served.child.stdout.readline()).startswith(start):
        assert line, "it has ended"
    return line.rstrip("\n")
