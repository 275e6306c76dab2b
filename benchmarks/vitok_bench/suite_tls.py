"""The suite of TLS: the cost of encrypted streams and of handshakes for a server on a loop, beside a loop of epoll in C
over OpenSSL.

The rows are in `tls_rows.py`, the order of samples in `stream_harness.py`, the certificate and the raw server in
`tls_files.py`. Requests over TLS are another suite, since their columns are servers (`suite_https.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from vitok_bench import load_generator, results, tls_files
from vitok_bench.cell import Commands
from vitok_bench.figures import BASE
from vitok_bench.loops import LoopSpec, installed_specs
from vitok_bench.loops import specs as loop_specs
from vitok_bench.rounds import MEMORY_ROUNDS
from vitok_bench.stream_harness import Bench
from vitok_bench.stream_rows import StreamRow
from vitok_bench.suite_streams import FULL, QUICK, as_row
from vitok_bench.suites import Effort, Entry, Session, Settings
from vitok_bench.tls_rows import rows

# The time of a server's import of its loop, and of a client that opens a hundred connections with their handshakes.
START_S: Final = 0.5
# The time of a new server for every sample, of two thousand handshakes, and until it is idle.
MEMORY_S: Final = 4.0


class Tls:
    """The suite `tls`: see the module."""

    name = "tls"
    title = "TLS 1.3 over TCP on loopback, AES-128-GCM, X25519 and ECDSA on P-256, CPU of the server"
    order = 25
    floor = tls_files.RAW
    base = BASE
    option = "loop"

    def entries(self) -> Sequence[Entry]:
        return [_entry(row) for row in rows()]

    def lacks(self, settings: Settings) -> str | None:
        return tls_files.lacks() or load_generator.lacks(settings.load)

    def specs(self, names: Sequence[str] | None) -> Sequence[LoopSpec]:
        """By default both engines of vitok, and aiofastnet on both loops."""
        return list(installed_specs()) if names is None else loop_specs(names)

    def effort(self, *, is_quick: bool) -> Effort:
        return QUICK if is_quick else FULL

    def method(self, settings: Settings) -> str:
        effort, cores = settings.effort, settings.cores
        where = "unpinned" if cores.server is None else f"servers on core {cores.server}, clients on {cores.client}"
        return f"{effort.rounds} rounds of {effort.sample_s * 1000:g} ms, loops in turn, {where}"

    @contextlib.contextmanager
    def session(self, specs: Sequence[LoopSpec], settings: Settings) -> Iterator[Session]:
        binary = settings.load or load_generator.find_or_build()
        with tls_files.made() as files:
            commands = Commands(
                client=(str(binary),),
                raw=files.raw_command(),
                serving=("--certificate", str(files.certificate), "--key", str(files.key)),
            )
            bench = Bench(specs, commands=commands, cores=settings.cores, raw=self.floor)
            by_name = {row.name: row for row in rows()}
            session = Session(
                measure=lambda *_: results.Row(name="", title=""), missing=files.missing(), note=files.note()
            )

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
        is_main=True,
        overhead_s=START_S,
        fixed_s=MEMORY_S if row.is_memory else None,
        rounds_at_most=MEMORY_ROUNDS if row.is_memory else None,
    )


SUITE: Final = Tls()
