"""`--reload`: one worker, which is started again whenever a file of the application changes.

This process binds the addresses and keeps their sockets open, so that clients wait while no worker serves; it imports
nothing of the application. A worker that fails has shown why: then the next change is waited for. Which files are
watched, and how, is in watching.py; HTTP is not known here.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import os
import signal
import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from . import metrics, order, sockets
from .application import Application
from .leaving import first_of, handled, run_until, until_signal, whole_seconds
from .log import reopens
from .options import OptionError, Options
from .parent import ParentProcess
from .process import Process, description
from .systemd import Notifier
from .watching import Change, Files, Watcher, folders_of
from .worker_metrics import WorkerMetrics

# The time for running requests, and for the end of the lifespan: a developer waits for both, and event streams never
# end by themselves. uvicorn has no limit by default, and waits for open pages.
REQUEST_SECONDS = 1.0
LIFESPAN_SECONDS = 2.0
# The time for a worker that is still starting, and for one that is asked to end at once, before it is killed.
KILL_SECONDS = 1.0
# So many changes are named in a message.
_NAMED = 3


class Reloader(ParentProcess):
    """Serves with a worker at a time. ValueError and OSError for errors that are found before any is started."""

    needs_name = "reload: expected the application as module:attribute, since it is imported again"

    def __init__(
        self,
        app: Application | str,
        options: Options,
        *,
        on_bound: Callable[[], object] = lambda: None,
        notifier: Notifier | None = None,
    ) -> None:
        """`on_bound` is called when all sockets are bound, before a worker is started."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("reload: the call has to be in the main thread, which hears of the end of a worker")
        super().__init__(app, options, on_bound=on_bound, notifier=notifier)
        files = Files(watched_folders(self._app, self._options), options.reload_includes, options.reload_excludes)
        self._folders = ", ".join(_shown(folder) for folder in files.roots)
        # Before the application is imported, so that a later change is noticed.
        self._watcher = Watcher(files, options.reload_delay, self._log)
        self._worker: Process | None = None
        self._news: list[str] = []
        # The files that have changed since the worker was started.
        self._stale: set[str] = set()
        self._changed = asyncio.Event()
        self._metrics = WorkerMetrics(expected=lambda: 1, is_ending=self._asked.is_set)
        # A terminal that is closed sends SIGHUP, too. nohup(1) ignores that.
        self._has_terminal = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and _has_terminal()

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM; SIGHUP starts the application again, as a change does.

        OSError for an address that can't be bound. A second SIGINT or SIGTERM ends the worker at once, and then has
        its usual effect. A terminal that is closed ends this, too.
        """
        await until_signal(self._run, self._stop, self._log)

    async def _run(self) -> None:
        bound: list[sockets.Bound] = []
        watched: list[sockets.Bound] = []
        try:
            bound = sockets.bind(self._where, permissions=self._options.uds_permissions, owner=self._owner)
            watched = metrics.bind(self._options, bound)
            self._on_bound()
            for one in bound:
                one.sock.listen(self._options.backlog)
            self._order, self._descriptors = order.written(self._app, _hurried(self._options), bound)
            told = "vitok serve: %s (watching the files in %s by %s; Ctrl-C ends it)"
            self._urls = [one.url(tls=self._is_tls) for one in bound]
            self._log.logger.info(told, " ".join(self._urls), self._folders, self._watcher.how)
            with handled((signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1), self._on_signal):
                async with metrics.serving(watched, self._metrics, self._log):
                    self._watcher.start(partial(self._tell, asyncio.get_running_loop()))
                    try:
                        await run_until(self._asked, self._keep())
                    finally:
                        self._watcher.stop()
                        # The worker accepts what waits and closes them; while they are open here, clients would wait.
                        sockets.close(bound)
                        await self._see_off(is_replaced=False)
        finally:
            sockets.close([*bound, *watched])
            self._log.close()

    def _tell(self, loop: asyncio.AbstractEventLoop, changes: list[Change]) -> None:
        """Ask for another start, from the thread that watches."""
        try:
            loop.call_soon_threadsafe(self._ask, _described(changes), [change.path for change in changes])
        except RuntimeError:
            # The loop is closed: a scan took longer than the end.
            return

    def _ask(self, news: str, paths: Iterable[str] = ()) -> None:
        """Ask for another start."""
        self._news.append(news)
        self._stale.update(paths)
        self._changed.set()

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGCHLD:
            if self._worker is not None:
                self._worker.look()
        elif number == signal.SIGUSR1:
            if reopens(self._options):
                self._log.reopen()
                if self._worker is not None:
                    self._worker.reopen_logs()
        elif self._asked.is_set():
            # A shell that ends sends it as well as its terminal.
            return
        elif self._has_terminal and not _has_terminal():
            self._log.logger.info("SIGHUP, and the terminal is closed: ending")
            self._stop(at_once=False)
        else:
            self._ask("SIGHUP")

    async def _keep(self) -> None:
        """Start the application again and again."""
        while True:
            # What has changed before is what the worker is going to import.
            self._changed.clear()
            self._news.clear()
            _discard_bytecode(self._stale)
            self._stale.clear()
            self._start()
            if not await self._is_due():
                await self._changed.wait()
                self._log.logger.info("%s: starting the application again", ", ".join(dict.fromkeys(self._news)))
                self._notifier.reloading()
            await self._see_off(is_replaced=True)
            self._metrics.count_restart("reload")

    def _start(self) -> None:
        try:
            self._worker = Process.start(self._order, self._descriptors)
        except OSError as error:
            self._worker = None
            self._log.logger.error("a worker can't be started: %s; waiting for a change", error.strerror)
        else:
            self._metrics.follow(self._worker)

    async def _is_due(self) -> bool:
        """Wait for a change, or the end of the worker. Return whether the worker wants to be replaced at once."""
        worker = self._worker
        if worker is None:
            self._notifier.ready(self._urls)
            return False
        change = asyncio.ensure_future(self._changed.wait())
        try:
            await first_of(worker.ready, worker.ended, change)
            # Clients can connect even if it has failed to start.
            self._notifier.ready(self._urls)
            if worker.ready.done() and not worker.ended.done():
                seconds = asyncio.get_running_loop().time() - worker.began
                self._log.logger.info("worker %d is ready after %.2f s", worker.pid, seconds)
                await first_of(worker.due, worker.ended, change)
        finally:
            change.cancel()
        if self._changed.is_set():
            return False
        if worker.ended.done():
            before = "" if worker.ready.done() else "before it was ready "
            how = description(worker.ended.result())
            self._log.logger.error("worker %d ended %s(%s): waiting for a change", worker.pid, before, how)
            return False
        self._log.logger.info("worker %d is due for replacement: starting the application again", worker.pid)
        return True

    async def _see_off(self, *, is_replaced: bool) -> None:
        """End the worker: gracefully, then at once, then by force."""
        worker, seconds = self._worker, KILL_SECONDS
        if worker is None or worker.ended.done():
            return
        if worker.ready.done():
            seconds += whole_seconds(_hurried(self._options)) or 0.0
        worker.end(is_replaced=is_replaced)
        await run_until(self._at_once, first_of(worker.ended, seconds=seconds))
        if not worker.ended.done():
            worker.end_at_once()
            await first_of(worker.ended, seconds=KILL_SECONDS)
        if not worker.ended.done():
            self._log.logger.warning("worker %d does not end: killing it", worker.pid)
            worker.kill()
            await first_of(worker.ended)


def watched_folders(app: str, options: Options) -> list[Path]:
    """Return the folders to watch. OptionError for one that is missing, and for options that do not fit."""
    if options.workers != 1:
        raise OptionError(f"--reload is for one process, but --workers is {options.workers}")
    return folders_of(app, options)


def _hurried(options: Options) -> Options:
    """Return the options of the worker, which has little time to end."""

    def at_most(seconds: float, given: float | None) -> float:
        return seconds if given is None else min(seconds, given)

    return dataclasses.replace(
        options,
        reload=False,
        timeout_graceful_shutdown=at_most(REQUEST_SECONDS, options.timeout_graceful_shutdown),
        timeout_shutdown=at_most(LIFESPAN_SECONDS, options.timeout_shutdown),
    )


def _discard_bytecode(sources: Iterable[str]) -> None:
    """Remove the bytecode of these files, since it knows its source by the size and the whole second of its time.

    A file that was saved, imported and saved again in one second, with one size, would not be compiled again
    (https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation).
    """
    for source in sources:
        if source.endswith(".py"):
            try:
                Path(importlib.util.cache_from_source(source)).unlink(missing_ok=True)
            except (NotImplementedError, OSError):
                # There is none with such an interpreter, or nobody may remove it: then nobody could write it.
                continue


def _described(changes: list[Change]) -> str:
    """Return changes in words, the first few by name."""
    words = [f"{_shown(change.path)} {change.what}" for change in changes[:_NAMED]]
    if len(changes) > _NAMED:
        words.append(f"{len(changes) - _NAMED} more")
    return ", ".join(words)


def _shown(path: str) -> str:
    """Return a path as it is known from the current folder."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _has_terminal() -> bool:
    """Return whether this process has a controlling terminal (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True
