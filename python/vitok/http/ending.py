"""The shutdown of a server: it stops accepting, lets running requests finish, and cancels those that take too long.

Signals and lifespans are not known here: the caller asks for the shutdown, and may shorten it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .listening import Listeners
from .log import Log
from .run_until import run_until

if TYPE_CHECKING:
    from vitok._native import HttpServer

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
        if not await _has_drained(http, seconds, at_once):
            await _cancel(http, seconds=seconds, at_once=at_once, log=log)
    finally:
        # For requests that are cancelled here; in the other cases nothing is left to close.
        http.cancel_requests()
        http.abort_connections()
    await asyncio.wait({http.disconnected()}, timeout=_ABORT_SECONDS)


async def _cancel(http: HttpServer, *, seconds: float | None, at_once: asyncio.Event, log: Log) -> None:
    if http.running and not at_once.is_set():
        log.logger.warning("cancelling %d requests that still run after %g s", http.running, seconds)
    http.cancel_requests()
    await _has_drained(http, CANCEL_SECONDS, at_once)


async def _has_drained(http: HttpServer, seconds: float | None, at_once: asyncio.Event) -> bool:
    """Wait until nothing is left, the time is over or `at_once` is set. Return whether nothing is left."""
    drained = http.drained()
    await run_until(at_once, asyncio.wait({drained}, timeout=seconds))
    return drained.done()
