"""The servers of the stream rows, as a user of asyncio would write them.

Each function starts one on the running loop and returns its port. `serving.py` has the process, which all rows share.
Loops and clients are not known here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final, cast

from vitok_bench.stream_rows import WRITE_BYTES, WRITES

Loop = asyncio.AbstractEventLoop

HOST: Final = "127.0.0.1"
# Ten thousand connections arrive at once; the kernel reduces the number to its limit.
BACKLOG: Final = 4096
# The read size of most programs.
READ_BYTES: Final = 1 << 16
# The read size of the raw servers and the loops.
BUFFER_BYTES: Final = 1 << 18
# The kernel allows up to its limit. A hundred datagrams of 1 KiB don't fit into its default.
DATAGRAM_BUFFER_BYTES: Final = 1 << 20
# The unit of the bulk rows; the load generator has it as well (`load/src/agreement.rs`).
MIB: Final = 1 << 20
CHUNK: Final = bytes(1 << 16)
SMALL: Final = bytes(WRITE_BYTES)
ACKNOWLEDGEMENT: Final = b"k"
RESPONSE: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world!"


class EchoProtocol(asyncio.Protocol):
    """Sends back what it receives."""

    __slots__ = ("transport",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class EchoBufferedProtocol(asyncio.BufferedProtocol):
    """Sends back what it receives, from one buffer for all connections.

    Received bytes are copied before the next read, so one is enough. Without the copy, bytes that a loop keeps for a
    write could change: asyncio promises nothing else.
    """

    __slots__ = ("transport",)
    buffer = memoryview(bytearray(BUFFER_BYTES))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 (asyncio names it)
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.transport.write(bytes(self.buffer[:nbytes]))


class SmallWritesProtocol(asyncio.Protocol):
    """Answers every byte with many small writes in one callback."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        write = self.transport.write
        for _ in range(WRITES * len(data)):
            write(SMALL)


class SourceProtocol(asyncio.Protocol):
    """Writes a MiB for every byte received, as long as the transport accepts it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.owed = 0
        self.is_paused = False

    def data_received(self, data: bytes) -> None:
        self.owed += len(data) * MIB
        self._write()

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        self._write()

    def _write(self) -> None:
        while self.owed > 0 and not self.is_paused:
            self.owed -= len(CHUNK)
            self.transport.write(CHUNK)


class SinkProtocol(asyncio.Protocol):
    """Accepts everything, and acknowledges every MiB so that the client knows when all has been received."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.taken = 0

    def data_received(self, data: bytes) -> None:
        self.taken += len(data)
        while self.taken >= MIB:
            self.taken -= MIB
            self.transport.write(ACKNOWLEDGEMENT)


class HttpProtocol(asyncio.Protocol):
    """Answers every head with the same response. Only `check_load.py` uses it, no row."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.kept = b""

    def data_received(self, data: bytes) -> None:
        *heads, self.kept = (self.kept + data).split(b"\r\n\r\n")
        self.transport.write(RESPONSE * len(heads))


class AbortProtocol(asyncio.Protocol):
    """Ends every connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


class EchoDatagramProtocol(asyncio.DatagramProtocol):
    """Sends every datagram back to its sender."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(data, addr)


def by(
    protocol: Callable[[], asyncio.BaseProtocol], *, tls: ssl.SSLContext | None = None
) -> Callable[[], Awaitable[int]]:
    """Return a function that starts a server of that protocol over TCP, or over TLS with that context."""

    async def start() -> int:
        server = await asyncio.get_running_loop().create_server(protocol, HOST, 0, backlog=BACKLOG, ssl=tls)
        _keep(server)
        return _port(server.sockets[0].getsockname())

    return start


async def _streams() -> int:
    server = await asyncio.start_server(_echo_by_streams, HOST, 0, backlog=BACKLOG)
    _keep(server)
    return _port(server.sockets[0].getsockname())


async def _echo_by_streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(READ_BYTES):
        writer.write(data)
    writer.close()


async def _sock() -> int:
    listener = socket.create_server((HOST, 0), backlog=BACKLOG)
    listener.settimeout(0)
    _start(_accept_by_sock(listener))
    return _port(listener.getsockname())


async def _accept_by_sock(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        connection, _ = await loop.sock_accept(listener)
        # Transports do this by themselves.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _start(_echo_by_sock(loop, connection))


async def _echo_by_sock(loop: Loop, connection: socket.socket) -> None:
    with connection:
        while data := await loop.sock_recv(connection, READ_BYTES):
            await loop.sock_sendall(connection, data)


async def _udp() -> int:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.settimeout(0)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, DATAGRAM_BUFFER_BYTES)
    bound.bind((HOST, 0))
    # Afterwards the socket belongs to the loop, and some loops close this object.
    port = _port(bound.getsockname())
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(EchoDatagramProtocol, sock=bound)
    _keep(transport)
    return port


# The functions that start a server and return its port, by name.
FAMILIES: Final[dict[str, Callable[[], Awaitable[int]]]] = {
    "echo_protocol": by(EchoProtocol),
    "echo_buffered": by(EchoBufferedProtocol),
    "echo_streams": _streams,
    "echo_sock": _sock,
    "small_writes": by(SmallWritesProtocol),
    "bulk_out": by(SourceProtocol),
    "bulk_in": by(SinkProtocol),
    "connect": by(AbortProtocol),
    "udp": _udp,
    "http": by(HttpProtocol),
}

# Servers and tasks live as long as the process; a loop only holds what it waits for.
_kept: Final[set[object]] = set()


def _keep(thing: object) -> None:
    _kept.add(thing)


def _start(coroutine: Coroutine[object, object, None]) -> None:
    task = asyncio.get_running_loop().create_task(coroutine)
    _kept.add(task)
    task.add_done_callback(_end)


def _end(task: asyncio.Task[None]) -> None:
    _kept.discard(task)
    # Raises what the task raised, so that the loop's exception handler is called at once.
    task.result()


def _port(name: tuple[str, int]) -> int:
    return name[1]
