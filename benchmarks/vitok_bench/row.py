"""A row of the table, and one sample of it.

The worker, which takes samples, and the harness, which asks for them, share this. Particular rows and loops are not
known here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Runs that many operations on the loop. A row in CPU time returns None; a row of waiting times returns them, in µs.
Body = Callable[[asyncio.AbstractEventLoop, int], Sequence[float] | None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that is measured on every loop."""

    name: str
    title: str
    body: Body
    # The number of operations is a multiple of this.
    batch: int = 1
    # For a row of waiting times, the number of events in one sample. Other rows are sized by the clock.
    events: int | None = None
    # For a row of waiting times, the percentile that is printed beside the median.
    tail_percent: int = 90
    # The first Python that has the feature.
    since: tuple[int, int] = (3, 11)
    # Ends what the body has left in the loop, before the loop is closed.
    close: Callable[[asyncio.AbstractEventLoop], None] | None = None
    # How many operations the instruction counter runs; None where the count depends on threads or on the clock.
    counted: int | None = None

    @property
    def is_latency(self) -> bool:
        return self.events is not None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One run of a row's body in one worker."""

    operations: int
    cpu_ns: int
    wall_ns: int
    waits_us: tuple[float, ...] = ()

    @property
    def cpu_ns_per_operation(self) -> float:
        return self.cpu_ns / self.operations

    @property
    def wall_ns_per_operation(self) -> float:
        return self.wall_ns / self.operations
