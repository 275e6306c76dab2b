"""The suite of native applications: the cost of a request without a framework, beside a raw server that does not
parse.

The rows are in `native_rows.py`, the servers in `http_servers.py`, the order of samples in `http_harness.py`, and the
client is the load generator.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

import load_generator
import results
from http_harness import FULL, QUICK, Fleet, RawColumn, as_row, method
from http_rows import HttpRow
from http_servers import ServerSpec
from http_servers import specs as server_specs
from native_rows import rows
from server_process import ServerProcess
from suites import Effort, Entry, Session, Settings

RAW: Final = "raw"
# The time of a client for every sample: its process, its connections, its warm-up.
CLIENT_S: Final = 0.1
# The time of a server's imports, in the first row; and of a new raw server in every row.
START_S: Final = 0.6


class Native:
    """The suite `native`: see the module."""

    name = "native"
    title = "requests of HTTP/1.1 to applications without a framework, CPU of the server with all its processes"
    order = 32
    floor = RAW
    base = "vitok.asgi"
    option = "server"

    def entries(self) -> Sequence[Entry]:
        return [_entry(row) for row in rows()]

    def specs(self, names: Sequence[str] | None) -> Sequence[ServerSpec]:
        return [spec for spec in server_specs(names) if spec.has_native]

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
        by_name = {row.name: row for row in rows()}
        session = Session(measure=lambda *_: results.Row(name="", title=""))
        binary, core = settings.load or load_generator.find_or_build(), settings.cores.server
        servers = {
            spec.label: (ServerProcess(spec.native_command, core=core, directory=spec.directory), spec.version())
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
        sample_overhead_s=CLIENT_S,
    )


SUITE: Final = Native()
