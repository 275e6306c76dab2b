"""A client of a WebSocket over a stream of HTTP/2 (RFC 8441) that a test drives.

It is used like a connection of its own: what the test sends is content of the stream, and what arrives is read as from
a socket. Frames of WebSocket are not known here.
"""

from typing import Any

from answers import Answer, Fields
from asgi_clients import Client
from asgi_http2 import Http2SiteClient
from http2_frames import Code, Kind
from http2_peer import Stream
from ws_peer import Peer

# Bytes.
ROOM = 1 << 20


class StreamClient(Client):
    """One stream of a connection, which others may share."""

    version = "2"

    def __init__(self, own: Http2SiteClient, fields: Fields, *, is_last: bool = False) -> None:
        """Send the head of a request."""
        super().__init__(own.site, own.channel)
        self.own = own
        self.number = own.peer.request(fields, end=is_last)
        # As much as a socket takes of a server that sends while nobody reads.
        own.peer.h2.increment_flow_control_window(ROOM)
        own.peer.h2.increment_flow_control_window(ROOM, self.number)
        self.site.run(own._flush())

    @property
    def stream(self) -> Stream:
        """What has come of the request."""
        return self.own.peer.streams[self.number]

    def send(self, data: bytes) -> None:
        """Send all of it as content, as far as the server's windows allow, running the loop meanwhile."""
        self.site.run(self._send(data))

    def offer(self, data: bytes) -> int:
        """Send as much as the windows and the kernel take while the loop does not run."""
        self.own._read_now()
        if self.own.peer.has_unsent or self.own.peer.has_output:
            return 0
        count = min(len(data), self.own.peer.room(self.number))
        if count:
            self.own.peer.send(self.number, data[:count])
            self.own._offer()
        return count

    def has_nothing(self, turns: int = 5) -> bool:
        """Return whether nothing arrives in some turns of the loop, not even the end of the stream."""
        self.site.turn(turns)
        self.own._read_now()
        self._gather()
        return not self.buffer and self.stream.status is None and not self.stream.is_over and not self.own.is_at_end

    def half_close(self) -> None:
        """End this side of the stream."""
        self.own.peer.send(self.number, end=True)
        self.own._offer()

    def cancel(self, code: int = Code.CANCEL) -> None:
        """Reset the stream."""
        self.own.peer.reset(self.number, code)
        self.own._offer()

    def close(self) -> None:
        """Close the connection."""
        self.own.close()

    def _gather(self) -> None:
        for piece in self.stream.pieces:
            self.buffer += piece
        self.stream.pieces.clear()

    async def _send(self, data: bytes) -> None:
        self.own.peer.send(self.number, data)
        await self.own._flush()
        await self.own._until(lambda: not self.stream.unsent)

    async def _head(self) -> Answer:
        stream = self.stream
        if not await self.own._until(lambda: stream.status is not None or stream.code is not None):
            raise EOFError("no head of a response")
        if stream.status is None:
            raise ConnectionResetError(stream.code)
        answer, stream.status = stream.answer(), None
        answer.body, answer.chunks = b"", []
        return answer

    async def _more(self) -> bool:
        """Read once. False at the end of the stream; ConnectionResetError if it was cut."""
        stream = self.stream
        await self.own._until(lambda: stream.pieces or stream.is_over)
        if not stream.pieces:
            if stream.code not in (None, Code.NO_ERROR):
                raise ConnectionResetError(stream.code)
            return False
        self._gather()
        return True


class StreamPeer(Peer):
    """A client after its handshake over a stream, or during it."""

    def accepted(self) -> Answer:
        """Read the head of the response, which must accept the stream (RFC 8441 section 5)."""
        head = self.stream.head()
        assert head.status == 200, head
        for name in (b"sec-websocket-accept", b"upgrade", b"connection", b"content-length", b"transfer-encoding"):
            assert head.all(name) == [], head
        return head


def fields_of(target: str, *lines: str, protocol: str = "websocket", version: str | None = "13") -> Fields:
    """Return the head of a request for a WebSocket, with further field lines."""
    pseudo = [":method:CONNECT", f":protocol:{protocol}", ":scheme:http", f":path:{target}", ":authority:a"]
    fields = [(b":" + name, value) for _, name, value in (line.encode().split(b":", 2) for line in pseudo)]
    if version is not None:
        fields.append((b"sec-websocket-version", version.encode()))
    for line in lines:
        name, _, value = line.encode("latin-1").partition(b":")
        fields.append((name.strip().lower(), value.strip()))
    return fields


def handshake(own: Http2SiteClient, target: str = "/", *lines: str, behind: bytes = b"", **more: Any) -> StreamPeer:
    """Ask for a WebSocket over one more stream of a connection, with bytes behind that; `more` goes to `fields_of`."""
    # A client asks once it knows that it may (RFC 8441 section 3).
    own.site.run(own._until(lambda: own.peer.seen(Kind.SETTINGS)))
    client = StreamClient(own, fields_of(target, *lines, **more))
    if behind:
        client.send(behind)
    return StreamPeer(client)
