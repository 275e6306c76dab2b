"""Requests that a test writes as HTTP/1.1, sent as streams of HTTP/2, piece by piece as they come.

The text has to be correct: what HTTP/2 cannot say is refused by an assertion. Responses are not known here.
"""

from collections import deque

from http2_peer import Peer

# How HTTP/1.1 frames and keeps connections (RFC 9113 section 8.2.2).
HOP_BY_HOP = (b"connection", b"keep-alive", b"transfer-encoding", b"proxy-connection", b"upgrade")


class Requests:
    """Text on its way into streams."""

    def __init__(self, peer: Peer, scheme: bytes = b"http") -> None:
        self.peer = peer
        self.scheme = scheme
        # Streams whose answers were not taken yet, oldest first, with their methods.
        self.asked: deque[tuple[int, bytes]] = deque()
        self._buffer = bytearray()
        # The stream whose content comes, and how much of its length is missing: None if it comes in chunks.
        self._stream: int | None = None
        self._missing: int | None = None

    def feed(self, data: bytes) -> None:
        """Send what this text says, as far as it is complete."""
        self._buffer += data
        while self._step():
            pass

    def room(self) -> int:
        """Return how much of the text can be sent now without waiting."""
        return 16_384 if self._stream is None else max(0, self.peer.room(self._stream))

    def _step(self) -> bool:
        """Send one piece, if there is one."""
        if self._stream is None:
            return self._begin()
        if self._missing is None:
            return self._chunk(self._stream)
        piece = bytes(self._buffer[: self._missing])
        if not piece:
            return False
        del self._buffer[: len(piece)]
        self._missing -= len(piece)
        self.peer.send(self._stream, piece, end=not self._missing)
        if not self._missing:
            self._stream = None
        return True

    def _begin(self) -> bool:
        text, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return False
        self._buffer[:] = rest
        line, *lines = text.split(b"\r\n")
        method, target, version = line.split(b" ")
        assert version == b"HTTP/1.1", line
        named = [(name.lower(), value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]
        fields = dict(named)
        self._missing = None if b"transfer-encoding" in fields else int(fields.get(b"content-length", 0))
        # A host in the target counts alone (RFC 9112 section 3.2.2).
        scheme, authority, path = _parts(method, target, fields.get(b"host", b""), self.scheme)
        head = [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path)]
        head += [pair for pair in named if pair[0] not in HOP_BY_HOP and pair[0] != b"host"]
        has_content = self._missing != 0
        number = self.peer.request(head, end=not has_content)
        self.asked.append((number, method))
        self._stream = number if has_content else None
        return True

    def _chunk(self, stream: int) -> bool:
        """Send one chunk, or the end and its trailers, once they are complete."""
        line, end, rest = bytes(self._buffer).partition(b"\r\n")
        size = int(line.partition(b";")[0], 16) if end else 0
        if not end or (size and len(rest) < size + 2):
            return False
        if size:
            assert rest[size : size + 2] == b"\r\n"
            self._buffer[:] = rest[size + 2 :]
            self.peer.send(stream, rest[:size])
            return True
        trailers, end, rest = (b"\r\n" + rest).partition(b"\r\n\r\n")
        if not end:
            return False
        self._buffer[:] = rest
        lines = [line.partition(b":") for line in trailers.split(b"\r\n") if line]
        if lines:
            self.peer.trailers(stream, [(name.lower(), value.strip()) for name, _, value in lines])
        else:
            self.peer.send(stream, end=True)
        self._stream = None
        return True


def _parts(method: bytes, target: bytes, host: bytes, scheme: bytes) -> tuple[bytes, bytes, bytes]:
    """Return scheme, authority and path of a target (RFC 9113 section 8.3.1)."""
    assert method != b"CONNECT"
    if target.startswith(b"/") or target == b"*":
        return scheme, host, target
    scheme, _, rest = target.partition(b"://")
    place = min((rest.find(sign) for sign in (b"/", b"?") if sign in rest), default=len(rest))
    path = rest[place:]
    return scheme, rest[:place], path if path.startswith(b"/") else b"/" + path
