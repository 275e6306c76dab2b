"""A suite whose rows run in one process, on the loop that is measured: one class for all suites of that kind.

It converts rows and samples to the form of all suites. Each suite has a file `suite_NAME.py` and a module of rows; the
order of samples is in `harness.py`.
"""

from __future__ import annotations

import contextlib
import importlib
import statistics
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from vitok_bench import results
from vitok_bench.figures import BASE
from vitok_bench.harness import Fleet, RowResult
from vitok_bench.loops import LoopSpec, specs
from vitok_bench.results import Column
from vitok_bench.row import Row, Sample
from vitok_bench.suites import Effort, Entry, Session, Settings

# Fifteen rounds bring the median of the ratios to about 1 % on a noisy virtual machine; five are for a first look.
FULL: Final = Effort(rounds=15, sample_s=0.075)
# Short, but long compared with the tick of the scheduler (4 ms).
QUICK: Final = Effort(rounds=5, sample_s=0.02)
# The time of a sample, in units of one that uses CPU all the time, unless the suite knows better.
WEIGHT: Final = 1.2
# A row of waiting takes the same time with any effort, about this much for its events.
WAITING_S: Final = 0.35
# asyncio itself fires a timer one tick of its clock early, and a float with the uptime of a year rounds by a few ns; an
# event before that is early.
EARLY_US: Final = -0.01
NS_PER_US: Final = 1000
PERCENT: Final = 100


@dataclass(frozen=True, kw_only=True)
class InProcess:
    """Such a suite: see the module."""

    name: str
    title: str
    order: int
    # The module whose `rows()` are measured.
    rows_module: str
    quick_rows: frozenset[str]
    # The time of a row's sample, in units of one that uses CPU all the time.
    weights: Mapping[str, float] = field(default_factory=dict)
    # Whether a worker has one core for itself; one with several threads has all of them.
    is_pinned: bool = True
    floor = ""
    base = BASE
    option = "loop"

    def rows(self) -> tuple[Row, ...]:
        """Every row, also those that this Python lacks."""
        found: tuple[Row, ...] = importlib.import_module(self.rows_module).rows()
        return found

    def entries(self) -> Sequence[Entry]:
        return [self._entry(row) for row in self.rows() if sys.version_info >= row.since]

    def lacks(self, settings: Settings) -> str | None:  # noqa: ARG002 (others look at it)
        return None

    def specs(self, names: Sequence[str] | None) -> Sequence[LoopSpec]:
        return [spec for spec in specs(names) if not spec.is_transports_only and not spec.is_for_tls]

    def effort(self, *, is_quick: bool) -> Effort:
        return QUICK if is_quick else FULL

    def method(self, settings: Settings) -> str:
        effort, core = settings.effort, self._core(settings)
        where = "unpinned" if core is None else f"on core {core}"
        return f"{effort.rounds} rounds of {effort.sample_s * 1000:g} ms, loops in turn, a process each, {where}"

    def _core(self, settings: Settings) -> int | None:
        return settings.cores.server if self.is_pinned else None

    @contextlib.contextmanager
    def session(self, specs: Sequence[LoopSpec], settings: Settings) -> Iterator[Session]:
        fleet = Fleet(specs, rows_module=self.rows_module, core=self._core(settings))
        by_name = {row.name: row for row in self.rows()}

        def measure(name: str, without: Collection[str], on_round: Callable[[], None]) -> results.Row:
            measured = fleet.measure(by_name[name], settings.effort, without=without, on_round=on_round)
            return as_row(measured)

        versions = {name: worker.version for name, worker in fleet.workers.items()}
        missing = {name: error.reason for name, error in fleet.missing.items()}
        try:
            yield Session(measure=measure, versions=versions, missing=missing)
        finally:
            fleet.close()

    def _entry(self, row: Row) -> Entry:
        return Entry(
            name=row.name,
            title=row.title,
            is_quick=row.name in self.quick_rows,
            # Finding the number of operations takes about a sample, and so does starting a worker.
            overhead_s=0.05,
            weight=self.weights.get(row.name, WEIGHT),
            fixed_s=WAITING_S if row.is_latency else None,
        )


def as_row(measured: RowResult) -> results.Row:
    """Convert to the form of every suite."""
    row = measured.row
    columns = {name: _column(row, samples) for name, samples in measured.samples.items()}
    failed = {name: Column(status=error.status, reason=error.reason) for name, error in measured.failures.items()}
    kind: results.Kind = "wait" if row.is_latency else "cpu"
    operation = "event" if row.is_latency else "operation"
    return results.Row(name=row.name, title=row.title, kind=kind, operation=operation, columns=columns | failed)


def _column(row: Row, samples: Sequence[Sample]) -> Column:
    walls_ns = tuple(round(sample.wall_ns_per_operation, 2) for sample in samples)
    if not row.is_latency:
        return Column(costs=tuple(round(sample.cpu_ns_per_operation, 2) for sample in samples), walls_ns=walls_ns)
    # A short sample of a slow loop may have had no event at all.
    samples = [sample for sample in samples if sample.waits_us]
    if not samples:
        return Column(status="wrong", reason="no event came during its samples")
    waits_us = sorted(wait for sample in samples for wait in sample.waits_us)
    tail_us = waits_us[min(len(waits_us) - 1, len(waits_us) * row.tail_percent // PERCENT)]
    early = sum(wait < EARLY_US for wait in waits_us)
    medians_ns = (statistics.median(sample.waits_us) * NS_PER_US for sample in samples)
    notes = {f"p{row.tail_percent}_ns": round(tail_us * NS_PER_US), "early": early}
    return Column(costs=tuple(round(wait, 1) for wait in medians_ns), notes=notes)
