"""Servers over TLS: their clients, their end, and clients that block in threads of their own."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, reports_of, run, skip_asyncio
from support import NewLoop, pending, turn, turn_until
from tls_certificates import SERVER, Contexts
from tls_peer import Peer
from tls_served import HOST, factory

SECONDS = 30


class Served:
    """A server with clients that the test drives."""

    def __init__(self, loop: asyncio.AbstractEventLoop, contexts: Contexts, **options: Any) -> None:
        self.loop = loop
        self.contexts = contexts
        self.protocols: list[Any] = []
        self.peers: list[Peer] = []
        creating = loop.create_server(factory(self.protocols), HOST, 0, ssl=contexts.server(), **options)
        self.server: Any = run(loop, creating)

    def connect(self) -> Peer:
        """A client after its handshake."""
        peer = self.connect_silently()
        peer.handshake()
        turn_until(self.loop, lambda: self.protocols[-1].transport)
        return peer

    def connect_silently(self) -> Peer:
        """A client that has not begun its handshake."""
        sock = socket.create_connection(self.server.sockets[0].getsockname())
        sock.setblocking(False)
        before = len(self.protocols)
        self.peers.append(Peer(self.loop, sock, self.contexts.client(), server_hostname=SERVER))
        turn_until(self.loop, lambda: len(self.protocols) > before)
        return self.peers[-1]

    def end(self) -> None:
        """End everything."""
        self.server.close()
        for protocol in self.protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
        for peer in self.peers:
            peer.sock.close()
        turn_until(self.loop, lambda: all(protocol.lost for protocol in self.protocols if protocol.transport))
        turn(self.loop, A_FEW)


@pytest.fixture
def served(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> Iterator[Served]:
    """A running server."""
    served = Served(loop, contexts)
    yield served
    served.end()


def test_closing_leaves_the_clients(loop: asyncio.AbstractEventLoop, served: Served) -> None:
    """`close()` refuses new clients, and serves the others on."""
    peer = served.connect()
    served.server.close()
    peer.write(b"still here?")
    assert peer.receive(11) == b"still here?"


def test_wait_closed(loop: asyncio.AbstractEventLoop, served: Served, engine: str) -> None:
    """It waits for the clients; before 3.12 asyncio's own loop does not."""
    skip_asyncio(engine, below=(3, 12))
    peer = served.connect()
    served.server.close()
    waiting = pending(loop, served.server.wait_closed())
    peer.unwrap()
    turn_until(loop, waiting.done)
    assert [protocol.lost for protocol in served.protocols] == [[None]]


def test_closing_the_clients(loop: asyncio.AbstractEventLoop, served: Served, engine: str) -> None:
    """`close_clients()` says goodbye to each; asyncio has it from 3.13 on."""
    skip_asyncio(engine, below=(3, 13))
    peers = [served.connect(), served.connect()]
    served.server.close()
    served.server.close_clients()
    # The transports below are closed: what is sent, and when the protocols are told, is theirs to decide.
    turn_until(loop, lambda: all(protocol.lost for protocol in served.protocols))
    for peer in peers:
        peer.wait_for_eof()


def test_aborting_the_clients(loop: asyncio.AbstractEventLoop, served: Served, engine: str) -> None:
    """`abort_clients()` closes every connection at once, also in the handshake; asyncio has it from 3.13 on."""
    skip_asyncio(engine, below=(3, 13))
    peers = [served.connect(), served.connect(), served.connect_silently()]
    served.server.close()
    served.server.abort_clients()
    turn_until(loop, lambda: all(protocol.lost for protocol in served.protocols[:2]))
    for peer in peers:
        peer.wait_for_eof()
    assert served.protocols[2].calls == []
    run(loop, asyncio.wait_for(served.server.wait_closed(), SECONDS))


def test_a_failed_handshake_does_not_stop_the_server(loop: asyncio.AbstractEventLoop, served: Served) -> None:
    """Clients that speak something else, or leave, are their own trouble: the log of errors has no line about them."""
    garbage = served.connect_silently()
    garbage.sock.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    garbage.wait_for_eof()
    gone = served.connect_silently()
    gone.sock.close()
    half = served.connect_silently()
    with contextlib.suppress(ssl.SSLWantReadError):
        half.tls.do_handshake()
    half.sock.send(half.outgoing.read()[:20])
    half.sock.close()
    turn(loop, A_FEW)
    peer = served.connect()
    peer.write(b"hello")
    assert peer.receive(5) == b"hello"
    assert [protocol.calls for protocol in served.protocols[:-1]] == [[], [], []]


# asyncio's own server drops the accepted socket without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_factory_that_raises(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The loop's handler gets the exception, the client its end, and the server goes on."""

    def make() -> Any:
        if not protocols:
            protocols.append(None)
            raise LookupError
        protocols.append(Recorder())
        return protocols[-1]

    protocols: list[Any] = []
    reports = reports_of(loop)
    server: Any = run(loop, loop.create_server(make, HOST, 0, ssl=contexts.server()))
    with socket.create_connection(server.sockets[0].getsockname()) as sock:
        sock.setblocking(False)
        Peer(loop, sock, contexts.client(), server_hostname=SERVER).wait_for_eof()
    assert [type(report["exception"]) for report in reports] in ([LookupError], [])
    with socket.create_connection(server.sockets[0].getsockname()) as sock:
        sock.setblocking(False)
        peer = Peer(loop, sock, contexts.client(), server_hostname=SERVER)
        peer.handshake()
        turn_until(loop, lambda: protocols[-1].transport)
        peer.unwrap()
        turn_until(loop, lambda: protocols[-1].lost)
    server.close()
    turn(loop, A_FEW)


def blocking_exchange(address: Any, context: ssl.SSLContext, size: int, ready: threading.Barrier) -> bytes:
    """Send and receive so many bytes over a blocking TLS socket, and end it in good order."""
    ready.wait(SECONDS)
    with (
        socket.create_connection(address, timeout=SECONDS) as sock,
        context.wrap_socket(sock, server_hostname=SERVER) as tls,
    ):
        got = bytearray()
        for _ in range(size // 1000):
            tls.sendall(bytes(1000))
            while len(got) < 1000:
                got += tls.recv(1000)
            assert got == bytes(1000)
            got.clear()
        tls.unwrap()
        return b"done"


def test_blocking_clients_in_threads(loop: asyncio.AbstractEventLoop, served: Served, contexts: Contexts) -> None:
    """The standard library's own TLS sockets, several at once."""
    address = served.server.sockets[0].getsockname()
    ready = threading.Barrier(3)

    async def all_of_them() -> list[bytes]:
        with ThreadPoolExecutor(3) as pool:
            calls = [
                loop.run_in_executor(pool, blocking_exchange, address, contexts.client(), 50_000, ready)
                for _ in range(3)
            ]
            return await asyncio.wait_for(asyncio.gather(*calls), SECONDS)

    assert run(loop, all_of_them()) == [b"done"] * 3
    turn_until(loop, lambda: all(protocol.lost for protocol in served.protocols))
    assert [protocol.lost for protocol in served.protocols] == [[None]] * 3


def test_two_loops_in_two_threads(new_loop: NewLoop, contexts: Contexts) -> None:
    """Contexts are shared between loops of several threads."""
    context, client_context = contexts.server(), contexts.client()

    async def talk() -> int:
        protocols: list[Any] = []
        loop = asyncio.get_running_loop()
        server = await loop.create_server(factory(protocols), HOST, 0, ssl=context)
        for number in range(20):
            made = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=client_context)
            reader, writer = made
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
            writer.close()
            await writer.wait_closed()
        server.close()
        while not all(protocol.lost for protocol in protocols):
            await asyncio.sleep(0)
        # The sockets are closed a few turns later.
        for _ in range(A_FEW):
            await asyncio.sleep(0)
        return len(protocols)

    loops = [new_loop(), new_loop()]
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(loop.run_until_complete, asyncio.wait_for(talk(), SECONDS)) for loop in loops]
        assert [call.result(SECONDS) for call in calls] == [20, 20]


def test_a_task_for_each_client(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A server of streams whose handlers raise or never end is closed with them."""
    reports = reports_of(loop)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        if line == b"fail\n":
            raise LookupError
        writer.write(line)
        await writer.drain()
        writer.close()

    async def ask(address: Any, line: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*address, ssl=contexts.client())
        writer.write(line)
        got = await reader.read()
        writer.close()
        await writer.wait_closed()
        return got

    async def both() -> list[bytes]:
        server = await asyncio.start_server(serve, HOST, 0, ssl=contexts.server())
        address = server.sockets[0].getsockname()
        got = await ask(address, b"hello\n")
        failing = asyncio.create_task(ask(address, b"fail\n"))
        while not reports:
            await asyncio.sleep(0)
        server.close()
        failing.cancel()
        await asyncio.wait([failing])
        for _ in range(A_FEW):
            await asyncio.sleep(0)
        return [got]

    assert run(loop, asyncio.wait_for(both(), SECONDS)) == [b"hello\n"]
    assert [type(report["exception"]) for report in reports] == [LookupError]
