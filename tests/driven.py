"""An HttpProtocol driven by its methods: with a scripted transport, and with a real one over a pair of sockets.

The test decides on each action of the peer, and when time passes: `pass_time` calls what the server's timer would.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import vitok
from vitok import _native
from vitok.http.options import native_options

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"ok"}


class Hooks:
    """The callbacks of a server."""

    def __init__(self) -> None:
        self.errors: list[tuple[str, BaseException | None]] = []
        self.lines = ""

    def error(self, message: str, exception: BaseException | None) -> None:
        """Keep an error that has to be logged."""
        self.errors.append((message, exception))

    def access(self, lines: str) -> None:
        """Lines of the access log."""
        self.lines += lines


class Wire(asyncio.Transport):
    """A transport whose peer reads when `read` is called. It pauses its protocol above 3000 bytes."""

    HIGH, LOW = 3000, 700

    def __init__(self, protocol: Any, *, can_half_close: bool = True) -> None:
        super().__init__()
        self.can_half_close = can_half_close
        # Whether the server has ended only its own side.
        self.has_ended_writing = False
        self.protocol = protocol
        self.unread, self.seen = bytearray(), bytearray()
        self.reads_paused = self.writes_paused = self.closing = self.is_aborted = False
        # Set once connection_lost was called.
        self.is_over = False

    def read(self, count: int = 1 << 30) -> bytes:
        """Read everything so far, as the peer."""
        self.seen += self.unread[:count]
        del self.unread[:count]
        if self.writes_paused and len(self.unread) <= self.LOW and self.protocol is not None:
            self.writes_paused = False
            self.protocol.resume_writing()
        if self.closing and not self.unread:
            self.lose(None)
        return bytes(self.seen)

    def send(self, data: bytes) -> None:
        """Send as the peer."""
        self.protocol.data_received(data)

    def end(self) -> None:
        """End the peer's side."""
        if not self.protocol.eof_received():
            self.close()

    def lose(self, error: Exception | None) -> None:
        """Lose the connection, once."""
        self.closing = True
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            asyncio.get_running_loop().call_soon(self._tell, protocol, error)

    def _tell(self, protocol: Any, error: Exception | None) -> None:
        self.is_over = True
        protocol.connection_lost(error)

    def write(self, data: Any) -> None:
        assert isinstance(data, bytes)
        assert not self.has_ended_writing
        if self.protocol is None:
            return
        self.unread += data
        if len(self.unread) > self.HIGH and not self.writes_paused:
            self.writes_paused = True
            self.protocol.pause_writing()

    def close(self) -> None:
        self.closing = True
        if not self.unread:
            self.lose(None)

    def can_write_eof(self) -> bool:
        return self.can_half_close

    def write_eof(self) -> None:
        assert self.can_half_close
        self.has_ended_writing = True

    def abort(self) -> None:
        self.is_aborted = True
        self.unread.clear()
        self.lose(None)

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        assert not self.reads_paused
        self.reads_paused = True

    def resume_reading(self) -> None:
        assert self.reads_paused
        self.reads_paused = False

    def get_write_buffer_size(self) -> int:
        return len(self.unread)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)


class Driven:
    """A server with its hooks, on the running loop."""

    def __init__(self, application: Callable[..., Any], **options: Any) -> None:
        self.hooks = Hooks()
        self.server = _native.HttpServer(
            asyncio.get_running_loop(), application, {**native_options(), **options}, self.hooks
        )

    def connect(self, *, can_half_close: bool = True) -> Wire:
        """Connect with a scripted transport."""
        protocol: Any = self.server()
        wire = Wire(protocol, can_half_close=can_half_close)
        protocol.connection_made(wire)
        return wire

    async def connect_really(self) -> socket.socket:
        """Connect with a stream of the loop's; return the client's end."""
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(self.server, ours)
        return theirs

    def pass_time(self, ticks: int) -> None:
        """Let this many ticks of the server pass; each of its limits has at least 16."""
        for _ in range(ticks):
            self.server._tick()


async def turns(count: int = 8) -> None:
    """Run a few turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run it in a vitok loop."""
    with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
        runner.run(work())


async def plain(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers at once, whatever the request still sends."""
    await send(START)
    await send(BODY)
