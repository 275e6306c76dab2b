"""The supervisor: keeps the requested number of workers until the end, each in a slot of its own.

It binds the addresses, and keeps the sockets open for as long as there are workers, which inherit them and accept:
connections that wait in a queue outlive every worker. It never accepts itself, and imports nothing of the application.
HTTP is not known here.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable

from . import metrics, order, sockets
from .application import Application
from .health import Heartbeat
from .leaving import first_of, handled, run_until, until_signal, whole_seconds
from .log import reopens
from .options import Options
from .parent import ParentProcess
from .process import Process
from .systemd import Notifier
from .worker_metrics import WorkerMetrics
from .worker_slot import WorkerSlot

# The extra time for a worker to end, and the time to end at once, before it is killed.
KILL_SECONDS = 5.0
# How often workers that have ended are looked for where no signal tells.
LOOK_SECONDS = 1.0
# As many workers as the option allows.
MOST_WORKERS = 1024
_SIGNALS = (signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU)


class Supervisor(ParentProcess):
    """Serves with several processes. ValueError and OSError for errors that are found before any is started."""

    needs_name = "workers: expected the application as module:attribute, since workers import it"

    def __init__(
        self,
        app: Application | str,
        options: Options,
        *,
        on_bound: Callable[[], object] = lambda: None,
        notifier: Notifier | None = None,
    ) -> None:
        """`on_bound` is called when all sockets are bound, before a worker is started."""
        super().__init__(app, options, on_bound=on_bound, notifier=notifier)
        self._bound: list[sockets.Bound] = []
        self._processes: set[Process] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._rolling: asyncio.Task[None] | None = None
        # Whether SIGHUP has come since the last replacement of all workers began.
        self._is_roll_due = False
        self._slots: list[WorkerSlot] = []
        self._keepers: dict[WorkerSlot, asyncio.Task[None]] = {}
        self._has_started = False
        self._metrics = WorkerMetrics(expected=lambda: len(self._slots), is_ending=self._asked.is_set)

    async def run(self) -> None:
        """Serve until SIGINT or SIGTERM.

        SIGHUP replaces the workers one after the other, SIGTTIN starts one more, SIGTTOU ends one, and SIGUSR1 opens
        log files anew, in all processes.

        OSError for an address that can't be bound, WorkersError for workers that do not start. A second SIGINT or
        SIGTERM ends the workers at once, and then has its usual effect.
        """
        await until_signal(self._run, self._stop, self._log)

    async def _run(self) -> None:
        watched: list[sockets.Bound] = []
        try:
            permissions = self._options.uds_permissions
            self._bound = sockets.bind(self._where, permissions=permissions, owner=self._owner)
            watched = metrics.bind(self._options, self._bound)
            self._on_bound()
            self._urls = [one.url(tls=self._is_tls) for one in self._bound]
            self._order, self._descriptors = order.written(self._app, self._options, self._bound)
            # Done with an exception when a slot can't have a worker.
            self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._slots = [WorkerSlot(self, self._log) for _ in range(self._options.workers)]
            with handled(_SIGNALS, self._on_signal):
                heartbeat = Heartbeat(self._processes, self._options.timeout_worker_healthcheck, self._log)
                looking = [asyncio.create_task(heartbeat.run())]
                if threading.current_thread() is not threading.main_thread():
                    looking.append(asyncio.create_task(self._look_often()))
                async with metrics.serving(watched, self._metrics, self._log):
                    try:
                        await run_until(self._asked, self._keep_workers())
                    finally:
                        await self._end_workers()
                        for task in looking:
                            task.cancel()
        finally:
            sockets.close([*self._bound, *watched])
            self._log.close()

    async def _keep_workers(self) -> None:
        """Keep a worker in each slot. The first one shows whether the application can be served at all."""
        first = self._slots[0]
        self._keep(first)
        try:
            await first_of(self._failure, first.filled)
            if not self._failure.done():
                self._has_started = True
                for slot in self._slots[1:]:
                    self._keep(slot)
            while not self._failure.done() and (
                waited := [slot.filled for slot in self._slots if not slot.filled.done()]
            ):
                await first_of(self._failure, *waited)
            if not self._failure.done():
                urls = " ".join(self._urls)
                threads = f" of {self._options.threads} threads each" if self._options.threads > 1 else ""
                told = "vitok serve: %s (%d workers%s; Ctrl-C ends it)"
                self._log.logger.info(told, urls, len(self._slots), threads)
                self._notifier.ready(self._urls, workers=len(self._slots))
            await self._failure
        finally:
            for task in (keepers := list(self._keepers.values())):
                task.cancel()
            await asyncio.wait(keepers)

    def _keep(self, slot: WorkerSlot) -> None:
        """Keep a worker in this slot until `_resize` gives it up. If that is impossible, all workers end."""

        def on_end(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None and not self._failure.done():
                self._failure.set_exception(error)

        self._keepers[slot] = asyncio.create_task(slot.keep())
        self._keepers[slot].add_done_callback(on_end)

    def _resize(self, number: signal.Signals) -> None:
        """Start one more worker, or end the newest."""
        if number == signal.SIGTTIN and len(self._slots) < MOST_WORKERS:
            slot = WorkerSlot(self, self._log)
            self._slots.append(slot)
            if self._has_started:
                self._keep(slot)
        elif number == signal.SIGTTOU and len(self._slots) > 1:
            slot = self._slots.pop()
            if slot in self._keepers:
                self._keepers.pop(slot).cancel()
            for worker in slot.close():
                self.retire(worker)
        else:
            self._log.logger.warning("%s: the number of workers stays %d", number.name, len(self._slots))
            return
        self._log.logger.info("%s: the number of workers is now %d", number.name, len(self._slots))

    def start(self) -> Process:
        """Start one more worker."""
        process = Process.start(self._order, self._descriptors)
        self._processes.add(process)
        self._metrics.follow(process)
        return process

    def count_restart(self, reason: str) -> None:
        """Count a worker that is replaced, for the metrics."""
        self._metrics.count_restart(reason)

    def is_serving(self) -> bool:
        """Return whether any worker accepts connections."""
        return any(process.ready.done() and not process.ended.done() for process in self._processes)

    def retire(self, process: Process) -> asyncio.Task[None]:
        """End a worker that was replaced."""
        task = asyncio.create_task(self._see_off({process}, are_replaced=True))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        return task

    async def _roll(self) -> None:
        """Replace the workers one after the other, and once more if that was asked for meanwhile."""
        while self._is_roll_due:
            self._is_roll_due = False
            await self._renew_all()
        self._notifier.ready(self._urls, workers=len(self._slots))

    async def _renew_all(self) -> None:
        for slot in list(self._slots):
            if not await slot.renew():
                self._log.logger.error("the remaining workers are not replaced")
                return
        self._log.logger.info("all workers have been replaced")

    def _on_signal(self, number: signal.Signals) -> None:
        if number == signal.SIGCHLD:
            self._look()
        elif number == signal.SIGUSR1:
            self._reopen()
        elif self._asked.is_set():
            return
        elif number == signal.SIGHUP:
            self._log.logger.info("SIGHUP: replacing the workers one after the other")
            if reopens(self._options):
                self._log.reopen()
            self._notifier.reloading()
            self._is_roll_due = True
            if self._rolling is None or self._rolling.done():
                self._rolling = asyncio.create_task(self._roll())
        else:
            self._resize(number)

    def _look(self) -> None:
        """Find the workers that have ended."""
        for process in list(self._processes):
            process.look()
            if process.ended.done():
                self._processes.discard(process)

    async def _look_often(self) -> None:
        """Find them outside the main thread, where no signal tells."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look()

    def _reopen(self) -> None:
        """Open the log files anew, here and in all workers."""
        if not reopens(self._options):
            self._log.logger.debug("SIGUSR1: there are no log files to open anew")
            return
        self._log.reopen()
        for process in self._processes:
            process.reopen_logs()

    async def _end_workers(self) -> None:
        """End all workers, and wait for them."""
        self._asked.set()
        self._notifier.stopping()
        waiting = {*self._retiring, *([self._rolling] if self._rolling else [])}
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)
        await self._see_off(self._processes, are_replaced=False)

    async def _see_off(self, processes: set[Process], *, are_replaced: bool) -> None:
        """Ask workers to end; those that take too long are asked to end at once, and then killed."""
        going = set(processes)
        seconds = whole_seconds(self._options)
        patience = None if seconds is None else seconds + KILL_SECONDS
        for process in going:
            process.end(is_replaced=are_replaced)
        if not are_replaced:
            # The last worker that has accepted what waits closes them; while they are open here, clients would wait.
            sockets.close(self._bound)
        await run_until(self._at_once, _gone(going, patience))
        for process in going:
            process.end_at_once()
        await _gone(going, KILL_SECONDS)
        for process in going:
            if not process.ended.done():
                self._log.logger.error("worker %d does not end: killing it", process.pid)
                process.kill()
        await _gone(going, None)


async def _gone(processes: set[Process], seconds: float | None) -> None:
    """Wait this long for all of them to end."""
    if waited := {process.ended for process in processes if not process.ended.done()}:
        await asyncio.wait(waited, timeout=seconds)
