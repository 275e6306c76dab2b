"""Rate-limited reports: one per second is passed on, and the others are counted.

The meaning of reports is not known here.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

Report = TypeVar("Report")

# How long further reports are only counted after one was passed on.
SECONDS = 1.0


class Sparse(Generic[Report]):
    """Passes on the first report at once, and at the end of each second the last one that was reported meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pass_on: Callable[[Report, int], object]) -> None:
        """`pass_on(report, count)` is called with the number of other reports that were left out."""
        self._loop = weakref.ref(loop)
        self._pass_on = pass_on
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[Report] = []
        self._count = 0

    def add(self, report: Report) -> None:
        """Pass the report on, now or later, or count it."""
        if self._timer is not None:
            self._count += 1
            self._waiting = [report]
            return
        self._timer = self._later()
        self._pass_on(report, 0)

    def close(self) -> None:
        """Pass on the report that waits, if any."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._let_out()

    def _go_on(self) -> None:
        self._timer = self._later() if self._count else None
        self._let_out()

    def _later(self) -> asyncio.TimerHandle | None:
        loop = self._loop()
        return None if loop is None or loop.is_closed() else loop.call_later(SECONDS, self._go_on)

    def _let_out(self) -> None:
        reports, count = self._waiting, self._count
        self._waiting, self._count = [], 0
        for report in reports:
            self._pass_on(report, count - 1)
