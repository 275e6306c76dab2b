"""The program of a worker: `python -m vitok.http.worker CHANNEL`, started only by the supervisor.

It serves until the supervisor asks it to end or has ended, or until SIGTERM; SIGINT is left to the supervisor, since
Ctrl-C at a terminal reaches both. So does SIGHUP, which loads the certificates again. Other workers are not known here.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from functools import partial

from .leaving import Leaving, handled, run
from .order import Order
from .process import END, END_REPLACED, NOW, READY, REQUEST_LIMIT
from .server import Server
from .serving import explained, left, load


def main() -> None:
    """Serve according to the order on the channel. SystemExit with the codes of `vitok serve`."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _ignore)
    channel = socket.socket(fileno=int(sys.argv[1]))
    # The channel was inheritable for this process; processes started by the application must not inherit it.
    channel.set_inheritable(False)
    order = Order.parse(_first_line(channel))
    sys.argv[:] = order.arguments
    sys.path[:] = order.path
    with explained():
        options = order.options()
        leaving = Leaving(options, owns_process=True)
        with left(leaving), explained():
            application = partial(load, order.app, options)
            server = Server.of_process(options, application, leaving=leaving, bind=order.bind, has_successor=True)
            run(partial(_serve, server, channel, leaving), leaving)


def _ignore(number: int, frame: object) -> None:
    """Do nothing. A handler is used because an ignored signal would stay ignored in the application's own children."""


def _first_line(channel: socket.socket) -> bytes:
    """Read the order. Nothing follows it until the worker is ready."""
    line = b""
    while not line.endswith(b"\n"):
        received = channel.recv(65536)
        if not received:
            raise SystemExit("the supervisor has ended")
        line += received
    return line


async def _serve(server: Server, channel: socket.socket, leaving: Leaving) -> None:
    reader, writer = await asyncio.open_connection(sock=channel)
    tasks = [asyncio.create_task(_obey(server, reader)), asyncio.create_task(_report_state(server, writer))]
    try:
        with (
            handled((signal.SIGHUP,), server.on_hangup),
            handled((signal.SIGTERM,), lambda _: server.stop(), notice=leaving.notice),
        ):
            await server.serve()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        writer.close()


async def _obey(server: Server, reader: asyncio.StreamReader) -> None:
    """Follow the messages of the supervisor. If the supervisor has ended, the worker ends too."""
    try:
        while (word := await reader.readline()) in (END, END_REPLACED, NOW):
            server.stop(at_once=word == NOW, restarts=word == END_REPLACED)
    finally:
        server.stop()


async def _report_state(server: Server, writer: asyncio.StreamWriter) -> None:
    """Send the messages that the supervisor waits for."""
    await server.started.wait()
    writer.write(READY)
    await server.request_limit_reached.wait()
    writer.write(REQUEST_LIMIT)


if __name__ == "__main__":
    main()
