"""The suite of real programs: servers and clients of well-known packages, on each loop.

A row starts the service that its program needs, and a worker for each loop. The rows are in `program_rows.py`, the
services in `program_services.py`, the order of samples in `harness.py`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from vitok_bench import load_generator, results
from vitok_bench.child import ChildError
from vitok_bench.figures import BASE
from vitok_bench.harness import Fleet
from vitok_bench.in_process import as_row
from vitok_bench.loops import LoopSpec, specs
from vitok_bench.program_rows import PROGRAMS, Program, rows
from vitok_bench.program_services import SERVICES, Variables
from vitok_bench.results import Column
from vitok_bench.suites import Effort, Entry, Session, Settings

# A sample has some thousand requests.
FULL: Final = Effort(rounds=9, sample_s=0.3)
QUICK: Final = Effort(rounds=5, sample_s=0.06)
QUICK_ROWS: Final = frozenset({"aiohttp_server", "redis_get"})
# Importing a program, and starting it on a loop and what it asks.
START_S: Final = 1.5
# A program waits for the other process, which is on the other core.
WEIGHT: Final = 1.5


class Programs:
    """The suite `programs`: see the module."""

    name = "programs"
    title = "real programs, CPU of the process with the loop"
    order = 70
    floor = ""
    base = BASE
    option = "loop"

    def entries(self) -> Sequence[Entry]:
        return [
            Entry(
                name=program.name,
                title=program.title,
                is_quick=program.name in QUICK_ROWS,
                is_main=True,
                overhead_s=START_S,
                weight=WEIGHT,
                lacks=program.lacks() or SERVICES[program.service].lacks(),
            )
            for program in PROGRAMS
        ]

    def lacks(self, settings: Settings) -> str | None:
        if sys.platform != "linux":
            return "its load generator is built on epoll and runs on Linux only"
        return load_generator.lacks(settings.load)

    def specs(self, names: Sequence[str] | None) -> Sequence[LoopSpec]:
        return [spec for spec in specs(names) if not spec.is_transports_only and not spec.is_for_tls]

    def effort(self, *, is_quick: bool) -> Effort:
        return QUICK if is_quick else FULL

    def method(self, settings: Settings) -> str:
        effort, cores = settings.effort, settings.cores
        where = "unpinned" if cores.server is None else f"programs on core {cores.server}, the rest on {cores.client}"
        return f"{effort.rounds} rounds of {effort.sample_s * 1000:g} ms, loops in turn, {where}"

    @contextlib.contextmanager
    def session(self, specs: Sequence[LoopSpec], settings: Settings) -> Iterator[Session]:
        load = settings.load or load_generator.find_or_build()
        programs = {program.name: program for program in PROGRAMS}
        by_name = {row.name: row for row in rows()}
        session = Session(measure=lambda *_: results.Row(name="", title=""))

        def measure(name: str, without: Collection[str], on_round: Callable[[], None]) -> results.Row:
            with _started(programs[name], load, settings):
                fleet = Fleet(specs, rows_module="vitok_bench.program_rows", core=settings.cores.server)
                try:
                    measured = fleet.measure(by_name[name], settings.effort, without=without, on_round=on_round)
                finally:
                    fleet.close()
            session.versions.update((label, worker.version) for label, worker in fleet.workers.items())
            session.missing.update((label, error.reason) for label, error in fleet.missing.items())
            return as_row(measured)

        def measure_if_started(name: str, without: Collection[str], on_round: Callable[[], None]) -> results.Row:
            try:
                return measure(name, without, on_round)
            except ChildError as error:
                column = Column(status=error.status, reason=error.reason)
                return results.Row(name=name, title=by_name[name].title, columns={one.label: column for one in specs})

        session.measure = measure_if_started
        yield session


@contextlib.contextmanager
def _started(program: Program, load: Path, settings: Settings) -> Iterator[None]:
    """Start what the program needs. Workers inherit the environment, which has the addresses meanwhile."""
    core = None if settings.cores.is_shared() else settings.cores.client
    with SERVICES[program.service].start(load, core) as variables, _environment(variables):
        yield


@contextlib.contextmanager
def _environment(variables: Variables) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


SUITE: Final = Programs()
