"""A loop in each of several threads, each with every kind of transport at once: they share nothing but the process."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from certificates_made import Certificates, make_certificates
from support import loop_factory

THREADS = 3
ROUNDS = 40
SECONDS = 40
# As long as a record, longer than a pipe holds, and short.
SIZES = (1, 100, 16_384, 100_000)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate of localhost and its key."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def contents(name: str) -> list[bytes]:
    """Messages that tell from which thread they are."""
    return [(f"{name} {number} ".encode() * size)[:size] for number in range(ROUNDS) for size in (SIZES[number % 4],)]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what arrives."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
    """Each message comes back as it was sent."""
    for message in contents(name):
        writer.write(message)
        await writer.drain()
        assert await reader.readexactly(len(message)) == message
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


async def over_tcp(name: str, folder: Path) -> None:
    """A server and a client."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        await exchange(*await asyncio.open_connection(*server.sockets[0].getsockname()), name)


async def over_unix(name: str, folder: Path) -> None:
    """The same over a Unix socket."""
    path = folder / f"{name}.sock"
    server = await asyncio.start_unix_server(echo, path)
    async with server:
        await exchange(*await asyncio.open_unix_connection(path), name)
    path.unlink(missing_ok=True)


def over_tls(certificates: Certificates) -> Callable[[str, Path], Awaitable[None]]:
    """The same with TLS."""

    async def run(name: str, folder: Path) -> None:
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificates.certificate, certificates.key)
        trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trusting.load_verify_locations(certificates.certificate)
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=served)
        async with server:
            port = server.sockets[0].getsockname()[1]
            await exchange(*await asyncio.open_connection("localhost", port, ssl=trusting, family=2), name)

    return run


class Datagrams(asyncio.DatagramProtocol):
    """Keeps what it receives."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Keep it."""
        self.received.put_nowait(data)


async def over_udp(name: str, folder: Path) -> None:
    """One endpoint sends to another, and waits for each datagram."""
    receiver, there = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
    address = receiver.get_extra_info("sockname")
    sender, _ = await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, remote_addr=address)
    for message in (message[:1000] for message in contents(name)):
        sender.sendto(message)
        assert await there.received.get() == message
    sender.close()
    receiver.close()
    await asyncio.sleep(0)


async def over_pipes(name: str, folder: Path) -> None:
    """What is written into a pipe comes out of it."""
    loop = asyncio.get_running_loop()
    read, write = os.pipe()
    reader = asyncio.StreamReader()
    incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb", 0))
    outgoing, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(write, "wb", 0))
    for message in contents(name):
        outgoing.write(message)
        assert await reader.readexactly(len(message)) == message
    outgoing.close()
    assert await reader.read() == b""
    incoming.close()
    await asyncio.sleep(0)


async def over_a_process(name: str, folder: Path) -> None:
    """A child sends back what it reads."""
    made = asyncio.create_subprocess_exec("/bin/cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    child = await made
    text = b"".join(contents(name))
    output, _ = await child.communicate(text)
    assert output == text
    assert await child.wait() == 0


async def over_sockets(name: str, folder: Path) -> None:
    """`sock_recv` and its kin, and a name that a pool looks up."""
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        for message in contents(name):
            sending = asyncio.create_task(loop.sock_sendall(near, message))
            received = b""
            while len(received) < len(message):
                received += await loop.sock_recv(far, 65_536)
            await sending
            assert received == message
    assert await loop.getaddrinfo("localhost", 80)
    assert await loop.run_in_executor(None, lambda: name) == name


def in_threads(loop_name: str, work: Callable[[str], Awaitable[None]]) -> None:
    """Run the work in a loop in each thread, and raise the first exception of any."""
    raised: list[BaseException] = []
    start = threading.Barrier(THREADS, timeout=SECONDS)

    def run(name: str) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(SECONDS):
                await work(name)

        try:
            start.wait()
            with asyncio.Runner(loop_factory=loop_factory(loop_name)) as runner:
                runner.run(bounded())
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(f"thread{number}",)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def test_all_kinds_at_once(loop_name: str, certificates: Certificates, tmp_path: Path) -> None:
    """Every message of every connection of every thread arrives where it belongs."""
    kinds = [over_tcp, over_unix, over_tls(certificates), over_udp, over_pipes, over_a_process, over_sockets]

    async def work(name: str) -> None:
        await asyncio.gather(*(kind(name, tmp_path) for kind in kinds))

    in_threads(loop_name, work)


@pytest.mark.vitok_only
@pytest.mark.parametrize("engine", ["direct", "memory"])
def test_tls_with_each_engine(
    engine: str, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engines share OpenSSL, and the buffers of no other loop."""
    monkeypatch.setattr("vitok._tls.wanted", engine)

    async def work(name: str) -> None:
        await asyncio.gather(*(over_tls(certificates)(f"{name}-{number}", tmp_path) for number in range(3)))

    in_threads("vitok", work)
