"""Round trips whose instructions are counted: a server on the loop and one connection of TCP, by each way to write one.

The client of a server is a forked process that sends a message, waits for its echo and sends the next, so the server
finds one event whenever it wakes, and the count is the same each time. The client is not counted. Only
`instructions.py` and `gate.py` run these rows: the times of echoes are the streams' (`stream_rows.py`).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final, NoReturn

from row import Row
from stream_servers import READ_BYTES, EchoProtocol

Loop = asyncio.AbstractEventLoop

MESSAGE: Final = bytes(1024)
COUNTED: Final = 400
HOST: Final = "127.0.0.1"
# A server that loses count must not leave its client behind.
CLIENT_LIMIT_S: Final = 60


def rows() -> tuple[Row, ...]:
    return (
        Row(name="echo_protocol", title="a round trip by Protocol", body=_by(_protocol), counted=COUNTED),
        Row(name="echo_streams", title="a round trip by reader and writer", body=_by(_streams), counted=COUNTED),
        Row(name="echo_sock", title="a round trip by sock_recv and sock_sendall", body=_sock_calls, counted=COUNTED),
    )


def _by(serve: Callable[[socket.socket], Coroutine[object, object, None]]) -> Callable[[Loop, int], None]:
    return partial(_round_trips, serve=serve)


def _round_trips(
    loop: Loop, operations: int, *, serve: Callable[[socket.socket], Coroutine[object, object, None]]
) -> None:
    with socket.create_server((HOST, 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    client = os.fork()
    if client == 0:
        _send(theirs, operations)
    theirs.close()
    ours.settimeout(0)
    loop.run_until_complete(serve(ours))
    os.waitpid(client, 0)


def _send(connection: socket.socket, operations: int) -> NoReturn:
    """In the child. It leaves without finalizers: the loop that it has a copy of is the server's."""
    status = 1
    try:
        connection.settimeout(CLIENT_LIMIT_S)
        for _ in range(operations):
            connection.sendall(MESSAGE)
            left = len(MESSAGE)
            while left:
                left -= len(connection.recv(left)) or left
        status = 0
    finally:
        os._exit(status)


class _UntilClosed(EchoProtocol):
    """An echo that says when the client is gone."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.closed.set_result(None)
        else:
            self.closed.set_exception(exc)


async def _protocol(connection: socket.socket) -> None:
    _, protocol = await asyncio.get_running_loop().connect_accepted_socket(_UntilClosed, connection)
    await protocol.closed


async def _streams(connection: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    while data := await reader.read(READ_BYTES):
        writer.write(data)
    writer.close()
    await writer.wait_closed()


def _sock_calls(loop: Loop, operations: int) -> None:
    """Without a process: whether `sock_recv` has to wait would be up to which of the two is faster.

    So the message is written when `sock_recv` waits already, and a pair of Unix sockets delivers at once. The count has
    the two calls of the client in it, which are the same for every loop.
    """
    ours, theirs = socket.socketpair()

    async def talk() -> None:
        for _ in range(operations):
            loop.call_soon(theirs.send, MESSAGE)
            data = await loop.sock_recv(ours, READ_BYTES)
            await loop.sock_sendall(ours, data)
            theirs.recv(READ_BYTES)

    with ours, theirs:
        ours.settimeout(0)
        loop.run_until_complete(talk())
