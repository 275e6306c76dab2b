"""A server for tests: it runs in a thread of its own, in a loop of its own, at a free port of this machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager
from ssl import SSLContext
from typing import Unpack

from vitok._loop import Loop
from vitok.http.application import Application
from vitok.http.options import ServerOptions
from vitok.http.server import Server

# The time for running requests when the block ends: a test that leaves some is not to wait long.
_GRACEFUL_SECONDS = 5.0


@contextmanager
def serve(app: Application | str, *, ssl: SSLContext | None = None, **options: Unpack[ServerOptions]) -> Generator[str]:
    """Serve an application in a thread for the block, and give its URL: `http://127.0.0.1:49152`.

    The options are those of `vitok.http.Server`; without an address it is a free port of 127.0.0.1. At the end of the
    block the server ends gracefully. What the start or the end raises is raised here.

        with serve(app) as url:
            urllib.request.urlopen(f"{url}/hello")
    """
    if not {"port", "bind", "uds", "fd"} & options.keys():
        options["port"] = 0
    given: ServerOptions = {"timeout_graceful_shutdown": _GRACEFUL_SECONDS, "access_log": False, **options}
    started: Future[tuple[asyncio.AbstractEventLoop, Server]] = Future()
    ended: Future[None] = Future()

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.run(_serve(app, ssl, given, started))
        except BaseException as error:
            (ended if started.done() else started).set_exception(error)
        else:
            if not started.done():
                started.set_exception(RuntimeError("the server has ended before it accepted connections"))
            ended.set_result(None)

    thread = threading.Thread(target=work, name="vitok.http.testing.serve", daemon=True)
    thread.start()
    try:
        loop, server = started.result()
        try:
            yield server.urls[0]
        finally:
            try:
                loop.call_soon_threadsafe(server.stop)
            except RuntimeError:
                # The server has ended by itself, and its loop is closed.
                pass
            ended.result()
    finally:
        thread.join()


async def _serve(
    app: Application | str,
    ssl: SSLContext | None,
    options: ServerOptions,
    started: Future[tuple[asyncio.AbstractEventLoop, Server]],
) -> None:
    server = Server(app, ssl=ssl, **options)
    serving = asyncio.create_task(server.serve())
    waiter = asyncio.create_task(server.started.wait())
    await asyncio.wait({serving, waiter}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if server.started.is_set():
        started.set_result((asyncio.get_running_loop(), server))
    await serving
