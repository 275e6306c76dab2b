"""The suite of HTTP: the cost of a request for a server, with all its processes, beside a raw server that does not
parse.

It converts rows and samples to the form of all suites. The rows are in `http_rows.py`, the servers in
`http_servers.py`, a sample in `http_cell.py`, and the client is the load generator.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import load_generator
import results
import rounds
from child import ChildError
from http_cell import HttpCell, HttpSample, RawServer
from http_rows import HttpRow, rows
from http_servers import BASE, ServerSpec, specs
from results import Column
from server_process import ServerProcess
from suites import Effort, Entry, Session, Settings

RAW: Final = "raw"
# As in the streams; a sample has ten thousand requests of a fast server and a thousand of a slow one.
FULL: Final = Effort(rounds=9, sample_s=0.4)
QUICK: Final = Effort(rounds=3, sample_s=0.1)
# The time of a client for every sample: its process, its connections, its warm-up.
CLIENT_S: Final = 0.1
# The time of a server's imports, in the first row; and of a new raw server in every row.
START_S: Final = 0.6
# The time of a new server for every sample, of ten thousand connections, and until it is idle.
MEMORY_S: Final = 6.0


@dataclass(kw_only=True)
class HttpResult:
    """All samples of one row, by column, or why there are none."""

    samples: dict[str, list[HttpSample]] = field(default_factory=dict)
    failures: dict[str, ChildError] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


class Fleet:
    """The compared servers. Each serves all rows, from the first one on."""

    def __init__(self, specs: Sequence[ServerSpec], settings: Settings, *, binary: Path) -> None:
        core = settings.cores.server
        self._binary, self._settings = binary, settings
        self._specs = {spec.label: spec for spec in specs}
        self._servers = {spec.label: ServerProcess(spec.command, core=core, directory=spec.directory) for spec in specs}

    def measure(self, row: HttpRow, without: Collection[str], on_round: Callable[[], None]) -> HttpResult:
        """Measure a row. A server that fails is left out of this row, and started again for the next."""
        result, cores = HttpResult(), self._settings.cores
        with contextlib.closing(RawServer(self._binary, row.raw, core=cores.server)) as raw:
            cells = {RAW: HttpCell(row, raw, "", binary=self._binary, cores=cores)}
            for label, server in self._servers.items():
                if label not in without:
                    version = self._specs[label].version()
                    cells[label] = HttpCell(row, server, version, binary=self._binary, cores=cores)
            rounds.take(result, cells, self._settings.effort, is_memory=row.is_memory, on_round=on_round)
            result.versions[RAW] = raw.version
        return result

    def close(self) -> None:
        for server in self._servers.values():
            server.close()


class Http:
    """The suite `http`: see the module."""

    name = "http"
    title = "requests of HTTP/1.1 on loopback, CPU of the server with all its processes"
    order = 30
    floor = RAW
    base = BASE
    option = "server"

    def entries(self) -> Sequence[Entry]:
        return [_entry(row) for row in rows()]

    def specs(self, names: Sequence[str] | None) -> Sequence[ServerSpec]:
        return list(specs(names))

    def lacks(self, settings: Settings) -> str | None:
        if sys.platform != "linux":
            return "its load generator is built on epoll and runs on Linux only"
        return load_generator.lacks(settings.load)

    def effort(self, *, is_quick: bool) -> Effort:
        return QUICK if is_quick else FULL

    def method(self, settings: Settings) -> str:
        effort, cores = settings.effort, settings.cores
        where = "unpinned" if cores.server is None else f"servers on core {cores.server}, clients on {cores.client}"
        return f"{effort.rounds} rounds of {effort.sample_s * 1000:g} ms, servers in turn, one worker each, {where}"

    @contextlib.contextmanager
    def session(self, specs: Sequence[ServerSpec], settings: Settings) -> Iterator[Session]:
        by_name = {row.name: row for row in rows()}
        session = Session(measure=lambda *_: results.Row(name="", title=""))
        binary = settings.load or load_generator.find_or_build()
        with contextlib.closing(Fleet(specs, settings, binary=binary)) as fleet:

            def measure(name: str, without: Collection[str], on_round: Callable[[], None]) -> results.Row:
                measured = fleet.measure(by_name[name], without, on_round)
                session.versions.update(measured.versions)
                return as_row(by_name[name], measured)

            session.measure = measure
            yield session


def _entry(row: HttpRow) -> Entry:
    return Entry(
        name=row.name,
        title=row.title,
        is_quick=row.is_quick,
        is_main=True,
        overhead_s=START_S,
        sample_overhead_s=0.0 if row.is_memory else CLIENT_S,
        fixed_s=MEMORY_S if row.is_memory else None,
        rounds_at_most=rounds.MEMORY_ROUNDS if row.is_memory else None,
    )


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


SUITE: Final = Http()
