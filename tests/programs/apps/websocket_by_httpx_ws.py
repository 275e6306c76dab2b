"""The visits of websocket_visits.py by httpx-ws: wsproto over a connection of httpx. It knows no compression."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
from httpx_ws import AsyncWebSocketSession, WebSocketDisconnect, WebSocketUpgradeError, aconnect_ws
from scene import MIB
from websocket_visits import Closed, Denied, run
from wsproto.events import BytesMessage, TextMessage


class Connection:
    """One of its sessions."""

    def __init__(self, session: AsyncWebSocketSession) -> None:
        assert session.response is not None
        self.session = session
        self.subprotocol = session.subprotocol
        self.fields = {name.lower(): value for name, value in session.response.headers.items()}

    async def send(self, message: str | bytes) -> None:
        """By the method of the type."""
        if isinstance(message, str):
            await self.session.send_text(message)
        else:
            await self.session.send_bytes(message)

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """Its events are wsproto's, which may be parts."""
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            if isinstance(part, str):
                await self.session.send(TextMessage(part, message_finished=is_last))
            else:
                await self.session.send(BytesMessage(part, message_finished=is_last))

    async def receive(self) -> str | bytes:
        """Its end is an exception."""
        try:
            event = await self.session.receive()
        except WebSocketDisconnect as closed:
            raise Closed(closed.code, closed.reason) from closed
        assert isinstance(event, TextMessage | BytesMessage)
        return event.data if isinstance(event, TextMessage) else bytes(event.data)

    async def ping(self) -> None:
        """Its answer is an event."""
        await (await self.session.ping()).wait()

    async def close(self, code: int, reason: str) -> None:
        """It does not wait."""
        await self.session.close(code, reason)

    def cut(self) -> None:
        """The socket is an extra of its stream; closed, it is the transport's no more."""
        self.session.stream.get_extra_info("socket").shutdown(2)


class Library:
    """The library by its defaults, but for large messages."""

    makes_fragments = True
    compresses = False

    @asynccontextmanager
    async def connect(
        self, address: str, *, subprotocols: tuple[str, ...] = (), compressed: bool = False
    ) -> AsyncIterator[Connection]:
        """Its address is one of HTTP."""
        address = address.replace("ws://", "http://")
        how = {"max_message_size_bytes": 2 * MIB, "keepalive_ping_interval_seconds": None}
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            try:
                async with aconnect_ws(address, client, subprotocols=list(subprotocols) or None, **how) as session:
                    yield Connection(session)
            except WebSocketUpgradeError as refused:
                raise Denied(refused.response.status_code, None) from refused


if __name__ == "__main__":
    run(Library())
