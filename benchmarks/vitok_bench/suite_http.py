"""The suite of HTTP: the cost of a request for a server, with all its processes, beside a raw server that does not
parse.

The rows are in `http_rows.py`, the servers in `http_servers.py`, the order of samples in `http_harness.py`, and the
client is the load generator.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from vitok_bench import load_generator, results, rounds
from vitok_bench.http_harness import FULL, QUICK, Fleet, RawColumn, as_row, method
from vitok_bench.http_rows import HttpRow, rows
from vitok_bench.http_servers import BASE, ServerSpec
from vitok_bench.http_servers import specs as server_specs
from vitok_bench.server_process import ServerProcess
from vitok_bench.suites import Effort, Entry, Session, Settings

RAW: Final = "raw"
# The time of a client for every sample: its process, its connections, its warm-up.
CLIENT_S: Final = 0.1
# The time of a server's imports, in the first row; and of a new raw server in every row.
START_S: Final = 0.6
# The time of a new server for every sample, of ten thousand connections, and until it is idle.
MEMORY_S: Final = 6.0


class Http:
    """The suite `http`: see the module."""

    name = "http"
    title = "requests of HTTP/1.1 on loopback, CPU of the server with all its processes"
    order = 30
    floor = RAW
    base = BASE
    option = "server"

    def rows(self) -> Sequence[HttpRow]:
        return rows()

    def takes(self, spec: ServerSpec) -> bool:
        """Whether a server is measured here."""
        return spec.has_http

    def command(self, spec: ServerSpec) -> Callable[[int], list[str]]:
        """The command of a server, for a port."""
        return spec.command

    def entries(self) -> Sequence[Entry]:
        return [_entry(row) for row in self.rows()]

    def specs(self, names: Sequence[str] | None) -> Sequence[ServerSpec]:
        return [spec for spec in server_specs(names) if self.takes(spec)]

    def lacks(self, settings: Settings) -> str | None:
        if sys.platform != "linux":
            return "its load generator is built on epoll and runs on Linux only"
        return load_generator.lacks(settings.load)

    def effort(self, *, is_quick: bool) -> Effort:
        return QUICK if is_quick else FULL

    def method(self, settings: Settings) -> str:
        return method(settings)

    @contextlib.contextmanager
    def session(self, specs: Sequence[ServerSpec], settings: Settings) -> Iterator[Session]:
        by_name = {row.name: row for row in self.rows()}
        session = Session(measure=lambda *_: results.Row(name="", title=""))
        binary, core = settings.load or load_generator.find_or_build(), settings.cores.server
        servers = {
            spec.label: (ServerProcess(self.command(spec), core=core, directory=spec.directory), spec.version())
            for spec in specs
        }
        raw = RawColumn(name=RAW, command=(str(binary), "raw"))
        with contextlib.closing(Fleet(servers, settings, binary=binary, raw=raw)) as fleet:

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


SUITE: Final = Http()
