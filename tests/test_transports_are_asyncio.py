"""Transports, servers and timer handles are instances of asyncio's classes, as programs and libraries expect.

The data of transports is not tested here.
"""

import asyncio
import os
import socket
import ssl
import sys
from asyncio.trsock import TransportSocket
from pathlib import Path
from typing import Any

import pytest
from support import private


def test_tcp_transports_and_server(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers": `asyncio.Transport` at both ends and `asyncio.AbstractServer`."""

    async def main() -> None:
        accepted = loop.create_future()

        class Accept(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.set_result(transport)

        server = await loop.create_server(Accept, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        transport, _ = await loop.create_connection(asyncio.Protocol, host, port)
        assert isinstance(server, asyncio.AbstractServer)
        for end in (transport, await accepted):
            assert isinstance(end, asyncio.Transport)
            assert isinstance(end.get_extra_info("socket"), TransportSocket)
            assert private(end)._start_tls_compatible is True
            end.abort()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@pytest.mark.vitok_only
def test_server_is_ours_too() -> None:
    """Line "Public names": `vitok.Server` is the class of what `create_server` gives."""
    import vitok

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
        async with server:
            assert isinstance(server, vitok.Server)

    vitok.run(main())


def test_datagram_transport(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers": `asyncio.DatagramTransport`, which asyncio's own becomes in Python 3.12."""
    kind = asyncio.DatagramTransport if sys.version_info >= (3, 12) else asyncio.BaseTransport

    async def main() -> None:
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        assert isinstance(transport, kind)
        transport.close()
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_subprocess_and_pipe_transports(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers": `asyncio.SubprocessTransport`, and the transports of its pipes."""

    async def main() -> None:
        ended = loop.create_future()

        class Child(asyncio.SubprocessProtocol):
            def process_exited(self) -> None:
                ended.set_result(None)

        transport, _ = await loop.subprocess_exec(Child, sys.executable, "-c", "input()")
        assert isinstance(transport, asyncio.SubprocessTransport)
        stdin, stdout = transport.get_pipe_transport(0), transport.get_pipe_transport(1)
        assert isinstance(stdin, asyncio.WriteTransport)
        assert isinstance(stdout, asyncio.ReadTransport)
        stdin.write(b"\n")
        await ended
        assert transport.get_returncode() == 0
        transport.close()

    loop.run_until_complete(main())


def test_pipe_transports(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers": `connect_read_pipe` and `connect_write_pipe`."""

    async def main() -> None:
        reading, writing = os.pipe()
        reader, _ = await loop.connect_read_pipe(asyncio.Protocol, os.fdopen(reading, "rb", 0))
        writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(writing, "wb", 0))
        assert isinstance(reader, asyncio.ReadTransport)
        assert isinstance(writer, asyncio.WriteTransport)
        reader.close()
        writer.close()
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_handles(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers", and the trap "`isinstance(handle, asyncio.Handle)` can hold without its storage"."""
    soon = loop.call_soon(int)
    threadsafe = loop.call_soon_threadsafe(int)
    later = loop.call_later(60, int)
    at = loop.call_at(loop.time() + 60, int)
    for handle in (soon, threadsafe, later, at):
        assert isinstance(handle, asyncio.Handle)
        assert isinstance(handle, asyncio.TimerHandle) == (handle in (later, at))
    later.cancel()
    at.cancel()


def test_timer_handles_are_ordered_by_deadline(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers": "`TimerHandle` orderable by deadline", by the rules of asyncio's class."""
    now = loop.time()
    later, sooner = loop.call_at(now + 120, int), loop.call_at(now + 60, int)
    twin = loop.call_at(now + 60, int)
    assert sorted([later, sooner]) == [sooner, later]
    assert sooner < later
    assert sooner <= later
    assert later > sooner
    assert later >= sooner
    assert sooner != later
    assert sooner == twin
    assert sooner <= twin
    assert sooner >= twin
    assert hash(sooner) == hash(twin) == hash(sooner.when())
    assert sooner != loop.call_at(now + 60, float)
    assert (sooner == 1) is False
    with pytest.raises(TypeError):
        sooner < 1  # type: ignore[operator]  # noqa: B015 - the comparison is the test


class Incompatible(asyncio.Transport):
    """A transport of somebody else's, which says nothing of what it can do."""

    def is_closing(self) -> bool:
        """It is open."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """It knows nothing."""
        return default


def test_start_tls_refuses_a_transport_that_is_not_compatible(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers": `_start_tls_compatible` is honoured."""
    context = ssl.create_default_context()
    upgrade = loop.start_tls(Incompatible(), asyncio.Protocol(), context)
    with pytest.raises(TypeError, match="not supported by start_tls"):
        loop.run_until_complete(upgrade)


def test_sendfile_refuses_a_transport_that_is_not_compatible(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Line "Transports, servers": `_sendfile_compatible` is honoured."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file, pytest.raises(RuntimeError, match="sendfile is not supported"):
        loop.run_until_complete(loop.sendfile(Incompatible(), file))


def test_sendfile_compatible_transport_is_believed(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Line "Transports, servers": a transport that says it needs the fallback gets it."""
    path = tmp_path / "file"
    path.write_bytes(b"content")

    async def main() -> bytes:
        ours, theirs = socket.socketpair()
        with theirs:
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
            mode = type(private(transport)._sendfile_compatible)
            private(transport)._sendfile_compatible = mode.FALLBACK
            with path.open("rb") as file:
                with pytest.raises(RuntimeError, match="fallback is disabled"):
                    await loop.sendfile(transport, file, fallback=False)
                assert await loop.sendfile(transport, file) == len(b"content")
            transport.close()
            await asyncio.sleep(0)
            return theirs.recv(100)

    assert loop.run_until_complete(main()) == b"content"
