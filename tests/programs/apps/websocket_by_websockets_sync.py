"""The visits of websocket_visits.py by the library websockets in threads, which has sockets of its own.

Each of its calls blocks one of the loop's threads.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from scene import MIB
from websocket_visits import CONNECTIONS, Closed, Denied, run
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

# Each of the connections that meet waits in one.
threads = ThreadPoolExecutor(2 * CONNECTIONS)


async def in_thread(call: Any, *arguments: Any, **more: Any) -> Any:
    """What a call that blocks gives."""
    return await asyncio.get_running_loop().run_in_executor(threads, lambda: call(*arguments, **more))


class Connection:
    """One of its connections."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.subprotocol = connection.subprotocol
        self.fields = {name.lower(): value for name, value in connection.response.headers.raw_items()}

    async def send(self, message: str | bytes) -> None:
        """As it is."""
        await in_thread(self.connection.send, message)

    async def send_parts(self, parts: Sequence[str] | Sequence[bytes]) -> None:
        """An iterable is a message in fragments."""
        await in_thread(self.connection.send, parts)

    async def receive(self) -> str | bytes:
        """Its end is an exception."""
        try:
            message: str | bytes = await in_thread(self.connection.recv)
        except ConnectionClosed as error:
            raise Closed(self.connection.close_code, self.connection.close_reason) from error
        return message

    async def ping(self) -> None:
        """Its answer is an event."""
        assert await in_thread(self.connection.ping().wait)

    async def close(self, code: int, reason: str) -> None:
        """It waits for the other side."""
        await in_thread(self.connection.close, code, reason)

    def cut(self) -> None:
        """Its socket is known, and read by a thread of its own, for which it ends."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)


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
            connection = await in_thread(connect, address, max_size=2 * MIB, proxy=None, legacy=True, **how)
        except InvalidStatus as refused:
            raise Denied(refused.response.status_code, refused.response.body) from refused
        try:
            yield Connection(connection)
        finally:
            await in_thread(connection.close)


if __name__ == "__main__":
    run(Library())
