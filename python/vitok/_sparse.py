"""Reports that come by the thousand: one a second is passed on, and the others are counted.

It knows nothing of what is reported.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Generic, TypeVar

Report = TypeVar("Report")

# How long others are only counted after one was passed on.
SECONDS = 1.0


class Sparse(Generic[Report]):
    """Passes on the first report at once, and at the end of each second the last one that has come meanwhile."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Callable[[Report, int], object]) -> None:
        """`tell(report, count)` is told how many others were left out."""
        self._loop = weakref.ref(loop)
        self._tell = tell
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: list[Report] = []
        self._count = 0

    def say(self, report: Report) -> None:
        """Pass it on, now or later, or count it."""
        if self._timer is not None:
            self._count += 1
            self._waiting = [report]
            return
        self._timer = self._later()
        self._tell(report, 0)

    def close(self) -> None:
        """Pass on what waits."""
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
            self._tell(report, count - 1)
