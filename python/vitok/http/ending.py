"""The shutdown of a server: it stops accepting, lets running requests finish, and cancels those that take too long.

Signals and lifespans are not known here: the caller asks for the shutdown, and may shorten it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .listening import Listeners
from .log import Log

if TYPE_CHECKING:
    from vitok._native import HttpServer

# How often the counts of connections and requests are checked: the last response may delay the end by this long.
_LOOK_SECONDS = 0.02
# The time for a cancelled request to clean up, and for an aborted connection to be told.
CANCEL_SECONDS = 2.0
_ABORT_SECONDS = 1.0


async def end(
    http: HttpServer,
    listeners: Listeners,
    *,
    seconds: float | None,
    at_once: asyncio.Event,
    log: Log,
) -> None:
    """Stop accepting, wait this many seconds for requests and connections, cancel and close the rest.

    `at_once` shortens every wait. Returns when no connection is open.
    """
    try:
        await listeners.close()
        http.begin_shutdown()
        if not await _drained(http, seconds, at_once):
            await _cancel(http, seconds=seconds, at_once=at_once, log=log)
    finally:
        # For requests that are cancelled here; in the other cases nothing is left to close.
        http.cancel_requests()
        http.abort_connections()
    await _drained(http, _ABORT_SECONDS, asyncio.Event(), only_connections=True)


async def _cancel(http: HttpServer, *, seconds: float | None, at_once: asyncio.Event, log: Log) -> None:
    if http.running and not at_once.is_set():
        log.logger.warning("cancelling %d requests that still run after %g s", http.running, seconds)
    http.cancel_requests()
    if not at_once.is_set():
        await _drained(http, CANCEL_SECONDS, at_once)


async def _drained(
    http: HttpServer, seconds: float | None, at_once: asyncio.Event, *, only_connections: bool = False
) -> bool:
    """Wait until nothing is left, the time is over or `at_once` is set. Return whether nothing is left."""
    loop = asyncio.get_running_loop()
    deadline = None if seconds is None else loop.time() + seconds
    # One turn, in which connections that were closed are told.
    await asyncio.sleep(0)
    while http.connections or (http.running and not only_connections):
        if at_once.is_set() or (deadline is not None and loop.time() >= deadline):
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True
