"""The suite of streams: the cost of moving bytes for a server, beside the raw server that only makes system calls.

It converts rows and samples to the form of all suites. The rows are in `stream_rows.py`, the order of samples in
`stream_harness.py`, and the client is the load generator.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict
from typing import Final

from vitok_bench import load_generator, results
from vitok_bench.cell import Commands, StreamSample
from vitok_bench.figures import BASE
from vitok_bench.loops import LoopSpec, specs
from vitok_bench.results import Column
from vitok_bench.rounds import MEMORY_ROUNDS
from vitok_bench.stream_harness import RAW, Bench, StreamResult
from vitok_bench.stream_rows import StreamRow, rows
from vitok_bench.suites import Effort, Entry, Session, Settings

# Nine rounds bring the median of a ratio above raw to a few per cent on a noisy virtual machine; five are for a first
# look. The longer sample has some tens of thousands of round trips; neighbours in a round see the same machine.
FULL: Final = Effort(rounds=9, sample_s=0.4)
QUICK: Final = Effort(rounds=5, sample_s=0.06)
# The time of a server's import of its loop, and of a client that opens its connections.
START_S: Final = 0.3
# The time of a new server for every sample, of ten thousand connections, and until it is idle.
MEMORY_S: Final = 3.0


class Streams:
    """The suite `streams`: see the module."""

    name = "streams"
    title = "bytes over TCP and UDP on loopback, CPU of the server"
    order = 20
    floor = RAW
    base = BASE
    option = "loop"

    def entries(self) -> Sequence[Entry]:
        return [_entry(row) for row in rows()]

    def lacks(self, settings: Settings) -> str | None:
        if sys.platform != "linux":
            return "its load generator is built on epoll and runs on Linux only"
        return load_generator.lacks(settings.load)

    def specs(self, names: Sequence[str] | None) -> Sequence[LoopSpec]:
        return [spec for spec in specs(names) if not spec.is_for_tls]

    def effort(self, *, is_quick: bool) -> Effort:
        return QUICK if is_quick else FULL

    def method(self, settings: Settings) -> str:
        effort, cores = settings.effort, settings.cores
        where = "unpinned" if cores.server is None else f"servers on core {cores.server}, clients on {cores.client}"
        return f"{effort.rounds} rounds of {effort.sample_s * 1000:g} ms, loops in turn, {where}"

    @contextlib.contextmanager
    def session(self, specs: Sequence[LoopSpec], settings: Settings) -> Iterator[Session]:
        # A loop that is named twice is measured once; the floor is in every run and may be named.
        commands = Commands.of(settings.load or load_generator.find_or_build())
        bench = Bench(specs, commands=commands, cores=settings.cores)
        by_name = {row.name: row for row in rows()}
        session = Session(measure=lambda *_: results.Row(name="", title=""))

        def measure(name: str, without: Collection[str], on_round: Callable[[], None]) -> results.Row:
            measured = bench.measure(by_name[name], settings.effort, without=without, on_round=on_round)
            session.versions.update(measured.versions)
            return as_row(measured)

        session.measure = measure
        yield session


def _entry(row: StreamRow) -> Entry:
    return Entry(
        name=row.name,
        title=row.title,
        is_quick=row.is_quick,
        overhead_s=START_S,
        fixed_s=MEMORY_S if row.is_memory else None,
        rounds_at_most=MEMORY_ROUNDS if row.is_memory else None,
    )


def as_row(measured: StreamResult) -> results.Row:
    """Convert to the form of every suite."""
    row = measured.row
    columns = {name: _column(row, samples) for name, samples in measured.samples.items()}
    failed = {name: Column(status=error.status, reason=error.reason) for name, error in measured.failures.items()}
    kind: results.Kind = "memory" if row.is_memory else "cpu"
    return results.Row(name=row.name, title=row.title, kind=kind, operation=row.operation, columns=columns | failed)


def _column(row: StreamRow, samples: Sequence[StreamSample]) -> Column:
    costs = tuple(round(sample.per_operation, 2) for sample in samples)
    if row.is_memory:
        return Column(costs=costs)
    return Column(
        costs=costs,
        walls_ns=tuple(round(sample.wall_ns / sample.operations, 2) for sample in samples),
        notes={
            # Well below 1, the server waited: for the client, or because of other work of the machine.
            "utilisation": round(statistics.median(sample.cost / sample.wall_ns for sample in samples), 3),
            **{
                key: statistics.median(asdict(sample)[key] for sample in samples)
                for key in ("p50_ns", "p99_ns", "lost")
            },
        },
    )


SUITE: Final = Streams()
