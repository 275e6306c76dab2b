"""Calls every public method of every kind of transport from many threads.

A program: `transport_hammer.py KIND SECONDS [CERTIFICATES]`. It exits with 0 and prints how many calls were made, or
ends with a traceback.
"""

import asyncio
import os
import random
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from thread_hammers import CONNECTIONS, LOOP, Datagrams, Echo, new_stream_protocol, run_kind, run_threads


async def streams(seconds: float, **options: Any) -> None:
    """Streams over TCP, with or without TLS, of a client and of a server."""
    accepted: list[Any] = []

    class Accepted(Echo):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            accepted.append(transport)
            targets[-1 - random.randrange(CONNECTIONS)] = transport

    targets: list[Any] = [None] * (2 * CONNECTIONS)
    server = await LOOP.create_server(Accepted, "127.0.0.1", 0, ssl=options.get("server"))
    port = server.sockets[0].getsockname()[1]
    named = {"ssl": options["client"], "server_hostname": "localhost"} if options else {}

    async def make() -> Any:
        return (await LOOP.create_connection(new_stream_protocol, "127.0.0.1", port, **named))[0]

    await run_threads(targets, make, seconds)
    for transport in accepted:
        transport.abort()
    server.close()
    await asyncio.sleep(0.05)


async def tls(seconds: float) -> None:
    """Streams with TLS; the engine is that of VITOK_TLS."""
    folder = Path(sys.argv[3])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(folder / "cert.pem")
    await streams(seconds, server=server, client=client)


async def unix(seconds: float) -> None:
    """Streams over pairs of Unix sockets, made of socket objects."""

    async def make() -> Any:
        near, far = socket.socketpair()
        await LOOP.connect_accepted_socket(Echo, far)
        return (await LOOP.create_unix_connection(new_stream_protocol, sock=near))[0]

    await run_threads([None] * CONNECTIONS, make, seconds)


async def udp(seconds: float) -> None:
    """Endpoints of datagrams, with a peer and without."""
    peer, _ = await LOOP.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    address = peer.get_extra_info("sockname")

    async def make() -> Any:
        options: dict[str, Any] = random.choice([{"local_addr": ("127.0.0.1", 0)}, {"remote_addr": address}])
        return (await LOOP.create_datagram_endpoint(Datagrams, **options))[0]

    await run_threads([None] * CONNECTIONS, make, seconds)
    peer.abort()
    await asyncio.sleep(0.01)


async def pipes(seconds: float) -> None:
    """Both ends of pipes."""
    turn = 0

    async def make() -> Any:
        nonlocal turn
        read, write = os.pipe()
        turn += 1
        reader, writer = os.fdopen(read, "rb", 0), os.fdopen(write, "wb", 0)
        if turn % 2:
            writers.append(writer)
            return (await LOOP.connect_read_pipe(new_stream_protocol, reader))[0]
        readers.append((await LOOP.connect_read_pipe(Echo, reader))[0])
        return (await LOOP.connect_write_pipe(asyncio.BaseProtocol, writer))[0]

    readers: list[Any] = []
    writers: list[Any] = []
    await run_threads([None] * CONNECTIONS, make, seconds)
    for reader in readers:
        reader.close()
    for writer in writers:
        writer.close()
    await asyncio.sleep(0.05)


async def processes(seconds: float) -> None:
    """Transports of child processes, and of their pipes."""

    class Child(asyncio.SubprocessProtocol): ...

    async def make() -> Any:
        return (await LOOP.subprocess_exec(Child, "/bin/cat"))[0]

    await run_threads([None] * 2, make, seconds)
    await asyncio.sleep(0.2)


KINDS: dict[str, Callable[[float], Awaitable[None]]] = {
    "tcp": streams,
    "tls": tls,
    "unix": unix,
    "udp": udp,
    "pipes": pipes,
    "processes": processes,
}

if __name__ == "__main__":
    run_kind(KINDS)
