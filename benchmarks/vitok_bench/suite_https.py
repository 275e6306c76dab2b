"""The suite of HTTP over TLS: the cost of a request for a server, beside a loop of epoll in C over OpenSSL that does
not parse.

The rows are in `http_rows.py`, the servers in `http_servers.py`, the order of samples in `http_harness.py`, the
certificate and the raw server in `tls_files.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Final

from vitok_bench import load_generator, results, tls_files
from vitok_bench.http_harness import FULL, QUICK, Fleet, RawColumn, as_row, method
from vitok_bench.http_rows import HttpRow, secure_rows
from vitok_bench.http_servers import BASE, ServerSpec
from vitok_bench.http_servers import specs as server_specs
from vitok_bench.server_process import ServerProcess
from vitok_bench.suites import Effort, Entry, Session, Settings
from vitok_bench.tls_files import TlsFiles

# The time of a client for every sample: its process, its connections with their handshakes, its warm-up.
CLIENT_S: Final = 0.2
# The time of a server's imports, in the first row; and of a new raw server in every row.
START_S: Final = 0.6


class Https:
    """The suite `https`: see the module."""

    name = "https"
    title = "requests of HTTP/1.1 over TLS 1.3, AES-128-GCM, CPU of the server with all its processes"
    order = 35
    floor = tls_files.RAW
    base = BASE
    option = "server"

    def entries(self) -> Sequence[Entry]:
        return [_entry(row) for row in secure_rows()]

    def specs(self, names: Sequence[str] | None) -> Sequence[ServerSpec]:
        return [spec for spec in server_specs(names) if spec.has_tls]

    def lacks(self, settings: Settings) -> str | None:
        return tls_files.lacks() or load_generator.lacks(settings.load)

    def effort(self, *, is_quick: bool) -> Effort:
        return QUICK if is_quick else FULL

    def method(self, settings: Settings) -> str:
        return method(settings)

    @contextlib.contextmanager
    def session(self, specs: Sequence[ServerSpec], settings: Settings) -> Iterator[Session]:
        by_name = {row.name: row for row in secure_rows()}
        with tls_files.made() as files, contextlib.closing(_fleet(specs, settings, files)) as fleet:
            session = Session(
                measure=lambda *_: results.Row(name="", title=""), missing=files.missing(), note=files.note()
            )

            def measure(name: str, without: Collection[str], on_round: Callable[[], None]) -> results.Row:
                measured = fleet.measure(by_name[name], without, on_round)
                session.versions.update(measured.versions)
                return as_row(by_name[name], measured)

            session.measure = measure
            yield session


def _fleet(specs: Sequence[ServerSpec], settings: Settings, files: TlsFiles) -> Fleet:
    servers = {}
    for spec in specs:
        server = ServerProcess(
            partial(spec.tls_command, certificate=files.certificate, key=files.key),
            core=settings.cores.server,
            directory=spec.directory,
            variables=spec.environment,
        )
        servers[spec.label] = server, spec.version()
    command = files.raw_command()
    raw = None if command is None else RawColumn(name=tls_files.RAW, command=command)
    binary = settings.load or load_generator.find_or_build()
    return Fleet(servers, settings, binary=binary, raw=raw)


def _entry(row: HttpRow) -> Entry:
    return Entry(
        name=row.name,
        title=row.title,
        is_quick=row.is_quick,
        is_main=True,
        overhead_s=START_S,
        sample_overhead_s=CLIENT_S,
    )


SUITE: Final = Https()
