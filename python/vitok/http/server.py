"""A server in a running loop: the application, its sockets and its lifespan, from the start to the end.

Processes, the command line and exit codes are not known here; signals are handled only on request.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from ssl import SSLContext
from typing import Any, Unpack

from vitok._loop import Loop
from vitok._native import HttpServer, HttpTotals

from . import free_threading, metrics, mounts, privileges, process_limits, proxies, sockets, tls
from .application import Application, is_native, load
from .early_hangup import EarlyHangup
from .leaving import Leaving, handled, run_until, until_signal
from .lifespan import Lifespan
from .log import Log, reopens
from .options import OptionError, Options, ServerOptions, from_keywords, native_options
from .reloading import Reloading
from .report import process_report
from .server_threads import ServerThreads
from .serving_loop import Served, ServingLoop
from .systemd import Notifier

# The time to write the last lines about requests, if the log has a reader: a thread writes them at once.
_FLUSH_SECONDS = 0.1


class Server:
    """Serves an ASGI application over HTTP/1.1, HTTP/2 and WebSocket in a vitok loop.

    `app` is the application or its name, `module:attribute`; the keywords are the keys of `ServerOptions`, and `ssl`
    is a context for TLS, instead of the options for it. TypeError for an unknown option, ValueError, OSError or an
    exception of the module if the application can't be served.

        async def main():
            server = vitok.http.Server(app, port=0)
            task = asyncio.create_task(server.serve())
            await server.started.wait()
            print(server.urls)
            server.stop()
            await task

        vitok.run(main())
    """

    started: asyncio.Event
    """Set when connections are accepted."""
    due: asyncio.Event
    """Set when the process should be replaced, because of one of its limits."""
    limit_reached: process_limits.Reached | None
    """The limit, once `due` is set."""
    urls: tuple[str, ...]
    """The URLs of the server, once it accepts: http://127.0.0.1:8000, unix:/run/app.sock."""
    metrics_urls: tuple[str, ...]
    """The URLs of the metrics, once they are served: http://127.0.0.1:9000/metrics, unix:/run/metrics.sock."""

    def __init__(
        self, app: Application | str, *, ssl: SSLContext | None = None, **options: Unpack[ServerOptions]
    ) -> None:
        given = from_keywords(options)
        if given.workers != 1:
            raise OptionError("workers: a Server has one process; use vitok.serve() for several")
        if given.threads != 1:
            raise OptionError("threads: a Server has one loop, that of its program; use vitok.serve() for several")
        for name in ("pid", "user", "group", "umask"):
            if getattr(given, name) is not None:
                raise OptionError(f"{name}: a Server leaves its process to the program; use vitok.serve()")
        for name in ("log_file", "access_log_file", "log_config"):
            if getattr(given, name) is not None:
                raise OptionError(f"{name}: a Server leaves logging to its program; use vitok.serve() for files")
        if given.use_colors is not None:
            raise OptionError("use_colors: a Server leaves logging to its program; use vitok.serve() for colours")
        if given.inspect:
            raise OptionError("inspect: a Server leaves its process to the program; use `vitok run --inspect`")
        if given.reload:
            raise OptionError("reload: a Server can't start its application again; use vitok.serve()")
        self._prepare(given, ssl)
        self._set_application(load(app, given))
        self._log = Log()

    @classmethod
    def of_process(
        cls,
        options: Options,
        load_application: Callable[[], Application],
        *,
        leaving: Leaving,
        context: SSLContext | None = None,
        bind: Callable[[], list[sockets.Bound]] | None = None,
        on_bound: Callable[[], object] | None = None,
        notifier: Notifier | None = None,
        early: EarlyHangup | None = None,
        has_successor: bool = False,
    ) -> Server:
        """Return a server that owns its process, and so may write to the standard streams.

        The options are checked and the sockets bound before the application is loaded, and `on_bound` is called between
        these; without it the sockets are bound later. Logging is set up after all. `bind` returns the sockets if they
        come from elsewhere; `early` tells of a SIGHUP before the server handles it; with `has_successor` the caller
        ends the server once `due` is set.
        """
        self = cls.__new__(cls)
        self._prepare(options, context)
        self._bind = bind or self._bind
        self._has_successor = has_successor
        self._leave_by(leaving)
        self._notifier = notifier or Notifier()
        self._early = early or EarlyHangup()
        try:
            if on_bound is not None:
                self._claim_addresses()
                on_bound()
            if options.inspect:
                from vitok import _inspect

                _inspect.listen()
            self._set_application(load_application())
            free_threading.require_still(options)
            self._log = Log(options, is_owner=True)
        except BaseException:
            sockets.close([*self._bound, *self._watched])
            raise
        return self

    def _prepare(self, options: Options, context: SSLContext | None) -> None:
        self.started = asyncio.Event()
        self.due = asyncio.Event()
        self.limit_reached = None
        self.urls = ()
        self.metrics_urls = ()
        self._options = options
        self._http: HttpServer | None = None
        self._has_successor = False
        self._asked = asyncio.Event()
        self._leave_by(Leaving(options))
        self._at_once = asyncio.Event()
        self._restarts = False
        # Before the files are read, so that a later change is noticed.
        self._loaded = tls.status(options)
        self._context = tls.context(options) if context is None else tls.given(context, options)
        self._reloading: Reloading | None = None
        self._was_hung_up = False
        self._early = EarlyHangup()
        self._trusted = proxies.Trusted(options.forwarded_allow_ips)
        metrics.address_of(options)
        where = sockets.addresses_of(options)
        self._bind: Callable[[], list[sockets.Bound]]
        owner = privileges.owner_of(options)
        self._bind = partial(sockets.bind, where, permissions=options.uds_permissions, owner=owner)
        # The sockets of the server and of its metrics, once they are bound.
        self._bound: list[sockets.Bound] = []
        self._watched: list[sockets.Bound] = []
        self._notifier = Notifier()

    def _leave_by(self, leaving: Leaving) -> None:
        self._leaving = leaving
        self._threads = ServerThreads(leaving, self.stop)

    def _set_application(self, application: Application) -> None:
        self._application = application
        # What requests go to: a lifespan has no client that a proxy could hide.
        self._outer: Any = application
        self._forwarded: Callable[[dict[str, Any]], None] | None = None
        style = self._options.forwarded_style if self._options.proxy_headers else None
        if is_native(application) or self._options.mounts:
            self._outer = mounts.compiled(application, self._options.mounts)
            self._forwarded = None if style is None else proxies.Forwarded(self._trusted, style).correct
        elif style is not None:
            self._outer = proxies.ProxyHeaders(application, self._trusted, style)

    def stop(self, *, at_once: bool = False, restarts: bool = False) -> None:
        """Ask for the shutdown. Running requests may finish; with `at_once` nothing is waited for any more.

        `restarts` says that a server goes on at the same address: clients of WebSockets get the close code 1012 instead
        of 1001. The first call decides.

        Call this in the loop's thread; another thread calls `loop.call_soon_threadsafe(server.stop)`.
        """
        self._leaving.start_time()
        self._notifier.stopping()
        if not self._asked.is_set():
            self._restarts = restarts
        self._asked.set()
        if at_once:
            self._at_once.set()
            self._threads.stop_at_once()

    async def reload_certificates(self) -> None:
        """Load the files of TLS again, and use them for new connections; others keep theirs.

        OSError if they can't be used: then the certificates stay as they are. RuntimeError if the server does not
        accept connections, or has none of the options for files of TLS.
        """
        if self._reloading is None:
            raise RuntimeError("reload_certificates() needs a server that is serving, with ssl_certfile")
        await self._reloading.load()

    async def serve(self) -> None:
        """Serve until `stop()`, until the task is cancelled or `limit_max_requests` is reached; then shut down
        gracefully.

        RuntimeError in a loop other than vitok's or at a second call, OSError for an address that can't be bound,
        ValueError if that of the metrics is one of the server, LifespanError if the application fails to start or to
        end.
        """
        if not isinstance(asyncio.get_running_loop(), Loop):
            raise RuntimeError("the server needs a vitok loop: use vitok.run() or vitok.serve()")
        if self.started.is_set():
            raise RuntimeError("serve() can be called only once")
        try:
            self._claim_addresses()
            async with metrics.serving(self._watched, self._source(), self._log):
                await self._serve(self._bound)
        finally:
            sockets.close(self._bound)
            self._log.close()

    def _claim_addresses(self) -> None:
        """Bind all sockets, unless that was done. Those of a worker's metrics are served by its supervisor."""
        if self._bound:
            return
        self._bound = self._bind()
        if not self._has_successor:
            self._watched = metrics.bind(self._options, self._bound)
            self.metrics_urls = metrics.urls_of(self._watched)

    def report(self) -> dict[str, Any]:
        """Return the numbers of this process for its metrics, for JSON; empty without the option for them."""
        if self._options.metrics is None:
            return {}
        return process_report(asyncio.get_running_loop(), self._http, self._threads.reports())

    async def serve_until_signal(self) -> None:
        """Serve until SIGINT or SIGTERM as well. A second signal ends at once and has its usual effect.

        SIGHUP loads the files of TLS again and opens log files anew, and SIGUSR1 does only the latter. Without any they
        have their usual effect.
        """
        hangup = [signal.SIGHUP] if self._loaded or reopens(self._options) else []
        with handled(hangup, self.on_hangup), self.reopening():
            await until_signal(self.serve, self.stop, self._log, notice=self._leaving.notice)

    def reopening(self) -> AbstractContextManager[None]:
        """Handle SIGUSR1 if there are log files: open them anew."""
        return handled([signal.SIGUSR1] if reopens(self._options) else [], lambda _: self.reopen_logs())

    def on_hangup(self, _: signal.Signals) -> None:
        """Handle SIGHUP: load the files of TLS again, if there are any; after the startup, if it is not complete. Log
        files are opened anew.
        """
        self._was_hung_up = True
        is_serving = self.started.is_set()
        if is_serving:
            self._notifier.reloading()
        if reopens(self._options):
            self._log.reopen()
        if self._reloading is not None:
            self._log.logger.info("SIGHUP: loading the certificates again")
            self._reloading.request()
        elif is_serving:
            self._notifier.ready(self.urls)

    def reopen_logs(self) -> None:
        """Open the files of `log_file` and `access_log_file` anew, after they were renamed.

        A file that can't be opened is an error in the log, and the one in use stays.
        """
        self._log.reopen()

    async def _serve(self, bound: list[sockets.Bound]) -> None:
        lifespan = Lifespan(self._application, self._options.lifespan, self._log)
        try:
            seconds = self._options.timeout_startup
            with self._leaving.starting(seconds):
                if not await run_until(self._asked, lifespan.startup(seconds)):
                    return
            try:
                served = self._served(lifespan)
                serving = ServingLoop(served, bound, has_threads=self._options.threads > 1)
                self._http = serving.http
                await self._accept(serving, served, bound)
            finally:
                await run_until(self._at_once, lifespan.shutdown(self._options.timeout_shutdown))
        finally:
            self._threads.release()
            await lifespan.cancel()

    async def _accept(self, serving: ServingLoop, served: Served, bound: list[sockets.Bound]) -> None:
        """Serve in this loop and in the other threads, until the end is asked for."""
        reloader: asyncio.Task[None] | None = None
        limiting: asyncio.Task[None] | None = None
        try:
            await serving.open()
            await self._threads.start(served, bound, self._options.threads - 1)
            if self._loaded:
                self._reloading = Reloading(
                    self._options,
                    partial(self._replace, serving),
                    loaded=self._loaded,
                    log=self._log,
                    tried=lambda: self._notifier.ready(self.urls),
                )
                if self._was_hung_up or self._early.has_come:
                    self._reloading.request()
                reloader = asyncio.create_task(self._reloading.run())
            self._announce(bound)
            limiting = asyncio.create_task(self._limit(serving.http))
            await self._asked.wait()
        finally:
            self._reloading = None
            for task in (reloader, limiting):
                if task is not None:
                    task.cancel()
            await self._end(serving)
        self._threads.raise_failure()

    async def _end(self, serving: ServingLoop) -> None:
        """End all connections, of all threads at the same time."""
        # Also at the end of the task, or for an address that can't be used.
        self._asked.set()
        self._notifier.stopping()
        self._threads.stop(restarts=self._restarts)
        try:
            await serving.end(self._at_once, restarts=self._restarts)
        finally:
            await self._threads.drained(self._at_once, self._options.timeout_graceful_shutdown)
        # What the application prints as it ends comes after the lines about its requests.
        self._log.flush(_FLUSH_SECONDS)

    async def _replace(self, serving: ServingLoop, context: SSLContext) -> None:
        await serving.replace(context)
        await self._threads.replace(context)

    async def loops_run(self) -> None:
        """Wait until the loop of each further thread has run a callback: none of them is blocked."""
        await self._threads.answer()

    def _served(self, lifespan: Lifespan) -> Served:
        access_log = self._options.access_log and self._log.wants_access()
        totals: HttpTotals | None = None
        if self._options.threads > 1:
            totals = HttpTotals(counts_requests=self._options.limit_max_requests is not None)
        settings = native_options(
            self._options,
            state=lifespan.state,
            access_log=access_log,
            **self._log.access_settings(),
            follows_scopes=self._options.proxy_headers,
            metrics=self._options.metrics is not None,
            forwarded=self._forwarded,
            totals=totals,
        )
        return Served(self._options, self._outer, settings, self._trusted, self._context, self._log)

    def _announce(self, bound: list[sockets.Bound]) -> None:
        self.urls = tuple(one.url(tls=self._context is not None) for one in bound)
        self.started.set()
        if not self._has_successor:
            threads = f"{self._options.threads} threads; " if self._options.threads > 1 else ""
            self._log.logger.info("vitok serve: %s (%sCtrl-C ends it)", " ".join(self.urls), threads)
        self._notifier.ready(self.urls)

    def _source(self) -> metrics.SingleProcess:
        return metrics.SingleProcess(self.report, self._unready, self.loops_run, self._threads.silent)

    def _unready(self) -> str:
        """Return why requests are not served, or ""."""
        if self._asked.is_set():
            return "ending: the server is shutting down"
        return "" if self.started.is_set() else "starting: the application has not started yet"

    async def _limit(self, http: HttpServer) -> None:
        """Wait for a limit of the process, which makes it due for replacement, and end it if nothing else does."""
        self.limit_reached = await process_limits.reached(self._options, http, self._log.logger)
        if self._asked.is_set():
            return
        self.due.set()
        self._log.logger.info("%s: the process is due for replacement", self.limit_reached.message)
        if not self._has_successor:
            # The limit is for processes that something starts again.
            self.stop(restarts=True)
