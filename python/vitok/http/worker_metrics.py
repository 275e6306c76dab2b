"""The numbers of a server with workers: sums that never shrink, and whether any worker answers.

Each worker sends reports (process.py); this keeps the counts of those that have ended. How the numbers are served is
not known here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from .exposition import Family
from .leaving import first_of
from .metric_families import server_families, worker_families
from .report import FRESH_SECONDS, Numbers, checked, process_report, total

if TYPE_CHECKING:
    from .process import Process

# Workers report once a second. One that was heard in this time answers requests, as far as can be known.
HEARD_SECONDS = 3.0

# Why workers are replaced: they ended by themselves or by a signal, their loop got no turn, they reached a limit, or
# SIGHUP asked for it. With `--reload` there is another reason, which is no part of operation.
REASONS = ("exit", "signal", "hang", "requests", "lifetime", "memory", "hangup")


class WorkerMetrics:
    """What the main process knows of its workers. It is a source for the server of metrics."""

    def __init__(self, *, expected: Callable[[], int], is_ending: Callable[[], bool]) -> None:
        """`expected` returns the number of workers that there should be."""
        self._expected = expected
        self._is_ending = is_ending
        self._workers: set[Process] = set()
        self._past: Numbers = {}
        self._restarts: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self._was_ready = False

    def follow(self, worker: Process) -> None:
        """Count a worker that was started, until it ends and beyond."""
        self._workers.add(worker)
        worker.ready.add_done_callback(self._on_ready)
        worker.ended.add_done_callback(lambda _: self._on_ended(worker))

    def count_restart(self, reason: str) -> None:
        """Count a worker that was replaced, or is going to be: `reason` is one of REASONS, or `reload`.

        Any other, which the worker has told itself, counts as `exit`.
        """
        self._restarts[reason if reason in (*REASONS, "reload") else "exit"] += 1

    async def families(self) -> list[Family]:
        """Return the metrics of all workers, with what those report within half a second."""
        ready = self._ready()
        await asyncio.gather(*(worker.fresh_report(FRESH_SECONDS) for worker in ready))
        own = process_report()
        # Those that are not ready have their reports in them, as soon as there are any.
        reports = [own, *(checked(worker.report) for worker in self._workers)]
        counts = total([self._past, *(report["counts"] for report in reports)])
        values = total(report["values"] for report in reports)
        workers = worker_families(ready=len(self._ready()), expected=self._expected(), restarts=self._restarts)
        return server_families(counts, values) + workers

    async def unready(self) -> str:
        """Return why no worker serves requests, or ""."""
        if self._is_ending():
            return "ending: the server is shutting down"
        ready = self._ready()
        if not ready:
            return "no worker is ready" if self._was_ready else "starting: no worker is ready yet"
        since = asyncio.get_running_loop().time() - HEARD_SECONDS
        if any(worker.heard >= since for worker in ready) or await self._answers(ready):
            return ""
        return "no worker answers"

    async def stuck(self) -> str:
        """Return "": workers that are silent are replaced."""
        return ""

    def _ready(self) -> list[Process]:
        return [worker for worker in self._workers if worker.ready.done() and not worker.ended.done()]

    async def _answers(self, workers: list[Process]) -> bool:
        """Return whether any of them answers in time: this process may have been stopped, and heard nothing."""
        before = {worker: worker.heard for worker in workers}
        asked = [asyncio.ensure_future(worker.fresh_report(FRESH_SECONDS)) for worker in workers]
        try:
            await first_of(*asked)
            return any(worker.heard > heard for worker, heard in before.items())
        finally:
            for one in asked:
                one.cancel()

    def _on_ready(self, _: asyncio.Future[None]) -> None:
        self._was_ready = True

    def _on_ended(self, worker: Process) -> None:
        self._workers.discard(worker)
        self._past = total([self._past, checked(worker.report)["counts"]])
