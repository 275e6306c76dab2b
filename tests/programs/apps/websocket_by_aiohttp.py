"""The visits of websocket_visits.py by aiohttp's client, which sends no fragments."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from scene import MIB
from websocket_visits import Closed, Denied, run


class Connection:
    """One of its connections."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self.connection = connection
        self.subprotocol = connection.protocol
        self.fields = {name.lower(): value for name, value in connection._response.headers.items()}

    async def send(self, message: str | bytes) -> None:
        """By the method of the type."""
        if isinstance(message, str):
            await self.connection.send_str(message)
        else:
            await self.connection.send_bytes(message)

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """It has none."""
        raise NotImplementedError

    async def receive(self) -> str | bytes:
        """Its end is a message, which has the code and the reason."""
        message = await self.connection.receive()
        if message.type is aiohttp.WSMsgType.CLOSE:
            raise Closed(message.data, message.extra)
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        data: str | bytes = message.data
        return data

    async def ping(self) -> None:
        """It answers and takes pongs by itself; without that they are messages."""
        self.connection._autoping = False
        await self.connection.ping(b"here?")
        assert await self.connection.receive() == (aiohttp.WSMsgType.PONG, b"here?", "")

    async def close(self, code: int, reason: str) -> None:
        """It waits for the other side."""
        await self.connection.close(code=code, message=reason.encode())

    def cut(self) -> None:
        """Its transport is known to its response."""
        transport = self.connection._response.connection.transport
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


class Library:
    """The client by its defaults, but for compression."""

    makes_fragments = False
    compresses = True

    @asynccontextmanager
    async def connect(
        self, address: str, *, subprotocols: tuple[str, ...] = (), compressed: bool = False
    ) -> AsyncIterator[Connection]:
        """15 are the bits of its own window, and its switch of compression."""
        async with aiohttp.ClientSession() as session:
            how = {"compress": 15 if compressed else 0, "protocols": subprotocols, "max_msg_size": 2 * MIB}
            try:
                async with session.ws_connect(address, **how) as connection:
                    yield Connection(connection)
            except aiohttp.WSServerHandshakeError as refused:
                raise Denied(refused.status, None) from refused


if __name__ == "__main__":
    run(Library())
