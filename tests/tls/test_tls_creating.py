"""Every way to make a TLS transport or server, and the name that is checked. Bad arguments: test_tls_arguments.py."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import run, unix_pair
from support import turn_until
from tls_certificates import SERVER, Contexts
from tls_served import EXCHANGE_SECONDS, HOST, Echo, exchange, factory, serving


def test_tcp(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """`create_server` and `create_connection`, by address, with several clients."""
    protocols: list[Any] = []
    creating = loop.create_server(factory(protocols), HOST, 0, ssl=contexts.server())
    with serving(loop, creating, protocols) as server:
        address = server.sockets[0].getsockname()
        for _ in range(3):
            _, client = run(loop, loop.create_connection(Recorder, *address, ssl=contexts.client()))
            run(loop, exchange(client))
        turn_until(loop, lambda: all(protocol.lost for protocol in protocols))
        assert [protocol.data for protocol in protocols] == [b"hello"] * 3


def test_unix(loop: asyncio.AbstractEventLoop, contexts: Contexts, tmp_path: Path) -> None:
    """`create_unix_server` and `create_unix_connection`."""
    protocols: list[Any] = []
    path = str(tmp_path / "socket")
    with serving(loop, loop.create_unix_server(factory(protocols), path, ssl=contexts.server()), protocols):
        connecting = loop.create_unix_connection(Recorder, path, ssl=contexts.client(), server_hostname=SERVER)
        _, client = run(loop, connecting)
        run(loop, exchange(client))


def test_accepted_socket(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """`connect_accepted_socket` is a server's side, and a connected socket a client's."""
    ours, theirs = unix_pair()
    served = Echo()

    async def both() -> Recorder:
        accepting = loop.connect_accepted_socket(lambda: served, theirs, ssl=contexts.server())
        connecting = loop.create_connection(Recorder, sock=ours, ssl=contexts.client(), server_hostname=SERVER)
        (_, client), _ = await asyncio.gather(connecting, accepting)
        await exchange(client)
        while not served.lost:
            await asyncio.sleep(0)
        return client

    assert run(loop, both()).calls[0] == "connection_made"


def test_streams(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """`start_server` and `open_connection`, with lines in both directions, and `async with` of nothing else."""
    ended = loop.create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.set_result(None)

    async def both() -> None:
        server = await asyncio.start_server(serve, HOST, 0, ssl=contexts.server())
        address = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(*address, ssl=contexts.client())
        for number in range(10):
            writer.write(b"line %d\n" % number)
            assert await reader.readline() == b"LINE %d\n" % number
        writer.close()
        await writer.wait_closed()
        await ended
        server.close()

    run(loop, asyncio.wait_for(both(), EXCHANGE_SECONDS))


def test_streams_over_unix_sockets(loop: asyncio.AbstractEventLoop, contexts: Contexts, tmp_path: Path) -> None:
    """`start_unix_server` and `open_unix_connection`."""
    path = str(tmp_path / "socket")
    ended = loop.create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()
        ended.set_result(None)

    async def both() -> bytes:
        server = await asyncio.start_unix_server(serve, path, ssl=contexts.server())
        reader, writer = await asyncio.open_unix_connection(path, ssl=contexts.client(), server_hostname=SERVER)
        writer.close()
        data = await reader.read()
        await ended
        server.close()
        return data

    assert run(loop, asyncio.wait_for(both(), EXCHANGE_SECONDS)) == b""


def test_the_default_context(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """`ssl=True` means a context that checks certificates against the system's authorities, so that ours is refused."""
    protocols: list[Any] = []
    creating = loop.create_server(factory(protocols), HOST, 0, ssl=contexts.server())
    with serving(loop, creating, protocols) as server:
        address = server.sockets[0].getsockname()
        with pytest.raises(ssl.SSLCertVerificationError):
            run(loop, loop.create_connection(Recorder, *address, ssl=True))
        with pytest.raises(ssl.SSLCertVerificationError):
            run(loop, loop.create_connection(Recorder, *address, ssl=True, server_hostname=SERVER))
        protocols.clear()


def test_the_name_that_is_checked(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """By default it is the host, and `server_hostname` replaces it."""
    protocols: list[Any] = []
    unchecked = contexts.client()
    unchecked.check_hostname = False
    with serving(loop, loop.create_server(factory(protocols), HOST, 0, ssl=contexts.server()), protocols) as server:
        address = server.sockets[0].getsockname()
        for context, name in ((contexts.client(), None), (contexts.client(), SERVER), (unchecked, "")):
            _, client = run(loop, loop.create_connection(Recorder, *address, ssl=context, server_hostname=name))
            run(loop, exchange(client))
        with pytest.raises(ssl.SSLCertVerificationError, match=r"Hostname mismatch.*'wrong.example'"):
            run(
                loop, loop.create_connection(Recorder, *address, ssl=contexts.client(), server_hostname="wrong.example")
            )
        turn_until(loop, lambda: sum(bool(protocol.lost) for protocol in protocols) >= 3)
        protocols[:] = [protocol for protocol in protocols if protocol.transport]
