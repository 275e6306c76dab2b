"""The visits of websocket_visits.py by picows, whose frames are callbacks; it knows no compression."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from picows import (
    WSCloseCode,
    WSFrame,
    WSInvalidStatusError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)
from scene import MIB
from websocket_visits import Closed, Denied, run


class Listener(WSListener):
    """Puts messages together and queues them, with None for the end."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.pongs: asyncio.Queue[bytes] = asyncio.Queue()
        self.parts: list[bytes] = []
        self.kind = WSMsgType.TEXT

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame, which is gone when this returns."""
        if frame.msg_type == WSMsgType.PONG:
            self.pongs.put_nowait(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            self.take(frame)

    def take(self, frame: WSFrame) -> None:
        """A message, or a part of one."""
        if frame.msg_type != WSMsgType.CONTINUATION:
            self.kind = frame.msg_type
        self.parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            message, self.parts = b"".join(self.parts), []
            self.messages.put_nowait(message.decode() if self.kind == WSMsgType.TEXT else message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """No more messages come."""
        self.messages.put_nowait(None)


class Connection:
    """One of its connections."""

    def __init__(self, transport: WSTransport, listener: Listener) -> None:
        self.transport = transport
        self.listener = listener
        self.fields = {name.lower(): value for name, value in transport.response.headers.items()}
        self.subprotocol = self.fields.get("sec-websocket-protocol")

    async def send(self, message: str | bytes) -> None:
        """One frame, of the kind of the message."""
        self.transport.send(*frame_of(message))

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """A frame for each part, of which only the first has a kind."""
        for index, part in enumerate(parts):
            kind, data = frame_of(part)
            kind = kind if index == 0 else WSMsgType.CONTINUATION
            self.transport.send(kind, data, fin=index == len(parts) - 1)

    async def receive(self) -> str | bytes:
        """From the queue; the transport knows how it ended."""
        message = await self.listener.messages.get()
        if message is None:
            seen = self.transport.close_handshake.recv
            raise Closed(int(seen.code), seen.reason)
        return message

    async def ping(self) -> None:
        """The pong has the ping's data."""
        self.transport.send_ping(b"here?")
        assert await self.listener.pongs.get() == b"here?"

    async def close(self, code: int, reason: str) -> None:
        """Any number may be a code."""
        self.transport.send_close(code, reason.encode())
        await self.transport.wait_disconnected()

    def cut(self) -> None:
        """Its transport is known."""
        self.transport.underlying_transport.abort()


def frame_of(message: str | bytes) -> tuple[WSMsgType, bytes]:
    """The kind and the data of a message's frame."""
    return (WSMsgType.TEXT, message.encode()) if isinstance(message, str) else (WSMsgType.BINARY, message)


class Library:
    """The library by its defaults."""

    makes_fragments = True
    compresses = False

    @asynccontextmanager
    async def connect(
        self, address: str, *, subprotocols: tuple[str, ...] = (), compressed: bool = False
    ) -> AsyncIterator[Connection]:
        """Subprotocols are a field like any other here."""
        fields = {"Sec-WebSocket-Protocol": ", ".join(subprotocols)} if subprotocols else {}
        try:
            transport, listener = await ws_connect(Listener, address, extra_headers=fields, max_frame_size=2 * MIB)
        except WSInvalidStatusError as refused:
            raise Denied(refused.response.status, refused.response.body) from refused
        try:
            assert isinstance(listener, Listener)
            yield Connection(transport, listener)
        finally:
            # It writes to the socket itself, also of a transport that is closing.
            if not transport.underlying_transport.is_closing():
                transport.send_close(WSCloseCode.OK)
                transport.disconnect()
            await transport.wait_disconnected()


if __name__ == "__main__":
    run(Library())
