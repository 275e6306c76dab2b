"""Takes samples of a row from one worker after the other, round after round.

The loops take turns within each round, so the state of the machine affects all of them alike, and a ratio is taken
between neighbours. This module sizes samples and orders them. Rows, workers and statistics are not known here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from vitok_bench.child import ChildError
from vitok_bench.loops import LoopSpec
from vitok_bench.remote import Worker
from vitok_bench.row import Row, Sample
from vitok_bench.suites import Effort

# The factor by which a sample grows during calibration: slow growth costs time, fast growth overshoots on noise.
GROWTH: Final = 4
# A sample of this share of the target is long enough to extrapolate from.
ENOUGH: Final = 0.25
NS_PER_S: Final = 1_000_000_000
# A limit on wall time: rows that mostly wait would take very long to use their CPU time.
WALL_PER_CPU: Final = 4


@dataclass(kw_only=True)
class RowResult:
    """All samples of one row: one per round for each loop that completed it, or why it did not."""

    row: Row
    operations: int = 0
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: dict[str, ChildError] = field(default_factory=dict)


class Fleet:
    """The workers of all compared loops, in the order of their turns."""

    def __init__(self, specs: Iterable[LoopSpec], *, rows_module: str, core: int | None) -> None:
        self.missing: dict[str, ChildError] = {}
        self.workers: dict[str, Worker] = {}
        for spec in specs:
            worker = Worker(spec, rows_module=rows_module, core=core)
            try:
                worker.start()
            except ChildError as error:
                worker.close()
                self.missing[spec.label] = error
            else:
                self.workers[spec.label] = worker

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()

    def measure(
        self,
        row: Row,
        effort: Effort,
        *,
        without: Collection[str] = (),
        on_round: Callable[[], None] = lambda: None,
    ) -> RowResult:
        """Take one warm-up per loop, then the rounds. A loop that fails is left out of this row only."""
        result = RowResult(row=row)
        running = {name: worker for name, worker in self.workers.items() if name not in without}
        result.operations = row.events or self._calibrate(row, effort, result, running)
        for number in range(-1, effort.rounds):
            for name, worker in list(running.items()):
                with excluding_on_failure(name, result, running):
                    sample = worker.sample(row.name, result.operations)
                    if number >= 0:
                        result.samples.setdefault(name, []).append(sample)
            on_round()
        return result

    def _calibrate(self, row: Row, effort: Effort, result: RowResult, running: dict[str, Worker]) -> int:
        """Find the number of operations that fills a sample on the slowest loop; it is the same for all."""
        sizes = []
        for name, worker in list(running.items()):
            with excluding_on_failure(name, result, running):
                sizes.append(_operations_per_sample(worker, row, effort))
        return min(sizes, default=row.batch)


class Outcomes(Protocol):
    """The results of a row so far, by name of the loop."""

    @property
    def samples(self) -> dict[str, Any]: ...

    @property
    def failures(self) -> dict[str, ChildError]: ...


@contextlib.contextmanager
def excluding_on_failure(name: str, result: Outcomes, running: dict[str, Any]) -> Iterator[None]:
    """Exclude a loop that fails inside from the rest of the row, and drop its samples."""
    try:
        yield
    except ChildError as error:
        result.failures[name] = error
        result.samples.pop(name, None)
        del running[name]


def _operations_per_sample(worker: Worker, row: Row, effort: Effort) -> int:
    operations, target_ns = row.batch, effort.sample_s * NS_PER_S
    while True:
        sample = worker.sample(row.name, operations)
        share = max(sample.cpu_ns, sample.wall_ns / WALL_PER_CPU) / target_ns
        if share >= ENOUGH:
            batches = operations / row.batch / share
            return max(1, round(batches)) * row.batch
        operations *= GROWTH
