"""Frames of HTTP/2 as bytes, made without a check and read back (RFC 9113 section 4.1).

A client that keeps to the rules is in http2_peer.py; this is for what such a client never sends.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9


class Kind(IntEnum):
    """Types of frames (RFC 9113 section 6, RFC 9218 section 7.1)."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9
    PRIORITY_UPDATE = 16


class Flags(IntFlag):
    """Flags of frames."""

    NONE = 0
    ACK = 1
    END_STREAM = 1
    END_HEADERS = 4
    PADDED = 8
    PRIORITY = 0x20


class Code(IntEnum):
    """Error codes (RFC 9113 section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """Settings (RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8
    NO_RFC7540_PRIORITIES = 9


@dataclass(frozen=True)
class Frame:
    """One frame as it stood on the wire. Types that are not registered are numbers."""

    kind: int
    flags: int
    stream: int
    payload: bytes = b""

    @property
    def is_ack(self) -> bool:
        """Whether it acknowledges settings or a ping."""
        return bool(self.flags & Flags.ACK)

    @property
    def settings(self) -> dict[int, int]:
        """The values of a SETTINGS frame."""
        assert self.kind == Kind.SETTINGS
        pairs = (self.payload[place : place + 6] for place in range(0, len(self.payload), 6))
        return {int.from_bytes(pair[:2], "big"): int.from_bytes(pair[2:], "big") for pair in pairs}

    @property
    def number(self) -> int:
        """The one number that the payload of RST_STREAM and WINDOW_UPDATE is."""
        assert self.kind in (Kind.RST_STREAM, Kind.WINDOW_UPDATE)
        return int.from_bytes(self.payload, "big")

    def __bytes__(self) -> bytes:
        return frame(self.kind, self.payload, flags=self.flags, stream=self.stream)


def frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0, length: int | None = None) -> bytes:
    """Return a frame. `length` is what its head says if that is to differ from the payload's."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def settings(values: dict[int, int] | None = None, *, ack: bool = False) -> bytes:
    """Return a SETTINGS frame."""
    payload = b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in (values or {}).items())
    return frame(Kind.SETTINGS, payload, flags=Flags.ACK if ack else 0)


def headers(stream: int, block: bytes, *, end_stream: bool = True, end_headers: bool = True) -> bytes:
    """Return a HEADERS frame with a block that is encoded already."""
    flags = (Flags.END_STREAM if end_stream else 0) | (Flags.END_HEADERS if end_headers else 0)
    return frame(Kind.HEADERS, block, flags=flags, stream=stream)


def continuation(stream: int, block: bytes, *, end_headers: bool = True) -> bytes:
    """Return a CONTINUATION frame."""
    return frame(Kind.CONTINUATION, block, flags=Flags.END_HEADERS if end_headers else 0, stream=stream)


def data(stream: int, content: bytes = b"", *, end_stream: bool = False) -> bytes:
    """Return a DATA frame."""
    return frame(Kind.DATA, content, flags=Flags.END_STREAM if end_stream else 0, stream=stream)


def reset(stream: int, code: int = Code.CANCEL) -> bytes:
    """Return a RST_STREAM frame."""
    return frame(Kind.RST_STREAM, code.to_bytes(4, "big"), stream=stream)


def ping(payload: bytes = b"\0" * 8, *, ack: bool = False) -> bytes:
    """Return a PING frame."""
    return frame(Kind.PING, payload, flags=Flags.ACK if ack else 0)


def window_update(stream: int, increment: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return frame(Kind.WINDOW_UPDATE, increment.to_bytes(4, "big"), stream=stream)


def goaway(last: int = 0, code: int = Code.NO_ERROR, debug: bytes = b"") -> bytes:
    """Return a GOAWAY frame."""
    return frame(Kind.GOAWAY, last.to_bytes(4, "big") + code.to_bytes(4, "big") + debug)


def block(fields: list[tuple[bytes, bytes]]) -> bytes:
    """Return a block of fields that uses no table: literals without indexing (RFC 7541 section 6.2.2)."""
    return b"".join(b"\0" + _literal(name) + _literal(value) for name, value in fields)


def _literal(text: bytes) -> bytes:
    """Return a string without Huffman's code (RFC 7541 section 5.2)."""
    size = len(text)
    if size < 127:
        return bytes((size,)) + text
    size -= 127
    number = bytearray(b"\x7f")
    while size >= 128:
        number.append(size % 128 + 128)
        size //= 128
    number.append(size)
    return bytes(number) + text


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete with this."""
        self.buffer += data
        found = []
        while len(self.buffer) >= HEAD_BYTES:
            size = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < HEAD_BYTES + size:
                break
            kind, flags = self.buffer[3], self.buffer[4]
            stream = int.from_bytes(self.buffer[5:9], "big")
            payload = bytes(self.buffer[HEAD_BYTES : HEAD_BYTES + size])
            del self.buffer[: HEAD_BYTES + size]
            found.append(Frame(kind, flags, stream, payload))
        return found
