"""A small WebSocket server with selectable faults, run as a child by the tests of the benchmarks of WebSocket.

`python -m test_websocket_stand_in PORT [FAULT]`. It does what `websocket_app.py` does, on asyncio's streams, or fails
in the way that FAULT names. It accepts permessage-deflate, and compresses nothing. It contains no tests.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sys
import zlib
from typing import Final

# Of RFC 6455, section 1.3.
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY: Final = re.compile(rb"sec-websocket-key: (\S+)", re.IGNORECASE)
RSV1: Final = 0x40
CLOSE: Final = 8
TAIL: Final = b"\x00\x00\xff\xff"

members: Final[set[asyncio.StreamWriter]] = set()


async def serve(port: int, fault: str) -> None:
    """Serve until the process is ended."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _talk(reader, writer, fault)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            members.discard(writer)
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if fault == "dies":
        sys.exit("the stand-in has had enough")
    if fault == "mute":
        await asyncio.sleep(60)
    key = KEY.search(head)
    assert key is not None
    if b"/broadcast" in head:
        members.add(writer)
    writer.write(_accept(key[1], fault, is_offered=b"permessage-deflate" in head))
    while True:
        opcode, payload = await _message(reader)
        if opcode == CLOSE:
            return
        if fault == "closes":
            writer.write(b"\x88\x06\x03\xf3oops")
            return
        answer = _frame(opcode, payload[::-1] if fault == "reverses" else payload)
        for member in members or [writer]:
            member.write(answer)
        await writer.drain()


def _accept(key: bytes, fault: str, *, is_offered: bool) -> bytes:
    if fault == "status":
        return b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"
    accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    has_deflate = is_offered and fault != "plain"
    extension = b"sec-websocket-extensions: permessage-deflate\r\n" if has_deflate else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-accept: " + accept + b"\r\n" + extension + b"\r\n"
    )


async def _message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a message, which is one frame."""
    flags, length = await reader.readexactly(2)
    length &= 0x7F
    if length >= 126:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8))
    mask = await reader.readexactly(4)
    masked = await reader.readexactly(length)
    payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
    if flags & RSV1:
        payload = zlib.decompressobj(-zlib.MAX_WBITS).decompress(payload + TAIL)
    return flags & 0x0F, payload


def _frame(opcode: int, payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes([0x80 | opcode, len(payload)]) + payload
    return bytes([0x80 | opcode, 126]) + len(payload).to_bytes(2) + payload


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), "".join(sys.argv[2:])))
