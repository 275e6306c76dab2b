"""The visits of websocket_visits.py by the library websockets, on asyncio."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from scene import MIB
from websocket_visits import Closed, Denied, run
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


class Connection:
    """One of its connections."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.subprotocol = connection.subprotocol
        self.fields = {name.lower(): value for name, value in connection.response.headers.raw_items()}

    async def send(self, message: str | bytes) -> None:
        """As it is."""
        await self.connection.send(message)

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """An iterable is a message in fragments."""
        await self.connection.send(parts)

    async def receive(self) -> str | bytes:
        """Its end is an exception."""
        try:
            message: str | bytes = await self.connection.recv()
        except ConnectionClosed as error:
            raise Closed(self.connection.close_code, self.connection.close_reason) from error
        return message

    async def ping(self) -> None:
        """Its answer is a future."""
        await (await self.connection.ping())

    async def close(self, code: int, reason: str) -> None:
        """It waits for the other side."""
        await self.connection.close(code, reason)

    def cut(self) -> None:
        """Its transport is known."""
        self.connection.transport.abort()


class Library:
    """The library by its defaults, but for large messages."""

    makes_fragments = True
    compresses = True

    @asynccontextmanager
    async def connect(
        self, address: str, *, subprotocols: tuple[str, ...] = (), compressed: bool = False
    ) -> AsyncIterator[Connection]:
        """With its own offer of compression, or none."""
        how = {"compression": "deflate" if compressed else None, "subprotocols": subprotocols or None}
        try:
            async with connect(address, max_size=2 * MIB, proxy=None, **how) as connection:
                yield Connection(connection)
        except InvalidStatus as refused:
            raise Denied(refused.response.status_code, refused.response.body) from refused


if __name__ == "__main__":
    run(Library())
