"""A WebSocket handshake with `vitok.uvicorn:Protocol`, with requests before it and frames after it.

uvicorn's own protocol is not the control: it drops bytes that arrive together with the handshake.
"""

import asyncio
import base64
from typing import Any

import pytest
from needs import need_library
from uvicorn_site import UvicornSite, run, uvicorn_site

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
HANDSHAKE = (
    b"GET /echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n"
)
MASK = b"abcd"


def frame(text: bytes) -> bytes:
    """A text frame of a client."""
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(text))
    return bytes([0x81, 0x80 | len(text)]) + MASK + masked


ECHO = b"\x81\x05hello"
EVERYTHING = GET + HANDSHAKE + frame(b"hello")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers a request after some turns of the loop, and sends one message back."""
    if scope["type"] == "http":
        await asyncio.sleep(0.001)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    await send({"type": "websocket.send", "text": message["text"]})
    await receive()


async def echoed(site: UvicornSite, pieces: list[bytes]) -> None:
    """Send the pieces with turns between them; the request and the frame are answered."""
    reader, writer = await site.connect()
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert (await reader.readuntil(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 ")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert await reader.readexactly(len(ECHO)) == ECHO
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("size", [len(EVERYTHING), len(GET), len(GET + HANDSHAKE), 7, 1])
def test_a_frame_behind_a_request_and_a_handshake_is_answered(loop: Any, tls: Any, size: int) -> None:
    """In pieces of this size, one of them the whole."""
    need_library("websockets")

    async def main() -> None:
        async with uvicorn_site(app, ws="websockets-sansio", ws_per_message_deflate=False, tls=tls) as site:
            pieces = [EVERYTHING[place : place + size] for place in range(0, len(EVERYTHING), size)]
            await echoed(site, pieces)

    run(loop, main())


def test_the_same_in_two_pieces_split_anywhere(loop: Any, tls: Any) -> None:
    """Each split is a connection of its own; they run side by side."""
    need_library("websockets")

    async def main() -> None:
        async with uvicorn_site(app, ws="websockets-sansio", ws_per_message_deflate=False, tls=tls) as site:
            places = range(1, len(EVERYTHING), 1 if tls is None else 5)
            splits = [[EVERYTHING[:place], EVERYTHING[place:]] for place in places]
            await asyncio.gather(*(echoed(site, pieces) for pieces in splits))

    run(loop, main())
