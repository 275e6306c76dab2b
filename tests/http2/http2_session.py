"""A client of HTTP/2 beside its site on one loop, of which a test decides every step: windows, content, resets."""

from collections.abc import Callable
from typing import Any

import wires
from answers import Answer, Fields
from asgi_support import Site
from h2.settings import SettingCodes
from http2_client import fields_for
from http2_peer import Stream


def start(status: int = 200, **more: Any) -> dict[str, Any]:
    """Return the message that begins a response."""
    return {"type": "http.response.start", "status": status, **more}


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    """Return a message with content."""
    return {"type": "http.response.body", "body": data, "more_body": more}


class Session:
    """A connection, by numbers of streams."""

    def __init__(self, site: Site, *, window: int | None = None, releases: bool = True) -> None:
        """`window` is that of each stream for content from the server, which the client or the test opens again."""
        before = wires.in_use()
        wires.choose(wires.HTTP2)
        try:
            self.client: Any = site.connect()
        finally:
            wires.choose(before)
        self.site = site
        self.peer = self.client.peer
        self.peer.releases = releases
        if window is not None:
            self.peer.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()

    def flush(self) -> None:
        """Send what is to be sent."""
        self.site.run(self.client._flush())

    def until(self, condition: Callable[[], object]) -> None:
        """Read until the condition is true, which it has to become."""
        assert self.site.run(self.client._until(condition)), f"goaways: {self.peer.goaways}"

    def quiet(self) -> None:
        """Let the server take what was sent, and its applications answer that, and read it. Two round trips do that."""
        for _ in range(2):
            pongs = len(self.peer.pongs)
            self.peer.ping()
            self.until(lambda: len(self.peer.pongs) > pongs)  # noqa: B023
            self.site.turn(3)
        self.client._read_now()

    def more(self, stream: Stream) -> None:
        """Read until something more of a response has come."""
        before = len(stream.body)
        self.until(lambda: len(stream.body) > before or stream.is_over)

    def request(
        self, path: str = "/", fields: Fields | None = None, *, method: str = "GET", end: bool = True
    ) -> Stream:
        """Begin a request, which has content unless `end`."""
        number = self.peer.request(fields_for(path, fields or [], method=method), end=end)
        self.flush()
        stream: Stream = self.peer.streams[number]
        return stream

    def send(self, stream: Stream, data: bytes = b"", *, end: bool = False) -> None:
        """Send content, as far as the windows are open; the rest follows while something is read."""
        self.peer.send(stream.number, data, end=end)
        self.flush()

    def reset(self, stream: Stream, code: int = 8) -> None:
        """Leave a request alone."""
        self.peer.reset(stream.number, code)
        self.flush()

    def release(self, stream: Stream) -> None:
        """Open the windows by what a stream has received."""
        self.peer.release(stream.number)
        self.flush()

    def open(self, stream: Stream | None, count: int) -> None:
        """Open the window of a stream, or that of the connection."""
        self.peer.h2.increment_flow_control_window(count, stream.number if stream else None)
        self.flush()

    def answer(self, stream: Stream) -> Answer:
        """Read a response to its end."""
        self.until(lambda: stream.is_over)
        assert stream.is_ended, f"reset: {stream.code}"
        return stream.answer()

    def ask(self, path: str = "/", fields: Fields | None = None, *, method: str = "GET") -> Answer:
        """Send a request without content, and read the response."""
        return self.answer(self.request(path, fields, method=method))
