"""Clients of a WebSocket that a test drives, over TLS or not.

A client reads one frame at a time and checks what every frame of a server has to be. Server and clients are on one
loop, as in `asgi_support`. Applications are not known here.
"""

import asyncio
import socket
import ssl
from typing import Any, Protocol

from asgi_support import Answer, Site, fields_of
from ws_frames import ACCEPT, CLOSE, COMPRESSED, CONTINUATION, TEXT, Frame, close, inflated

DEFLATE = "sec-websocket-extensions: permessage-deflate; client_max_window_bits"


class Stream(Protocol):
    """A connection of a client: `asgi_support.Client`, or one over TLS."""

    def send(self, data: bytes) -> None:
        """Send all of it."""

    def head(self) -> Answer:
        """The next head of a response."""

    def answer(self, method: str = "GET") -> Answer:
        """The next response."""

    def take(self, count: int) -> bytes:
        """Return this many bytes."""

    def end(self) -> bytes:
        """Return what arrives until the end."""

    def close(self) -> None:
        """Close it."""


class Peer:
    """A client after its handshake, or during it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    @property
    def client(self) -> Any:
        """The connection as an `asgi_support.Client`, with all that this has."""
        return self.stream

    def send(self, *frames: bytes) -> None:
        """Send frames in one piece."""
        self.stream.send(b"".join(frames))

    def accepted(self) -> Answer:
        """Read the head of the response, which must be 101 to the handshake of `ws_frames`."""
        head = self.stream.head()
        assert (head.status, head.one(b"sec-websocket-accept")) == (101, ACCEPT), head
        assert head.one(b"upgrade") == b"websocket"
        assert (head.one(b"connection") or b"").lower() == b"upgrade"
        assert head.all(b"content-length") + head.all(b"transfer-encoding") == []
        return head

    def frame(self) -> Frame:
        """Read the next frame, which must be a correct one."""
        first, second = self.stream.take(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self.stream.take(2), "big")
            assert length > 125
        elif length == 127:
            length = int.from_bytes(self.stream.take(8), "big")
            assert length > 0xFFFF
        frame = Frame(first & 0x0F, self.stream.take(length), is_final=bool(first & 0x80), reserved=first & 0x70)
        assert second & 0x80 == 0, "a server masks nothing"
        assert frame.reserved in (0, COMPRESSED)
        assert frame.opcode < CLOSE or (frame.is_final and length < 126 and not frame.reserved)
        return frame

    def message(self) -> str | bytes:
        """Read the next message, which may be compressed without a context and in several frames."""
        first = last = self.frame()
        assert first.opcode in (1, 2), first
        data = bytearray(first.data)
        while not last.is_final:
            last = self.frame()
            assert (last.opcode, last.reserved) == (CONTINUATION, 0), last
            data += last.data
        content = inflated(bytes(data)) if first.reserved else bytes(data)
        return content.decode() if first.opcode == TEXT else content

    def closed(self) -> tuple[int, str]:
        """Read a close frame, which must come next."""
        frame = self.frame()
        return frame.code, frame.reason

    def leave(self, code: int | None = 1000, reason: str = "") -> tuple[int, str]:
        """Close properly: send a close frame, read the server's, which must be the next, and the end."""
        self.send(close(code, reason))
        told = self.closed()
        assert self.stream.end() == b""
        self.stream.close()
        return told

    def leave_after(self, code: int) -> tuple[int, str]:
        """Read a close frame with this code, which must come next, answer it, and read the end."""
        told = self.closed()
        assert told[0] == code, told
        self.send(close(code))
        assert self.stream.end() == b""
        return told


class StreamsClient:
    """A client made of asyncio's streams, over TLS or not."""

    def __init__(self, site: Site, trusting: ssl.SSLContext | None) -> None:
        self.site = site
        self.reader, self.writer = site.run(asyncio.open_connection(*site.address, ssl=trusting))
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        site.clients.append(self)  # type: ignore[arg-type]

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.writer.write(data)
        self.site.run(self.writer.drain())

    def head(self) -> Answer:
        """The next head."""
        line, *rest = self.site.run(self.reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        return Answer(int(line.split(b" ")[1]), line, fields_of(rest))

    def answer(self, method: str = "GET") -> Answer:
        """The next response, which has a length."""
        answer = self.head()
        answer.body = self.take(int(answer.one(b"content-length") or b"0"))
        return answer

    def take(self, count: int) -> bytes:
        """Return this many bytes."""
        return self.site.run(self.reader.readexactly(count))

    def end(self) -> bytes:
        """Return what arrives until the end, however that comes."""
        try:
            return self.site.run(self.reader.read())
        except (ConnectionResetError, ssl.SSLError):
            return b""

    def close(self) -> None:
        """Close it."""
        self.writer.transport.abort()
        self.site.turn()
