"""A program that makes and ends many TLS connections in every way, and prints what is left after each round.

Its arguments are the name of a loop, a folder with certificates, the number of connections and that of rounds. Each
line has the connections so far, the bytes in use by malloc, Python's memory blocks, the open descriptors, and the
resident memory in KiB.
"""

import asyncio
import ctypes
import gc
import os
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from net_support import reset
from support import loop_factory
from tls_certificates import SERVER, Contexts

# So many connections are open at once.
AT_ONCE = 20
DATA = bytes(range(256)) * 16


class Site:
    """A server of two ports, for TLS from the first byte and for start_tls, and the contexts of its clients."""

    def __init__(self, contexts: Contexts) -> None:
        self.serving = contexts.server()
        self.trusting = contexts.client()
        self.distrusting = ssl.create_default_context()
        self.connections = 0
        self.all_lost = asyncio.Event()

    async def listen(self) -> tuple[asyncio.Server, asyncio.Server]:
        """Listen on both."""
        loop = asyncio.get_running_loop()
        self.encrypted = await loop.create_server(lambda: Serving(self), "127.0.0.1", 0, ssl=self.serving)
        self.clear = await asyncio.start_server(self.upgrade, "127.0.0.1", 0)
        return self.encrypted, self.clear

    def port(self, server: asyncio.Server) -> int:
        """The port of a server."""
        number: int = server.sockets[0].getsockname()[1]
        return number

    async def upgrade(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client that begins in clear."""
        try:
            writer.write(b"TLS\n")
            await writer.start_tls(self.serving)
            writer.write(await reader.readexactly(len(DATA)))
            await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


class Serving(asyncio.Protocol):
    """Sends back what it receives; the first byte says how it ends."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Send it back, or end."""
        if data[:1] == b"a":
            self.transport.abort()
        elif data[:1] == b"c":
            self.transport.write(DATA)
            self.transport.close()
        else:
            self.transport.write(data)


async def say_goodbye(site: Site) -> None:
    """The client closes, and data has gone both ways."""
    reader, writer = await connect(site)
    writer.write(DATA)
    assert await reader.readexactly(len(DATA)) == DATA
    writer.close()
    await writer.wait_closed()


async def be_told_goodbye(site: Site) -> None:
    """The server closes."""
    reader, writer = await connect(site)
    writer.write(b"c")
    assert await reader.read() == DATA
    writer.close()
    await writer.wait_closed()


async def be_aborted(site: Site) -> None:
    """The server goes away without a word."""
    reader, writer = await connect(site)
    writer.write(b"a")
    await reader.read()
    writer.close()
    await finished(writer.wait_closed())


async def abort(site: Site) -> None:
    """The client goes away without a word, with data in its buffer."""
    _, writer = await connect(site)
    writer.write(DATA * 100)
    writer.transport.abort()
    await finished(writer.wait_closed())


async def give_up(site: Site) -> None:
    """The client's handshake is cancelled."""
    task = asyncio.ensure_future(connect(site))
    for _ in range(4):
        await asyncio.sleep(0)
    if task.cancel():
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()[1].transport.abort()


async def distrust(site: Site) -> None:
    """The client does not trust the server."""
    port = site.port(site.encrypted)
    try:
        await asyncio.open_connection("127.0.0.1", port, ssl=site.distrusting, server_hostname=SERVER)
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("the server is trusted")


async def upgrade(site: Site) -> None:
    """Both begin in clear."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port(site.clear))
    assert await reader.readline() == b"TLS\n"
    await writer.start_tls(site.trusting, server_hostname=SERVER)
    writer.write(DATA)
    assert await reader.readexactly(len(DATA)) == DATA
    writer.close()
    await writer.wait_closed()


async def speak_no_tls(site: Site) -> None:
    """A bare socket sends something else, and waits for the end."""
    with socket.socket() as sock:
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", site.port(site.encrypted)))
        await loop.sock_sendall(sock, b"GET / HTTP/1.1\r\n\r\n")
        while await finished(loop.sock_recv(sock, 1000)):
            pass


async def leave(site: Site) -> None:
    """A bare socket begins a record and resets the connection."""
    sock = socket.socket()
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", site.port(site.encrypted)))
    await loop.sock_sendall(sock, b"\x16\x03\x01\x02\x00\x01")
    reset(sock)


VISITS: tuple[Callable[[Site], Awaitable[None]], ...] = (
    say_goodbye,
    be_told_goodbye,
    be_aborted,
    abort,
    give_up,
    distrust,
    upgrade,
    speak_no_tls,
    leave,
)


async def connect(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection of a client that trusts the server."""
    port = site.port(site.encrypted)
    return await asyncio.open_connection("127.0.0.1", port, ssl=site.trusting, server_hostname=SERVER)


async def finished(waiting: Awaitable[Any]) -> Any:
    """The result, or None if the connection was lost."""
    try:
        return await waiting
    except OSError:
        return None


class Heap(ctypes.Structure):
    """The result of glibc's mallinfo2()."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keep",
        )
    ]


def bytes_in_use() -> int:
    """The bytes that malloc has given out; 0 where the C library cannot say."""
    try:
        function = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    function.restype = Heap
    heap = function()
    return int(heap.uordblks + heap.hblkhd)


async def main(folder: str, connections: int, rounds: int) -> None:
    """Make connections in rounds, and say after each what is left."""
    # What the loop reports of these ends is tested elsewhere.
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    site = Site(Contexts(Path(folder)))
    servers = await site.listen()
    made = 0
    for number in range(rounds):
        until = connections * (number + 1) // rounds
        while made < until:
            visits = [VISITS[(made + each) % len(VISITS)](site) for each in range(min(AT_ONCE, until - made))]
            made += len(visits)
            await asyncio.gather(*visits)
        await settle()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident = pages * os.sysconf("SC_PAGE_SIZE") // 1024
        descriptors = len(os.listdir("/proc/self/fd"))
        print(made, bytes_in_use(), sys.getallocatedblocks(), descriptors, resident, flush=True)
    for server in servers:
        server.close()


async def settle() -> None:
    """Wait until the server's ends are gone, and collect cycles."""
    before = None
    while before != (before := len(os.listdir("/proc/self/fd"))):
        # The last ends follow within some turns of the loop.
        for _ in range(50):
            await asyncio.sleep(0)
        gc.collect()


if __name__ == "__main__":
    name, folder, connections, rounds = sys.argv[1:]
    with asyncio.Runner(loop_factory=loop_factory(name)) as runner:
        runner.run(main(folder, int(connections), int(rounds)))
