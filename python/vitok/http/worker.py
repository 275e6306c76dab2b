"""The program of a worker: `python -m vitok.http.worker CHANNEL STACKS`, started only by the supervisor.

It serves until the supervisor asks it to end or has ended, or until SIGTERM; SIGINT is left to the supervisor, since
Ctrl-C at a terminal reaches both. So does SIGHUP, which loads the certificates again. Other workers are not known here.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import signal
import socket
import sys
from functools import partial

from . import free_threading, privileges
from .leaving import Leaving, handled, run_with_threads
from .log import prepared
from .order import Order
from .process import END, END_REPLACED, NOW, OTHERS_SIGNALS, READY, REOPEN, REPLACE, REPORT, STACKS, report_interval
from .server import Server
from .serving import explained, left, load


def main() -> None:
    """Serve according to the order on the channel. SystemExit with the codes of `vitok serve`."""
    for number in OTHERS_SIGNALS:
        signal.signal(number, _ignore)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OTHERS_SIGNALS)
    channel = socket.socket(fileno=int(sys.argv[1]))
    # The channel was inheritable for this process; processes started by the application must not inherit it.
    channel.set_inheritable(False)
    os.set_inheritable(int(sys.argv[2]), False)
    faulthandler.register(STACKS, file=int(sys.argv[2]), all_threads=True)
    order = Order.parse(_first_line(channel))
    sys.argv[:] = order.arguments
    sys.path[:] = order.path
    with explained():
        options = order.options()
        free_threading.require(options)
        leaving = Leaving(options, owns_process=True)
        with left(leaving), explained(), prepared(options, privileges.identity_of(options)):
            application = partial(load, order.app, options)
            server = Server.of_process(
                options,
                application,
                leaving=leaving,
                bind=order.bind,
                on_bound=partial(privileges.drop, options),
                has_successor=True,
            )
            interval = report_interval(options.timeout_worker_healthcheck)
            run_with_threads(partial(_serve, server, channel, leaving, interval), leaving)


def _ignore(number: int, frame: object) -> None:
    """Do nothing. A handler is used because an ignored signal would stay ignored in the application's own children."""


def _first_line(channel: socket.socket) -> bytes:
    """Read the order, and nothing of the messages after it."""
    line = b""
    while not line.endswith(b"\n"):
        waiting = channel.recv(65536, socket.MSG_PEEK)
        if not waiting:
            raise SystemExit("the supervisor has ended")
        line += channel.recv(waiting.find(b"\n") + 1 or len(waiting))
    return line


async def _serve(server: Server, channel: socket.socket, leaving: Leaving, interval: float) -> None:
    reader, writer = await asyncio.open_connection(sock=channel)
    reports = Reports(server, writer)
    tasks = [asyncio.create_task(_obey(server, reader, reports)), asyncio.create_task(reports.run(interval))]
    try:
        with (
            handled((signal.SIGHUP,), server.on_hangup),
            server.reopening(),
            handled((signal.SIGTERM,), lambda _: server.stop(), notice=leaving.notice),
        ):
            await server.serve()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        reports.send()
        writer.close()


async def _obey(server: Server, reader: asyncio.StreamReader, reports: Reports) -> None:
    """Follow the messages of the supervisor. If the supervisor has ended, the worker ends too."""
    try:
        while (word := (await reader.readline()).rstrip()) in (END, END_REPLACED, NOW, REPORT, REOPEN):
            if word == REPORT:
                reports.ask()
            elif word == REOPEN:
                server.reopen_logs()
            else:
                server.stop(at_once=word == NOW, restarts=word == END_REPLACED)
    finally:
        server.stop()


class Reports:
    """What a worker tells the supervisor, in this order: it is ready, its reports, and that it is due."""

    def __init__(self, server: Server, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        # Whether a further thread is waited for: a report would say that all loops run.
        self._is_waiting = False
        self._answering: asyncio.Task[None] | None = None

    async def run(self, interval: float) -> None:
        """Report in every interval, from the start on, and say when the process is due for replacement.

        A worker whose threads do not answer is silent.
        """
        await self._server.started.wait()
        self._writer.write(READY + b"\n")
        due = asyncio.create_task(self._tell_due())
        try:
            while True:
                self._is_waiting = True
                await self._server.loops_run()
                self._is_waiting = False
                self.send()
                await asyncio.sleep(interval)
        finally:
            self._is_waiting = False
            due.cancel()
            if self._answering is not None:
                self._answering.cancel()

    def ask(self) -> None:
        """Report as soon as all threads have told their numbers, which is now for a worker with one."""
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        await self._server.loops_run()
        self.send()

    def send(self) -> None:
        """Report now, unless a report follows anyway, or some wait already: a supervisor that is stopped reads none."""
        if not self._is_waiting and not self._writer.transport.get_write_buffer_size():
            self._writer.write(b"%b %b\n" % (REPORT, json.dumps(self._server.report()).encode()))

    async def _tell_due(self) -> None:
        await self._server.due.wait()
        if (limit := self._server.limit_reached) is not None:
            self._writer.write(b"%b %b %b\n" % (REPLACE, limit.label.encode(), limit.message.encode()))


if __name__ == "__main__":
    main()
