"""Measures an HTTP row on every server and on the raw one, round after round.

A server serves all rows of a suite. The order of samples is in `rounds.py`, a sample in `http_cell.py`. Rows and the
commands of servers are not known here.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vitok_bench import results, rounds
from vitok_bench.child import ChildError
from vitok_bench.http_cell import HttpCell, HttpSample, RawServer
from vitok_bench.http_rows import HttpRow
from vitok_bench.results import Column
from vitok_bench.server_process import ServerProcess
from vitok_bench.suites import Effort, Settings

# As in the streams; a sample has ten thousand requests of a fast server and a thousand of a slow one.
FULL: Final = Effort(rounds=9, sample_s=0.4)
QUICK: Final = Effort(rounds=3, sample_s=0.1)


@dataclass(kw_only=True)
class HttpResult:
    """All samples of one row, by column, or why there are none."""

    samples: dict[str, list[HttpSample]] = field(default_factory=dict)
    failures: dict[str, ChildError] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RawColumn:
    """The column of the raw server, and its command without the options of a row."""

    name: str
    command: tuple[str, ...]


class Fleet:
    """The compared servers, with their versions. Each serves all rows, from the first one on."""

    def __init__(
        self,
        servers: Mapping[str, tuple[ServerProcess, str]],
        settings: Settings,
        *,
        binary: Path,
        raw: RawColumn | None,
    ) -> None:
        self._servers = servers
        self._settings = settings
        self._binary = binary
        self._raw = raw

    def measure(self, row: HttpRow, without: Collection[str], on_round: Callable[[], None]) -> HttpResult:
        """Measure a row. A server that fails is left out of this row, and started again for the next."""
        result, cores = HttpResult(), self._settings.cores
        cells: dict[str, HttpCell] = {}
        with contextlib.ExitStack() as stack:
            if self._raw is not None:
                raw = RawServer([*self._raw.command, *row.raw], core=cores.server)
                stack.callback(raw.close)
                cells[self._raw.name] = HttpCell(row, raw, "", binary=self._binary, cores=cores)
            for label, (server, version) in self._servers.items():
                if label not in without:
                    cells[label] = HttpCell(row, server, version, binary=self._binary, cores=cores)
            rounds.take(result, cells, self._settings.effort, is_memory=row.is_memory, on_round=on_round)
        return result

    def close(self) -> None:
        for server, _ in self._servers.values():
            server.close()


def method(settings: Settings, *, servers: str = "one worker each") -> str:
    """How the figures are measured, in a line; `servers` says what each of them has."""
    effort, cores = settings.effort, settings.cores
    where = "unpinned" if cores.server is None else f"servers on core {cores.server}, clients on {cores.client}"
    return f"{effort.rounds} rounds of {effort.sample_s * 1000:g} ms, servers in turn, {servers}, {where}"


def as_row(row: HttpRow, measured: HttpResult) -> results.Row:
    """Convert to the form of every suite."""
    columns = {name: _column(row, samples) for name, samples in measured.samples.items()}
    failed = {name: Column(status=error.status, reason=error.reason) for name, error in measured.failures.items()}
    return results.Row(name=row.name, title=row.title, kind=row.kind, operation=row.operation, columns=columns | failed)


def _column(row: HttpRow, samples: Sequence[HttpSample]) -> Column:
    costs = tuple(round(sample.per_operation, 2) for sample in samples)
    if row.is_memory:
        return Column(costs=costs)
    p99_ns = round(statistics.median(sample.p99_ns for sample in samples))
    # Well below 1, the server waited: for the client, or because of other work of the machine.
    utilisation = round(statistics.median(sample.cost / sample.wall_ns for sample in samples), 3)
    if row.kind == "wait":
        cpu_ns = round(statistics.median(costs))
        waits = tuple(float(sample.p50_ns) for sample in samples)
        return Column(costs=waits, notes={"p99_ns": p99_ns, "cpu_ns": cpu_ns, "utilisation": utilisation})
    return Column(
        costs=costs,
        walls_ns=tuple(round(sample.wall_ns / sample.operations, 2) for sample in samples),
        notes={
            "utilisation": utilisation,
            "p50_ns": round(statistics.median(sample.p50_ns for sample in samples)),
            "p99_ns": p99_ns,
            "client_ns": round(statistics.median(sample.client_ns / sample.operations for sample in samples)),
        },
    )
