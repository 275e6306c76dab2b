"""A WebSocket on a scripted transport: the test decides what arrives, what is read, and when time passes.

Real transports are tested by `ws_calls`.
"""

import asyncio
from typing import Any

from driven import Driven, Wire, turns
from ws_frames import Frame, handshake


class Accepting:
    """An application that accepts and then leaves receive and send to the test."""

    def __init__(self) -> None:
        self.receive: Any = None
        self.send: Any = None
        self.may_return = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Accept, and wait for the test."""
        self.receive, self.send = receive, send
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept"})
        await self.may_return.wait()

    async def told(self) -> tuple[int, str]:
        """Receive the next event, which is the end; the application returns then."""
        event = await self.receive()
        assert event["type"] == "websocket.disconnect", event
        self.may_return.set()
        return event["code"], event["reason"]


async def accepted(driven: Driven, *fields: str, behind: bytes = b"", can_half_close: bool = True) -> Wire:
    """Return a transport whose handshake is accepted; the response is read."""
    wire = driven.connect(can_half_close=can_half_close)
    wire.send(handshake("/", *fields) + behind)
    await turns()
    assert bytes(wire.unread).startswith(b"HTTP/1.1 101 ")
    del wire.unread[: wire.unread.index(b"\r\n\r\n") + 4]
    return wire


def taken(wire: Wire) -> list[Frame]:
    """Return the frames since the last call, which the peer reads thereby; they are short and whole."""
    wire.seen.clear()
    data = wire.read()
    found = []
    while data:
        length = data[1]
        assert length < 126
        assert len(data) >= 2 + length
        found.append(Frame(data[0] & 0x0F, data[2 : 2 + length], bool(data[0] & 0x80), data[0] & 0x70))
        data = data[2 + length :]
    return found
