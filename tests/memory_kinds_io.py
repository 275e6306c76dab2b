"""Kinds of calls on transports to which `memory_child` refuses memory, by the rules of `memory_kinds`."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

from memory_kinds import Kind, cancel_all, nothing, turn


class Echo(asyncio.Protocol):
    """Sends back what it receives."""

    transport: Any = None
    is_lost = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, error: BaseException | None) -> None:
        self.is_lost = True


class BufferedEcho(asyncio.BufferedProtocol):
    """Does the same with a buffer of its own."""

    transport: Any = None
    is_lost = False

    def __init__(self) -> None:
        self.buffer = bytearray(100)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def get_buffer(self, hint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, count: int) -> None:
        self.transport.write(self.buffer[:count])

    def connection_lost(self, error: BaseException | None) -> None:
        self.is_lost = True


class StreamEcho(Kind):
    """A transport is made, echoes, and is closed."""

    protocol_class: Any = Echo

    def set_up(self) -> None:
        self.left, self.right = self.pair()
        self.protocol = self.protocol_class()

    def call(self) -> None:
        self.drive(self.main())

    async def main(self) -> None:
        transport, _ = await self.loop.create_connection(lambda: self.protocol, sock=self.left)
        self.right.send(b"hello")
        for _ in range(3):
            await asyncio.sleep(0)
        transport.write(b"more")
        transport.writelines([b"more", b"and more"])
        transport.write(bytearray(b"changing"))
        await asyncio.sleep(0)
        transport.write_eof()
        transport.close()
        while not self.protocol.is_lost:
            await asyncio.sleep(0)

    def check(self, succeeded: bool) -> None:
        transport = self.protocol.transport
        if transport is not None:
            transport.abort()
            turn(self.loop, 3)
            assert self.protocol.is_lost
            assert transport.get_write_buffer_size() == 0

    def close(self) -> None:
        cancel_all(self.loop)
        super().close()


class BufferedStreamEcho(StreamEcho):
    """The same with a buffered protocol."""

    protocol_class = BufferedEcho


class OpenStream(Kind):
    """A call on a transport that is open."""

    def set_up(self) -> None:
        self.left, self.right = self.pair()

        async def connect() -> Any:
            return await self.loop.create_connection(Echo, sock=self.left)

        self.transport, self.protocol = self.loop.run_until_complete(connect())

    def check(self, succeeded: bool) -> None:
        self.transport.abort()
        turn(self.loop, 3)
        assert self.protocol.is_lost
        assert self.transport.get_write_buffer_size() == 0


class StreamReceives(OpenStream):
    """data_received()."""

    def call(self) -> None:
        self.right.send(b"hello")
        turn(self.loop, 2)


class StreamWrite(OpenStream):
    """The ways to write."""

    def call(self) -> None:
        self.transport.write(b"a")
        self.transport.write(b"b")
        self.transport.write(bytearray(b"c"))
        self.transport.write(memoryview(b"d"))
        self.transport.writelines([b"e", bytearray(b"f")])
        turn(self.loop)


class StreamClose(OpenStream):
    """write_eof() and close()."""

    def call(self) -> None:
        self.transport.write(b"a")
        self.transport.write_eof()
        self.transport.close()
        turn(self.loop, 2)


class StreamAbort(OpenStream):
    """abort()."""

    def call(self) -> None:
        self.transport.abort()
        turn(self.loop, 2)


class StreamEnd(OpenStream):
    """The peer leaves."""

    def call(self) -> None:
        self.right.close()
        turn(self.loop, 3)


class StreamInfo(OpenStream):
    """The information about a transport."""

    def call(self) -> None:
        for name in "socket", "sockname", "peername", "nothing":
            self.transport.get_extra_info(name)
        self.transport.get_write_buffer_size()
        self.transport.get_write_buffer_limits()
        self.transport.set_write_buffer_limits(1000, 10)
        self.transport.is_closing()
        self.transport.pause_reading()
        self.transport.resume_reading()
        repr(self.transport)


class ReaderEcho(Kind):
    """asyncio's streams, over an accepted connection."""

    # `create_server()` forgets a server that it has no memory to return, asyncio's as well.
    may_leak = True

    server: Any = None

    def call(self) -> None:
        self.drive(self.main())

    async def main(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*self.server.sockets[0].getsockname())
        try:
            writer.write(b"hello\n")
            await writer.drain()
            await reader.readline()
        finally:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await reader.readline())
        finally:
            writer.close()

    def check(self, succeeded: bool) -> None:
        if self.server is not None:
            self.server.close()
        cancel_all(self.loop)
        turn(self.loop, 5)

    def close(self) -> None:
        self.server = None
        super().close()


class Accepts(Kind):
    """A native listener accepts connections, whose transports are counted."""

    def set_up(self) -> None:
        async def serve() -> Any:
            return await self.loop.create_server(self.make, "127.0.0.1", 0)

        self.made: list[Echo] = []
        self.server = self.loop.run_until_complete(serve())
        self.client = socket.create_connection(self.server.sockets[0].getsockname())
        self.open.append(self.client.close)

    def make(self) -> Echo:
        protocol = Echo()
        self.made.append(protocol)
        return protocol

    def call(self) -> None:
        turn(self.loop, 3)

    def check(self, succeeded: bool) -> None:
        turn(self.loop, 3)
        self.client.close()
        turn(self.loop, 5)
        for protocol in self.made:
            assert protocol.transport is None or protocol.is_lost
        count = getattr(self.server, "_active_count", None)
        assert not (len(self.server._clients) if count is None else count), "a connection is still counted"
        self.server.close()

        async def wait() -> None:
            async with asyncio.timeout(5):
                await self.server.wait_closed()

        self.loop.run_until_complete(wait())


class Connects(Kind):
    """create_connection() to a literal address."""

    def set_up(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open.append(self.listener.close)
        self.protocol = Echo()

    def call(self) -> None:
        self.drive(self.loop.create_connection(lambda: self.protocol, *self.listener.getsockname()))

    def check(self, succeeded: bool) -> None:
        cancel_all(self.loop)
        if self.protocol.transport is not None:
            self.protocol.transport.abort()
        turn(self.loop, 4)
        assert self.protocol.transport is None or self.protocol.is_lost


class Collects(asyncio.DatagramProtocol):
    """Keeps what it receives."""

    transport: Any = None
    is_lost = False

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.received.append(data)

    def connection_lost(self, error: BaseException | None) -> None:
        self.is_lost = True


class Datagrams(Kind):
    """An endpoint is made, sends, receives and is closed."""

    def set_up(self) -> None:
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.open.append(self.peer.close)
        self.protocol = Collects()

    def call(self) -> None:
        self.drive(self.main())

    async def main(self) -> None:
        transport, _ = await self.loop.create_datagram_endpoint(lambda: self.protocol, local_addr=("127.0.0.1", 0))
        transport.sendto(b"out", self.peer.getsockname())
        transport.sendto(bytearray(b"out"), self.peer.getsockname())
        for _ in range(3):
            self.peer.sendto(b"in", transport.get_extra_info("sockname"))
        for _ in range(4):
            await asyncio.sleep(0)
        transport.close()
        while not self.protocol.is_lost:
            await asyncio.sleep(0)

    def check(self, succeeded: bool) -> None:
        transport = self.protocol.transport
        if transport is not None:
            transport.abort()
            turn(self.loop, 3)
            assert self.protocol.is_lost
            assert transport.get_write_buffer_size() == 0

    def close(self) -> None:
        cancel_all(self.loop)
        super().close()


class Pipes(Kind):
    """Both ends of a pipe."""

    def set_up(self) -> None:
        read, write = os.pipe()
        self.ends = [os.fdopen(read, "rb", 0), os.fdopen(write, "wb", 0)]
        self.open += [end.close for end in self.ends]
        self.reading, self.writing = Echo(), Echo()
        self.reading.data_received = nothing  # type: ignore[method-assign]

    def call(self) -> None:
        self.drive(self.main())

    async def main(self) -> None:
        await self.loop.connect_read_pipe(lambda: self.reading, self.ends[0])
        transport, _ = await self.loop.connect_write_pipe(lambda: self.writing, self.ends[1])
        transport.write(b"a")
        transport.write(bytearray(b"b"))
        for _ in range(3):
            await asyncio.sleep(0)
        transport.close()
        while not (self.reading.is_lost and self.writing.is_lost):
            await asyncio.sleep(0)

    def check(self, succeeded: bool) -> None:
        for protocol in self.reading, self.writing:
            if protocol.transport is not None:
                protocol.transport.close()
                if protocol is self.writing:
                    protocol.transport.abort()
        turn(self.loop, 4)
        for protocol in self.reading, self.writing:
            assert protocol.transport is None or protocol.is_lost

    def close(self) -> None:
        cancel_all(self.loop)
        super().close()


class Sendfile(OpenStream):
    """sendfile()."""

    def set_up(self) -> None:
        super().set_up()
        self.file = Path(__file__).open("rb")  # noqa: SIM115  (closed with the kind)
        self.open.append(self.file.close)

    def call(self) -> None:
        self.drive(self.loop.sendfile(self.transport, self.file, 0, 100))

    def close(self) -> None:
        cancel_all(self.loop)
        super().close()


KINDS: list[type[Kind]] = [
    StreamEcho,
    BufferedStreamEcho,
    StreamReceives,
    StreamWrite,
    StreamClose,
    StreamAbort,
    StreamEnd,
    StreamInfo,
    ReaderEcho,
    Accepts,
    Connects,
    Datagrams,
    Pipes,
    Sendfile,
]
