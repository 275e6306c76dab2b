"""The part of a server that belongs to one loop: its native server, its listening sockets, and the end of both.

A server has one for each of its threads. The lifespan, signals, limits and other loops are not known here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from vitok._native import HttpServer

from . import proxies, sockets
from .leaving import CANCEL_SECONDS, run_until
from .limits import IDLE_GRACE_SECONDS
from .listening import Listeners
from .log import Log
from .native.open_events import end_events
from .options import Options
from .proxy_accepting import ProxyConnections

# The time for an aborted connection to be told.
ABORT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, and how: the same in all loops of a server."""

    options: Options
    application: Any
    """What requests go to."""
    settings: dict[str, Any]
    """Those of the native servers."""
    trusted: proxies.Trusted
    context: ssl.SSLContext | None
    """For TLS. Loops that share it accept each other's sessions."""
    log: Log


class ServingLoop:
    """Serves connections in the running loop."""

    def __init__(self, served: Served, bound: Sequence[sockets.Bound], *, has_threads: bool) -> None:
        """The sockets belong to this loop. With `has_threads` other threads accept from copies of them."""
        loop: Any = asyncio.get_running_loop()
        self.http: HttpServer = HttpServer(loop, served.application, served.settings, served.log)
        self._options = options = served.options
        self._log = served.log
        proxy: ProxyConnections | None = None
        if options.proxy_protocol != "none":
            totals = served.settings["totals"]
            proxy = ProxyConnections(self.http, options, served.trusted, served.log, totals)
        self._listeners = Listeners(
            self.http,
            bound,
            served.context,
            handshake_seconds=options.timeout_header,
            log=served.log,
            proxy=proxy,
            has_threads=has_threads,
        )

    async def open(self) -> None:
        """Start accepting. OSError names an address that another process has taken meanwhile."""
        await self._listeners.open(self._options.backlog)

    async def replace(self, context: ssl.SSLContext) -> None:
        """Use another context of TLS for new connections. OSError if that is not possible."""
        await self._listeners.replace(context)

    async def end(self, at_once: asyncio.Event, *, restarts: bool) -> None:
        """Stop accepting, wait for requests and connections as long as the options say, cancel and close the rest.

        Idle connections stay open for a moment. Returns when no connection is open. Nothing is waited for once
        `at_once` is set. `restarts` says that a server goes on at the same address.
        """
        http, seconds = self.http, self._options.timeout_graceful_shutdown
        loop = asyncio.get_running_loop()
        end_idle: asyncio.TimerHandle | None = None
        try:
            await self._listeners.close(restarts=restarts)
            http.begin_shutdown(restarts=restarts, keeps_idle=True)
            # A quarter of a short time, such as that of a reload.
            grace = IDLE_GRACE_SECONDS if seconds is None else min(IDLE_GRACE_SECONDS, seconds / 4)
            end_idle = loop.call_later(grace, partial(http.begin_shutdown, restarts=restarts))
            end_events(loop)
            if not await self._has_drained(at_once, seconds):
                if http.running and not at_once.is_set():
                    self._log.logger.warning("cancelling %d requests that still run after %g s", http.running, seconds)
                http.cancel_requests()
                await self._has_drained(at_once, CANCEL_SECONDS)
        finally:
            if end_idle is not None:
                end_idle.cancel()
            # For requests that are cancelled here; in the other cases nothing is left to close.
            http.cancel_requests()
            http.abort_connections()
            self._listeners.abort()
        await asyncio.wait({http.disconnected()}, timeout=ABORT_SECONDS)

    async def _has_drained(self, at_once: asyncio.Event, seconds: float | None) -> bool:
        """Wait this long, or until nothing is waited for any more. Return whether nothing is left."""
        drained = self.http.drained()
        await run_until(at_once, asyncio.wait({drained}, timeout=seconds))
        return drained.done()
