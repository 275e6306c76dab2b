"""The rows of what a loop asks the system for: each makes names, connections or processes by the loop's own methods.

Each body runs the given number of operations on the given loop, one after the other, and does not measure. The time of
a child process is not the loop's: only the parent's is counted.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from typing import Final, cast

from vitok_bench.row import Row

Loop = asyncio.AbstractEventLoop

# A loop that asks a thread waits for it, so a busy machine would let the slowest loop choose samples of a few
# operations, in which the start of a run would be most of what the others do.
BATCH: Final = 200
CONNECTIONS: Final = 20


def rows() -> tuple[Row, ...]:
    """Every row, in the order of the table."""
    return (
        Row(
            name="lookup_literal",
            title="getaddrinfo of an address and a port",
            body=_lookup_literal,
            batch=BATCH,
            counted=400,
        ),
        Row(
            name="connect_accept",
            title="connect, accept, abort by the server, both ends lost",
            body=_connect_accept,
            batch=CONNECTIONS,
            counted=200,
        ),
        Row(name="spawn_wait", title="start a program that ends at once, and wait for it", body=_spawn_wait),
    )


def _lookup_literal(loop: Loop, operations: int) -> None:
    async def look_up() -> None:
        for _ in range(operations):
            await loop.getaddrinfo("127.0.0.1", 8080, type=socket.SOCK_STREAM)

    loop.run_until_complete(look_up())


def _connect_accept(loop: Loop, operations: int) -> None:
    async def connect() -> None:
        # A new port in each sample, so that the addresses of the connections of the last one are not in the way.
        server = await loop.create_server(_Aborting, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for _ in range(operations):
            _, client = await loop.create_connection(_Client, "127.0.0.1", port)
            await client.is_lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(connect())


class _Aborting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not checked at run time: not every loop's transports are instances of asyncio's class.
        cast(asyncio.Transport, transport).abort()


class _Client(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002 (the loop passes it)
        self.is_lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (the loop passes it)
        self.is_lost.set_result(None)


def _spawn_wait(loop: Loop, operations: int) -> None:
    program = shutil.which("true")
    if program is None:
        raise NotImplementedError("no program `true` on this system")

    async def spawn(path: str) -> None:
        for _ in range(operations):
            process = await asyncio.create_subprocess_exec(path)
            await process.wait()

    loop.run_until_complete(spawn(program))
