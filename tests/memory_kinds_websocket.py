"""Kinds of WebSocket traffic to which `memory_child` refuses memory, by the rules of `memory_kinds`."""

import zlib
from typing import Any

from memory_kinds import Kind, turn
from memory_kinds_http import Request

HANDSHAKE = (
    b"GET /chat?room HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-protocol: a, b\r\n%s\r\n"
)
OFFER = b"sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n"


def masked(first: int, data: bytes) -> bytes:
    """A frame whose mask is zero."""
    assert len(data) < 126
    return bytes([first, 0x80 | len(data), 0, 0, 0, 0]) + data


def deflated(data: bytes) -> bytes:
    """The content of a compressed message."""
    work = zlib.compressobj(wbits=-12)
    return (work.compress(data) + work.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Accepts with what an acceptance may have, and echoes."""
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept", "subprotocol": "b", "headers": [(b"x-a", b"b")]})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


class WebSocketOpened(Request):
    """A handshake that is accepted."""

    request = HANDSHAKE % b""
    expected = b"HTTP/1.1 101 "
    application = staticmethod(echo)


class WebSocketRefused(WebSocketOpened):
    """A handshake that gets a response instead."""

    expected = b"HTTP/1.1 403 "

    @staticmethod
    async def application(scope: Any, receive: Any, send: Any) -> None:  # type: ignore[override]
        """Refuse."""
        await receive()
        await send({"type": "websocket.close"})


class WebSocketMessages(WebSocketOpened):
    """Messages of both kinds, which are echoed."""

    fields = b""
    request = masked(0x81, b"hello") + masked(0x02, b"he") + masked(0x80, b"llo") + masked(0x89, b"?")
    expected = b"\x81\x05hello"

    def set_up(self) -> None:
        super().set_up()
        self.client.send(HANDSHAKE % self.fields)
        turn(self.loop, 4)
        assert self.client.recv(1000).startswith(b"HTTP/1.1 101 ")

    def check(self, succeeded: bool) -> None:
        # A pong may come before an echo.
        self.expected = b""
        super().check(succeeded)


class WebSocketCompressed(WebSocketMessages):
    """A compressed message, whose echo is compressed as well."""

    fields = OFFER
    request = masked(0xC1, deflated(b"a line of text\n" * 200))


class WebSocketClosed(WebSocketMessages):
    """The peer closes, with a reason."""

    request = masked(0x81, b"hello") + masked(0x88, b"\x0f\xa0leaving")


class WebSocketInvalid(WebSocketMessages):
    """The peer sends what is no frame."""

    request = masked(0x81, b"hello") + b"\xff\xff"


class WebSocketLost(WebSocketMessages):
    """The peer leaves."""

    def call(self) -> None:
        self.client.send(self.request[:8])
        self.client.close()
        turn(self.loop, 4)

    def check(self, succeeded: bool) -> None:
        super().check(False)


KINDS: list[type[Kind]] = [
    WebSocketOpened,
    WebSocketRefused,
    WebSocketMessages,
    WebSocketCompressed,
    WebSocketClosed,
    WebSocketInvalid,
    WebSocketLost,
]
