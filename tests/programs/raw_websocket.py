"""A client of WebSockets in a few lines, which sends what a library would not and sees every byte. Servers are not
known here.
"""

import asyncio
import base64
import struct

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_MASK = b"abcd"


def handshake(target: str = "/", *fields: str, version: int = 13) -> bytes:
    """A request for a WebSocket, with further fields."""
    key = base64.b64encode(bytes(16)).decode()
    own = "host: a", "connection: upgrade", "upgrade: websocket", f"sec-websocket-version: {version}"
    return "\r\n".join([f"GET {target} HTTP/1.1", *own, f"sec-websocket-key: {key}", *fields, "", ""]).encode()


def frame(opcode: int, data: bytes = b"") -> bytes:
    """A short frame of a client."""
    masked = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(data))
    return bytes([0x80 | opcode, 0x80 | len(data)]) + _MASK + masked


def close_frame(code: int) -> bytes:
    """A close frame of a client."""
    return frame(CLOSE, struct.pack(">H", code))


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Read the head of a response: the status, and the fields by their names in lower case."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, value in pairs}


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a short frame of a server."""
    first, length = await reader.readexactly(2)
    return first & 0x0F, await reader.readexactly(length)


async def read_close(reader: asyncio.StreamReader) -> int:
    """Read frames up to a close frame, and return its code."""
    while True:
        opcode, data = await read_frame(reader)
        if opcode == CLOSE:
            return int.from_bytes(data[:2], "big") if data else 1005
