"""`vitok serve` as a child of a test, and plain clients for it.

The child's standard error is read up to the line with the address; the rest is read when the child has ended.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The applications of tests/http.
FOLDER = Path(__file__).resolve().parent / "http"
# A child that hangs is ended before the time limit of its test, so that its output is seen.
CHILD_SECONDS = 25
UP = re.compile(r"vitok serve: ((?:\S+:\S+ )+)\(")


class Served:
    """A child that serves, with its address and its output."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child
        self.errors = ""
        self.output = ""
        self.urls: list[str] = []

    @property
    def port(self) -> int:
        """The port of the first URL."""
        return int(self.urls[0].rpartition(":")[2])

    def read_until(self, what: str | re.Pattern[str]) -> re.Match[str]:
        """Read the standard error until a line contains this."""
        assert self.child.stderr is not None
        for line in self.child.stderr:
            self.errors += line
            if match := re.search(what, line):
                return match
        raise AssertionError(f"it ended before it said {what!r}:\n{self.errors}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit code."""
        self.child.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end, and return the exit code."""
        self.output, rest = self.child.communicate(timeout=CHILD_SECONDS)
        self.errors += rest
        return self.child.returncode

    def get(self, path: str = "/", **headers: str) -> dict[str, Any]:
        """Return the application's answer, on a connection of its own."""
        return get(self.port, path, **headers)


@contextmanager
def started(
    *words: str | Path,
    app: str = "asgi_apps:app",
    folder: Path = FOLDER,
    environment: dict[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> Iterator[Served]:
    """Run the command, and end it afterwards in any case. The application is in a module of the folder."""
    command = [sys.executable, "-m", "vitok", "serve", app, "--app-dir", str(folder), *map(str, words)]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        pass_fds=pass_fds,
    )
    with child:
        try:
            yield Served(child)
        finally:
            child.kill()


@contextmanager
def listening(child: subprocess.Popen[str]) -> Iterator[Served]:
    """Wait until another command listens, and end it afterwards in any case."""
    with child:
        try:
            served = Served(child)
            served.urls = served.read_until(UP)[1].split()
            yield served
        finally:
            child.kill()


@contextmanager
def serving(*words: str | Path, **options: Any) -> Iterator[Served]:
    """Run the command until it listens; by default on a port that the kernel chooses."""
    where = () if any(str(word) in ("--uds", "--fd", "--bind", "--port") for word in words) else ("--port", "0")
    with started(*where, *words, **options) as served:
        served.urls = served.read_until(UP)[1].split()
        yield served


def refused(*words: str | Path, app: str | None = "asgi_apps:app", **environment: str) -> tuple[int, list[str]]:
    """Run the command where it can't serve. Return its exit code and the lines on its standard error."""
    command = [sys.executable, "-m", "vitok", "serve", *([app] if app else []), *map(str, words)]
    child = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=False,
        cwd=FOLDER,
        env={**os.environ, **environment},
    )
    assert child.stdout == ""
    return child.returncode, child.stderr.splitlines()


def get(port: int, path: str = "/", **headers: str) -> dict[str, Any]:
    """Return the answer of the application on this port, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CHILD_SECONDS)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


def ask(sock: socket.socket, request: bytes = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") -> bytes:
    """Send a request and read until the server closes."""
    sock.settimeout(CHILD_SECONDS)
    sock.sendall(request)
    return drain(sock)


def drain(sock: socket.socket) -> bytes:
    """Read until the peer closes or resets."""
    found = b""
    try:
        while block := sock.recv(65536):
            found += block
    except ConnectionResetError:
        return found
    return found
