"""WSGI applications that the tests of `--interface wsgi` serve, by name or as objects."""

import concurrent.futures
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Environ = dict[str, Any]
Start = Callable[..., Callable[[bytes], None]]

NAMES = (
    "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "SERVER_PROTOCOL",
    "REMOTE_ADDR", "HTTP_COOKIE", "HTTP_X_FORWARDED_FOR", "HTTP_X_A", "wsgi.url_scheme", "wsgi.multithread",
)  # fmt: skip


def app(environ: Environ, start_response: Start) -> Any:
    """Answer by the path: what was asked, the content, parts of a response, exceptions."""
    handler = HANDLERS.get(environ["PATH_INFO"], seen)
    return handler(environ, start_response)


def seen(environ: Environ, start_response: Start) -> list[bytes]:
    """Return what `environ` has."""
    content = {name: environ[name] for name in NAMES if name in environ}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(content).encode()]


def echo(environ: Environ, start_response: Start) -> list[bytes]:
    """Return the content."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [environ["wsgi.input"].read()]


def lines(environ: Environ, start_response: Start) -> list[bytes]:
    """Return the length of each line of the content, which is read line by line."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    source = environ["wsgi.input"]
    first = source.readline(4)
    return [f"{first!r} {[len(line) for line in source]}".encode()]


def broken(environ: Environ, start_response: Start) -> list[bytes]:
    """Raise before the response."""
    raise RuntimeError("broken on purpose")


class Endless:
    """Parts without an end, of which somebody may ask whether they were closed."""

    closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    def close(self) -> None:
        """Note that it was called."""
        Endless.closed.set()


def endless(environ: Environ, start_response: Start) -> Endless:
    """Return parts without an end."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Endless()


def torn(environ: Environ, start_response: Start) -> Iterator[bytes]:
    """Raise after the first part."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    yield b"first"
    raise RuntimeError("torn on purpose")


def written(environ: Environ, start_response: Start) -> list[bytes]:
    """Use what `start_response` returns."""
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(b"written ")
    return [b"and returned"]


def too_long(environ: Environ, start_response: Start) -> Iterator[bytes]:
    """Return more than the length that was announced."""
    start_response("200 OK", [("Content-Length", "3")])
    for _ in range(100):
        yield b"more than that"


MEETING = threading.Barrier(4)


def meeting(environ: Environ, start_response: Start) -> list[bytes]:
    """Answer once four requests are in here at the same time."""
    MEETING.wait(20)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [threading.current_thread().name.encode()]


def slow(environ: Environ, start_response: Start) -> list[bytes]:
    """Answer after a moment, of which the test is told."""
    print("slow has begun", file=environ["wsgi.errors"], flush=True)
    time.sleep(0.5)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"slow"]


def upload(environ: Environ, start_response: Start) -> list[bytes]:
    """Read all content, and say how that ended."""
    print("upload has begun", file=environ["wsgi.errors"], flush=True)
    try:
        environ["wsgi.input"].read()
    except OSError as error:
        print(f"upload: {error}", file=environ["wsgi.errors"], flush=True)
        raise
    start_response("200 OK", [])
    return [b"whole"]


def text(environ: Environ, start_response: Start) -> list[Any]:
    """Return what is no bytes."""
    start_response("200 OK", [])
    return ["text"]


def silent(environ: Environ, start_response: Start) -> list[bytes]:
    """Do not start the response."""
    return [b"x"]


def twice(environ: Environ, start_response: Start) -> list[bytes]:
    """Start it twice."""
    start_response("200 OK", [])
    start_response("201 Created", [])
    return []


def leaving(environ: Environ, start_response: Start) -> Iterator[bytes]:
    """Want to exit, late."""
    start_response("200 OK", [])
    yield b""
    sys.exit(3)


def exiting(environ: Environ, start_response: Start) -> list[bytes]:
    """Want to exit."""
    sys.exit(3)


def stopping(environ: Environ, start_response: Start) -> list[bytes]:
    """Ask an iterator for more than it has."""
    return [next(iter([]))]


def cancelling(environ: Environ, start_response: Start) -> list[bytes]:
    """Use the result of a task of another executor that was cancelled."""
    raise concurrent.futures.CancelledError


def replaced(environ: Environ, start_response: Start) -> list[bytes]:
    """Replace a head that is not sent yet."""
    start_response("200 OK", [("X-A", "1")])
    try:
        raise ValueError("a reason")
    except ValueError:
        start_response("503 Later", [("X-B", "2")], sys.exc_info())
    return [b"an error ", b"page"]


def too_late(environ: Environ, start_response: Start) -> Iterator[bytes]:
    """Replace a head that is sent."""
    start_response("200 OK", [])
    yield b"first"
    try:
        raise ValueError("too late")
    except ValueError:
        start_response("503 Later", [], sys.exc_info())


def badly_closed(environ: Environ, start_response: Start) -> Any:
    """Return parts whose `close()` raises."""

    class Parts(list[bytes]):
        def close(self) -> None:
            raise ValueError("in close()")

    start_response("200 OK", [])
    return Parts([b"x"])


def nothing(environ: Environ, start_response: Start) -> list[bytes]:
    """Answer without content."""
    start_response(environ["QUERY_STRING"] or "200 OK", [])
    return []


HANDLERS: dict[str, Any] = {
    "/text": text, "/silent": silent, "/twice": twice, "/leaving": leaving, "/exiting": exiting, "/replaced": replaced,
    "/stopping": stopping, "/cancelling": cancelling, "/too-late": too_late, "/badly-closed": badly_closed,
    "/nothing": nothing,
    "/echo": echo, "/lines": lines, "/broken": broken, "/endless": endless, "/torn": torn, "/written": written,
    "/too-long": too_long, "/meeting": meeting, "/slow": slow, "/upload": upload,
}  # fmt: skip


class AppClass:
    """An application that is a class: PEP 3333 has such an example."""

    def __init__(self, environ: Environ, start_response: Start) -> None:
        self.start = start_response

    def __iter__(self) -> Iterator[bytes]:
        self.start("200 OK", [("Content-Type", "text/plain")])
        yield b"made by a class"


def with_an_option(environ: Environ, start_response: Start, greeting: bytes = b"hello") -> list[bytes]:
    """Answer with a third parameter, which the server does not know."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [greeting]


class Neither:
    """A class that is no application."""

    def __init__(self, name: str, size: int = 0) -> None:
        self.name = name


def made() -> Any:
    """Make an application."""
    return app
