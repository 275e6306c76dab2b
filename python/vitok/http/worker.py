"""The program of a worker: `python -m vitok.http.worker CHANNEL`, started by the supervisor and by nobody else.

It serves until the supervisor says `end`, is gone, or somebody sends SIGTERM; SIGINT is the supervisor's affair, since
Ctrl-C at a terminal reaches both. It knows nothing of other workers.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from functools import partial
from typing import Any

from . import sockets
from .command import explained, left, load
from .leaving import Leaving, run
from .option_parsing import from_keywords
from .process import END, NOW, READY, REQUEST_LIMIT
from .server import Server
from .signals import handled


def main() -> None:
    """Serve what the order on the channel says. SystemExit with the codes of `vitok serve`."""
    signal.signal(signal.SIGINT, _ignore)
    channel = socket.socket(fileno=int(sys.argv[1]))
    # It was inheritable for this process; it must not be for those that the application starts.
    channel.set_inheritable(False)
    order = json.loads(_first_line(channel))
    sys.argv[:] = order["arguments"]
    sys.path[:] = order["path"]
    with explained():
        options = from_keywords(order["options"])
        bind = partial(_join, order["sockets"])
        leaving = Leaving(options, owns_process=True)
        with left(leaving), explained():
            application = partial(load, order["app"], options)
            server = Server.of_process(options, application, leaving=leaving, bind=bind, has_successor=True)
            run(partial(_serve, server, channel, leaving), leaving)


def _ignore(number: int, frame: object) -> None:
    """Nothing. A handler, since what is ignored would stay ignored in the application's own children."""


def _first_line(channel: socket.socket) -> bytes:
    """The order. Nothing else follows it until the worker is ready."""
    line = b""
    while not line.endswith(b"\n"):
        received = channel.recv(65536)
        if not received:
            raise SystemExit("the supervisor is gone")
        line += received
    return line


def _join(places: list[dict[str, Any]]) -> list[sockets.Bound]:
    """The sockets of the order: some inherited, some bound to ports that the supervisor holds."""
    made: list[sockets.Bound] = []
    try:
        for place in places:
            if "descriptor" in place:
                sock = socket.socket(fileno=place["descriptor"])
                os.set_inheritable(sock.fileno(), False)
                made.append(sockets.Bound(sock, is_ours=False))
            else:
                made.append(sockets.join(place["family"], tuple(place["address"])))
    except BaseException:
        sockets.close(made)
        raise
    return made


async def _serve(server: Server, channel: socket.socket, leaving: Leaving) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(sock=channel)
    tasks = [asyncio.create_task(_obey(server, reader)), asyncio.create_task(_tell(server, writer))]
    try:
        with handled(loop, (signal.SIGTERM,), lambda _: server.stop(), notice=leaving.notice):
            await server.serve()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        writer.close()


async def _obey(server: Server, reader: asyncio.StreamReader) -> None:
    """Do what the supervisor says. One that is gone wanted the end, too."""
    try:
        while (word := await reader.readline()) in (END, NOW):
            server.stop(at_once=word == NOW)
    finally:
        server.stop()


async def _tell(server: Server, writer: asyncio.StreamWriter) -> None:
    """Say what the supervisor waits for."""
    await server.started.wait()
    writer.write(READY)
    await server.request_limit_reached.wait()
    writer.write(REQUEST_LIMIT)


if __name__ == "__main__":
    main()
