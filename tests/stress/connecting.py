"""Scenarios of connections between loops of different threads: TCP, Unix, TLS, datagrams, pipes and plain sockets.

Each connection carries blocks of random bytes, and the other side answers each with its length and its checksum.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import ssl
import subprocess
import threading
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

from .context import Context

_numbers = itertools.count()
_WORD = 4
# What a peer that aborts its connection does to the other side.
_ENDED = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)


def has_openssl() -> bool:
    """Whether certificates can be made."""
    return shutil.which("openssl") is not None


def make_certificate(folder: Path) -> None:
    """Make the certificate of all TLS connections of a run."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run(["openssl", *words.split(), *extra], check=True, capture_output=True)


def contexts_of(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return new contexts of a server and of a client that knows it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(folder / "cert.pem")
    return server, client


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each block of one connection, until it ends."""
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(_WORD), "big")
            block = await reader.readexactly(length)
            writer.write(zlib.crc32(block).to_bytes(_WORD, "big"))
            await writer.drain()
    except _ENDED:
        pass
    finally:
        writer.close()
        with contextlib.suppress(*_ENDED):
            await writer.wait_closed()


async def ask(
    context: Context, random: Random, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, blocks: int
) -> None:
    """Send blocks, check the answers, and end the connection in one of several ways."""
    for _ in range(blocks):
        block = random.randbytes(random.choice((0, 1, 100, 5000, 70_000)))
        writer.writelines([len(block).to_bytes(_WORD, "big"), block[: len(block) // 2], block[len(block) // 2 :]])
        await writer.drain()
        found = int.from_bytes(await reader.readexactly(_WORD), "big")
        context.check(found == zlib.crc32(block), f"{len(block)} bytes arrived as others")
    if random.random() < 0.3:
        writer.transport.abort()
    elif random.random() < 0.3 and writer.can_write_eof():
        writer.write_eof()
        context.check(await reader.read() == b"", "data after the last answer")
    writer.close()
    with contextlib.suppress(*_ENDED):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def listening(place: dict[str, Any], context: Context, ssl_context: ssl.SSLContext | None) -> AsyncIterator[None]:
    """Listen for the block; `place` gets the arguments with which a client connects."""
    if context.random.random() < 0.5:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=ssl_context)
        place["host"], place["port"] = server.sockets[0].getsockname()
    else:
        place["path"] = str(context.settings.folder / f"{next(_numbers)}.sock")
        server = await asyncio.start_unix_server(answer, place["path"], ssl=ssl_context)
    async with server:
        yield
    if "path" in place:
        Path(place["path"]).unlink(missing_ok=True)


def streams(context: Context) -> None:
    """Clients on loops of several threads are connected with a server on one of another thread, some of them by TLS."""
    place: dict[str, Any] = {}
    server_side = client_side = None
    if context.random.random() < 0.4 and has_openssl():
        server_side, client_side = contexts_of(context.settings.folder)
        place["ssl"], place["server_hostname"] = client_side, "localhost"
    listens, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        end = asyncio.Event()
        async with listening(place, context, server_side):
            place["end"] = asyncio.get_running_loop(), end
            listens.set()
            await end.wait()
            # The connections end by themselves: their clients have closed them.
            while len(asyncio.all_tasks()) > 1:
                await asyncio.sleep(0.001)

    async def connect(random: Random, arguments: dict[str, Any]) -> None:
        opened = asyncio.open_unix_connection if "path" in arguments else asyncio.open_connection
        reader, writer = await opened(**arguments)
        await ask(context, random, reader, writer, random.randint(0, 6))

    async def work(random: Random, connections: int, arguments: dict[str, Any]) -> None:
        await asyncio.gather(*(connect(random, arguments) for _ in range(connections)))

    server = context.start(lambda: context.run(serve()))
    if not listens.wait(context.settings.patience):
        context.fault("the server does not listen")
        return
    loop, end = place.pop("end")
    clients = [
        context.start(lambda random: context.run(work(random, context.count(1, 6), place)), context.fork_random())
        for _ in range(context.random.randint(1, 3))
    ]
    for client in clients:
        client.join()
    ended.set()
    loop.call_soon_threadsafe(end.set)
    server.join()


def sockets(context: Context) -> None:
    """The two ends of a pair of sockets are used by loops of two threads, through the `sock_*` calls."""

    async def send(end: socket.socket, block: bytes) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(end, block)
        answered = await loop.sock_recv(end, _WORD)
        context.check(answered == zlib.crc32(block).to_bytes(_WORD, "big"), f"{len(block)} bytes arrived as others")

    async def receive(end: socket.socket, length: int) -> None:
        loop = asyncio.get_running_loop()
        buffer, total, crc = bytearray(3000), 0, 0
        while total < length:
            count = await loop.sock_recv_into(end, buffer)
            crc = zlib.crc32(memoryview(buffer)[:count], crc)
            total += count
        await loop.sock_sendall(end, crc.to_bytes(_WORD, "big"))

    def both(random: Random) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for end in (ours, theirs):
                end.setblocking(False)
            block = random.randbytes(random.randint(1, 300_000))
            other = context.start(lambda: context.run(receive(theirs, len(block))))
            context.run(send(ours, block))
            other.join()

    for _ in range(context.random.randint(1, 3)):
        context.start(both, context.fork_random())
    context.join()


class _Datagrams(asyncio.DatagramProtocol):
    """Sends back what it receives, or counts it."""

    def __init__(self, seen: "list[bytes] | None" = None, done: "asyncio.Future[None] | None" = None) -> None:
        self.transport: Any = None
        self.seen = seen
        self.done = done

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.seen is None:
            self.transport.sendto(data, addr)
            return
        self.seen.append(data)
        if self.done is not None and not self.done.done():
            self.done.set_result(None)


def datagrams(context: Context) -> None:
    """A loop sends datagrams to one of another thread, which sends each back; the kernel may lose some of them."""

    async def exchange(address: Any, count: int) -> None:
        loop, seen = asyncio.get_running_loop(), list[bytes]()
        protocol = _Datagrams(seen, loop.create_future())
        transport, _ = await loop.create_datagram_endpoint(lambda: protocol, remote_addr=address)
        for number in range(count):
            transport.sendto(number.to_bytes(_WORD, "big"))
            if number % 8 == 7:
                await asyncio.sleep(0)
        assert protocol.done is not None
        await protocol.done
        transport.close()
        context.check(sorted(set(seen)) == sorted(seen), "a datagram came twice")
        context.check(all(int.from_bytes(data, "big") < count for data in seen), "a datagram has other bytes")

    async def open_server() -> Any:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Datagrams(), local_addr=("127.0.0.1", 0)
        )
        return transport

    with context.running_loop() as loop:
        transport = context.result(asyncio.run_coroutine_threadsafe(open_server(), loop))
        address = transport.get_extra_info("sockname")
        for _ in range(context.random.randint(1, 3)):
            context.start(lambda count: context.run(exchange(address, count)), context.count(5, 50))
        context.join()
        loop.call_soon_threadsafe(transport.close)


class _Writing(asyncio.Protocol):
    """The protocol of a pipe that is written to."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


def pipes(context: Context) -> None:
    """A loop writes to a pipe that one of another thread reads."""

    async def write(descriptor: int, block: bytes) -> None:
        loop, protocol = asyncio.get_running_loop(), _Writing()
        transport, _ = await loop.connect_write_pipe(lambda: protocol, os.fdopen(descriptor, "wb", 0))
        for start in range(0, len(block), 10_000):
            transport.write(block[start : start + 10_000])
            await asyncio.sleep(0)
        transport.close()
        await protocol.lost.wait()

    async def read(descriptor: int) -> bytes:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=2**20)
        file = os.fdopen(descriptor, "rb", 0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        block = await reader.read()
        transport.close()
        return block

    source, target = os.pipe()
    block = context.random.randbytes(context.count(1, 200_000))
    writing = context.start(lambda: context.run(write(target, block)))
    context.check(context.run(read(source)) == block, f"{len(block)} bytes arrived as others")
    writing.join()


SCENARIOS = (streams, sockets, datagrams, pipes)
