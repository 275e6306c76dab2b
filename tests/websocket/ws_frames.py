"""WebSocket frames (RFC 6455) as a client makes and reads them, the wrong ones included.

Sockets and servers are not known here.
"""

import struct
import zlib
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

# The key of RFC 6455, section 1.3, and the answer to it.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = bytes([0x37, 0xFA, 0x21, 0x3D])
# The bit of a compressed message (RFC 7692, section 6).
COMPRESSED = 0x40
# What a compressor appends to each message, and what is left out on the wire (RFC 7692, section 7.2.1).
FLUSHED = b"\x00\x00\xff\xff"


@dataclass
class Frame:
    """A frame as the server sent it."""

    opcode: int
    data: bytes
    is_final: bool = True
    reserved: int = 0

    @property
    def code(self) -> int:
        """The code of a close frame; 1005 if it has none."""
        assert self.opcode == CLOSE, self
        return struct.unpack(">H", self.data[:2])[0] if self.data else 1005  # type: ignore[no-any-return]

    @property
    def reason(self) -> str:
        """The reason in a close frame."""
        assert self.opcode == CLOSE, self
        return self.data[2:].decode()


def masked(data: bytes, mask: bytes) -> bytes:
    """Return the data under a mask."""
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    is_final: bool = True,
    reserved: int = 0,
    mask: bytes | None = MASK,
    length: int | None = None,
) -> bytes:
    """Return a frame. `length` is the length that it announces, if that is another than its own; no mask: None."""
    announced = len(data) if length is None else length
    first = (0x80 if is_final else 0) | reserved | opcode
    bit = 0 if mask is None else 0x80
    if announced < 126:
        head = struct.pack(">BB", first, bit | announced)
    elif announced < 1 << 16:
        head = struct.pack(">BBH", first, bit | 126, announced)
    else:
        head = struct.pack(">BBQ", first, bit | 127, announced)
    return head + (data if mask is None else mask + masked(data, mask))


def text(content: str) -> bytes:
    """Return a text message in one frame."""
    return frame(TEXT, content.encode())


def binary(content: bytes) -> bytes:
    """Return a binary message in one frame."""
    return frame(BINARY, content)


def message(content: str | bytes) -> bytes:
    """Return a message in one frame, by its type."""
    return text(content) if isinstance(content, str) else binary(content)


def fragments(opcode: int, *parts: bytes) -> list[bytes]:
    """Return the frames of a message in parts."""
    last = len(parts) - 1
    return [frame(opcode if at == 0 else CONTINUATION, part, is_final=at == last) for at, part in enumerate(parts)]


def ping(data: bytes = b"") -> bytes:
    """Return a ping."""
    return frame(PING, data)


def pong(data: bytes = b"") -> bytes:
    """Return a pong."""
    return frame(PONG, data)


def close(code: int | None = 1000, reason: str | bytes = b"") -> bytes:
    """Return a close frame; without a code if that is None."""
    encoded = reason.encode() if isinstance(reason, str) else reason
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + encoded)


def deflated(content: str | bytes, compressor: "zlib._Compress | None" = None) -> bytes:
    """Return a compressed message in one frame; without a compressor it has no context of earlier ones."""
    data = content.encode() if isinstance(content, str) else content
    work = zlib.compressobj(wbits=-12) if compressor is None else compressor
    packed = work.compress(data) + work.flush(zlib.Z_SYNC_FLUSH)
    return frame(TEXT if isinstance(content, str) else BINARY, packed.removesuffix(FLUSHED), reserved=COMPRESSED)


def inflated(data: bytes) -> bytes:
    """Return the content of a compressed message that needs no context."""
    return zlib.decompressobj(wbits=-15).decompress(data + FLUSHED)


def handshake(target: str = "/", *fields: str, key: str | None = KEY, version: str | None = "13") -> bytes:
    """Return a request for a WebSocket, with further fields."""
    lines = [f"GET {target} HTTP/1.1", "host: a", "connection: Upgrade", "upgrade: websocket"]
    if key is not None:
        lines.append(f"sec-websocket-key: {key}")
    if version is not None:
        lines.append(f"sec-websocket-version: {version}")
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1")
