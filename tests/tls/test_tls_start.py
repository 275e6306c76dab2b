"""`loop.start_tls` and `StreamWriter.start_tls`: TLS in the middle of a connection.

TLS in TLS is tested in test_tls_layers.py.
"""

import asyncio
import os
import ssl
from typing import Any

import pytest
from net_protocols import DatagramRecorder, Recorder
from net_support import A_FEW, bad, connect, receive, run, unix_pair
from support import result, turn, turn_until
from tls_certificates import SERVER, Contexts
from tls_support import SIDES, peer_of

HOST = "127.0.0.1"
SECONDS = 30


def options_of(contexts: Contexts, side: str) -> dict[str, Any]:
    """Keyword arguments of `start_tls` for this side."""
    if side == "server":
        return {"sslcontext": contexts.server(), "server_side": True}
    return {"sslcontext": contexts.client(), "server_hostname": SERVER}


class Line(Recorder):
    """Reads one line in clear text, and starts TLS for another protocol when it is complete."""

    def __init__(self, loop: asyncio.AbstractEventLoop, later: Any, options: dict[str, Any]) -> None:
        super().__init__()
        self.loop = loop
        self.later = later
        self.options = options
        self.task: Any = None

    def data_received(self, data: bytes) -> None:
        """Collect, and start."""
        super().data_received(data)
        if b"\n" in self.data and self.task is None:
            self.transport.pause_reading()
            self.task = self.loop.create_task(self.start())

    async def start(self) -> Any:
        """Start TLS."""
        tls = await self.loop.start_tls(self.transport, self.later, **self.options)
        self.later.transport = tls
        return tls


@pytest.mark.parametrize("side", SIDES)
def test_in_the_middle(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """After a line in clear text both ends change to TLS; the new protocol is not told that it is connected."""
    ours, theirs = unix_pair()
    later = Recorder()
    first = Line(loop, later, options_of(contexts, side))
    clear = connect(loop, first, ours)
    with theirs:
        clear.write(b"ready\n")
        assert receive(loop, theirs, 6) == b"ready\n"
        theirs.send(b"go\n")
        turn_until(loop, lambda: first.task)
        peer = peer_of(loop, contexts, theirs, side=side)
        peer.handshake()
        tls = result(loop, first.task)
        assert later.calls == []
        assert tls is not clear
        tls.write(b"secret")
        assert peer.receive(6) == b"secret"
        peer.write(b"answer")
        turn_until(loop, lambda: later.data == b"answer")
        peer.unwrap()
        turn_until(loop, lambda: later.lost)
        assert later.calls == ["data_received", "eof_received", "connection_lost"]
        assert first.calls == ["connection_made", "data_received"]
        turn_until(loop, lambda: ours.fileno() == -1)


def test_clear_text_and_hello_in_one_segment(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A PROXY line and a ClientHello that arrive together: a buffered protocol takes the line, and nothing is lost."""

    class Exact(asyncio.BufferedProtocol):
        """Reads exactly the line, by the size of its buffer."""

        def __init__(self) -> None:
            self.buffer = bytearray(len(line))

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            transport.pause_reading()
            lines.append(bytes(self.buffer[:nbytes]))

    line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n"
    lines: list[bytes] = []
    ours, theirs = unix_pair()
    transport = connect(loop, Exact(), ours)
    with theirs:
        peer = peer_of(loop, contexts, theirs, side="server")
        with pytest.raises(ssl.SSLWantReadError):
            peer.tls.do_handshake()
        theirs.send(line + peer.outgoing.read())
        turn_until(loop, lambda: lines)
        assert lines == [line]
        protocol = Recorder()
        task = loop.create_task(loop.start_tls(transport, protocol, contexts.server(), server_side=True))
        peer.handshake()
        tls = result(loop, task)
        tls.write(b"hello")
        assert peer.receive(5) == b"hello"
        tls.abort()
        turn_until(loop, lambda: ours.fileno() == -1)


def test_a_hello_that_was_waiting(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A ClientHello that arrived while reading was paused is read by TLS."""
    ours, theirs = unix_pair()
    transport = connect(loop, Recorder(), ours)
    transport.pause_reading()
    with theirs:
        peer = peer_of(loop, contexts, theirs, side="server")
        with pytest.raises(ssl.SSLWantReadError):
            peer.tls.do_handshake()
        peer.flush()
        turn(loop, A_FEW)
        protocol = Recorder()
        task = loop.create_task(loop.start_tls(transport, protocol, contexts.server(), server_side=True))
        peer.handshake()
        peer.write(b"data")
        tls = result(loop, task)
        turn_until(loop, lambda: protocol.data == b"data")
        tls.abort()
        turn_until(loop, lambda: ours.fileno() == -1)


def test_what_was_written_before(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Clear text in the transport's buffer, below the mark of flow control, is sent before the handshake."""
    ours, theirs = unix_pair(send_buffer=4096)
    transport = connect(loop, Recorder(), ours)
    transport.write(bytes(50_000))
    with theirs:
        task = loop.create_task(loop.start_tls(transport, Recorder(), contexts.client(), server_hostname=SERVER))
        assert receive(loop, theirs, 50_000) == bytes(50_000)
        peer_of(loop, contexts, theirs).handshake()
        result(loop, task).abort()
        turn_until(loop, lambda: ours.fileno() == -1)


def test_streams(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """`StreamWriter.start_tls` on both ends of a running stream, as STARTTLS of mail does it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.drain()
        await writer.start_tls(contexts.server())
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.set_result(None)

    async def both() -> None:
        server = await asyncio.start_server(serve, HOST, 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        assert writer.get_extra_info("ssl_object") is None
        await writer.start_tls(contexts.client(), server_hostname=SERVER)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        for number in range(10):
            writer.write(b"line %d\n" % number)
            assert await reader.readline() == b"LINE %d\n" % number
        writer.close()
        await writer.wait_closed()
        await ended
        server.close()

    ended = loop.create_future()
    run(loop, asyncio.wait_for(both(), SECONDS))


@pytest.mark.parametrize("side", SIDES)
def test_a_failing_handshake(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """The error is the caller's, the connection is closed, and the new protocol is told of nothing."""
    ours, theirs = unix_pair()
    later = Recorder()
    transport = connect(loop, Recorder(), ours)
    task = loop.create_task(loop.start_tls(transport, later, **options_of(contexts, side)))
    with theirs:
        turn(loop, A_FEW)
        theirs.send(b"this is not TLS, whatever it is")
        turn_until(loop, lambda: task.done() and ours.fileno() == -1)
        assert isinstance(task.exception(), ssl.SSLError)
    turn(loop, A_FEW)
    assert later.data == b""


def test_cancelled(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The connection is closed."""
    ours, theirs = unix_pair()
    transport = connect(loop, Recorder(), ours)
    task = loop.create_task(loop.start_tls(transport, Recorder(), contexts.client(), server_hostname=SERVER))
    with theirs:
        turn(loop, A_FEW)
        assert transport.is_closing() is False
        task.cancel()
        turn_until(loop, lambda: task.done() and ours.fileno() == -1)
        assert task.cancelled()


def test_a_silent_peer(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The timeout of the handshake holds here as well."""
    ours, theirs = unix_pair()
    transport = connect(loop, Recorder(), ours)
    with theirs:
        options: Any = {"server_side": True, "ssl_handshake_timeout": 0.01}
        with pytest.raises(ConnectionAbortedError, match=r"SSL handshake is taking longer than 0\.01 seconds"):
            run(loop, loop.start_tls(transport, Recorder(), contexts.server(), **options))
        turn_until(loop, lambda: ours.fileno() == -1)


def test_wrong_arguments(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A transport that TLS cannot run on, and what is no context."""
    ours, theirs = unix_pair()
    transport = connect(loop, Recorder(), ours)
    with theirs:
        for wrong in (True, None, "context"):
            with pytest.raises(TypeError, match=r"sslcontext is expected to be an instance of ssl\.SSLContext, got"):
                run(loop, loop.start_tls(transport, Recorder(), bad(wrong)))
        for wrong in (asyncio.Transport(), object(), None):
            with pytest.raises(TypeError, match=r"transport .* is not supported by start_tls"):
                run(loop, loop.start_tls(bad(wrong), Recorder(), contexts.client()))
        for option in ("ssl_handshake_timeout", "ssl_shutdown_timeout"):
            with pytest.raises(ValueError, match=f"{option} should be a positive number, got 0"):
                options: Any = {option: 0}
                run(loop, loop.start_tls(transport, Recorder(), contexts.client(), **options))
        transport.write(b"still in clear")
        assert receive(loop, theirs, 14) == b"still in clear"
        transport.abort()
        turn_until(loop, lambda: ours.fileno() == -1)


def test_pipes_and_datagrams(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Transports that are no streams of sockets are refused, and go on."""
    reading, writing = os.pipe()
    pipe, _ = run(loop, loop.connect_write_pipe(Recorder, os.fdopen(writing, "wb", buffering=0)))
    datagrams, _ = run(loop, loop.create_datagram_endpoint(DatagramRecorder, local_addr=(HOST, 0)))
    for wrong in (pipe, datagrams):
        with pytest.raises(TypeError, match=r"transport .* is not supported by start_tls"):
            run(loop, loop.start_tls(bad(wrong), Recorder(), contexts.client()))
    pipe.write(b"still a pipe")
    turn(loop, A_FEW)
    assert os.read(reading, 100) == b"still a pipe"
    for transport in (pipe, datagrams):
        transport.abort()
    turn(loop, A_FEW)
    os.close(reading)


def test_a_client_without_a_name(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Without `server_hostname` no name is sent, and a context that does not check it accepts any certificate's."""
    ours, theirs = unix_pair()
    context = contexts.client()
    context.check_hostname = False
    transport = connect(loop, Recorder(), ours)
    task = loop.create_task(loop.start_tls(transport, Recorder(), context))
    with theirs:
        names: list[str | None] = []
        server = contexts.server()
        server.sni_callback = lambda _tls, name, _context: names.append(name)
        peer_of(loop, contexts, theirs, context=server).handshake()
        result(loop, task).abort()
        turn_until(loop, lambda: ours.fileno() == -1)
        assert names == [None]
