"""The connections of clients that share a loop with their server: a socket, and asyncio's streams over TLS or not.

Messages and versions of HTTP are not known here.
"""

import asyncio
import socket
import struct
from typing import Any, Protocol

BLOCK = 256 * 1024
# The two numbers of SO_LINGER: on, and no time, by which a closing socket sends a reset.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Channel(Protocol):
    """A connection of a client."""

    @property
    def sock(self) -> socket.socket:
        """The socket."""

    def offer(self, data: bytes) -> int:
        """Send what can be sent while the loop does not run. Return how much that is."""

    async def read(self) -> bytes:
        """Return what arrives next, and nothing at the end of file."""

    async def write(self, data: bytes) -> None:
        """Send all of it."""

    def close(self) -> None:
        """Close it in the usual way."""

    def abort(self) -> None:
        """Close it at once, without what is not sent yet."""


class SocketChannel:
    """A socket that does not block."""

    def __init__(self, loop: Any, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.loop = loop
        self.sock = sock

    async def read(self) -> bytes:
        """Return what arrives next, and nothing at the end of file."""
        data: bytes = await self.loop.sock_recv(self.sock, BLOCK)
        return data

    async def write(self, data: bytes) -> None:
        """Send all of it, running the loop meanwhile."""
        await self.loop.sock_sendall(self.sock, data)

    def read_now(self) -> bytes | None:
        """Return what is there already, nothing at the end of file, and None if there is nothing to read."""
        if self.sock.fileno() < 0:
            return b""
        try:
            return self.sock.recv(BLOCK)
        except BlockingIOError:
            return None

    def offer(self, data: bytes) -> int:
        """Send as much as the kernel takes while the loop does not run. Return how much that is."""
        sent = 0
        try:
            while sent < len(data):
                sent += self.sock.send(data[sent : sent + BLOCK])
        except BlockingIOError:
            pass
        return sent

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    abort = close


class StreamsChannel:
    """asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @property
    def sock(self) -> socket.socket:
        """The socket."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        return sock

    async def read(self) -> bytes:
        """Return what arrives next, and nothing at the end of file."""
        return await self.reader.read(BLOCK)

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        self.writer.write(data)
        await self.writer.drain()

    def offer(self, data: bytes) -> int:
        """Hand all of it to the transport, which sends it when the loop runs."""
        self.writer.write(data)
        return len(data)

    def read_now(self) -> None:
        """Return None: what has arrived is known when the loop has run."""

    def pause(self) -> None:
        """Read nothing more."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined, unused-ignore]

    def close(self) -> None:
        """Close it; TLS says goodbye."""
        self.writer.close()

    def abort(self) -> None:
        """Close it at once."""
        self.writer.transport.abort()


def reset(channel: Channel) -> None:
    """Close a connection so that the server is told of a reset."""
    channel.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    channel.abort()
