"""Tests of the suite of real programs: each on asyncio's loop, and what is not installed or does not start.

Run by `pytest benchmarks`. Speed is not tested. A program that is not installed, or whose service is not, is skipped,
and so are all without the load generator.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from vitok_bench import bench, load_generator, program_clients, program_services, suite_programs
from vitok_bench.child import ChildError
from vitok_bench.loops import LoopSpec
from vitok_bench.program_rows import BATCH, PROGRAMS, Program, rows
from vitok_bench.program_services import SERVICES, Service
from vitok_bench.row import Row
from vitok_bench.suites import Cores, Effort, Settings
from vitok_bench.worker import RowRunner

BINARY: Final = load_generator.find()
SETTINGS: Final = Settings(
    effort=Effort(rounds=1, sample_s=0.001), cores=Cores(server=None, client=None), load=BINARY or Path(os.devnull)
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generator runs on Linux only")
with_load = pytest.mark.skipif(BINARY is None, reason="vitok-load is not built")


@with_load
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_program_runs_twice_on_one_loop(program: Program) -> None:
    lacking = program.lacks() or SERVICES[program.service].lacks()
    if lacking:
        pytest.skip(lacking)
    [row] = [row for row in rows() if row.name == program.name]
    runner = RowRunner(asyncio.new_event_loop, (row,))
    with suite_programs._started(program, SETTINGS.load or Path(), SETTINGS):
        for _ in range(2):
            assert runner.sample(row.name, BATCH).operations == BATCH
        runner.close()


@with_load
def test_the_suite_measures_a_program() -> None:
    pytest.importorskip("aiohttp")
    before = dict(os.environ)
    specs = [LoopSpec.parse("asyncio"), LoopSpec.parse("no_such_module:loop")]
    with suite_programs.SUITE.session(specs, SETTINGS) as session:
        row = session.measure("aiohttp_client", (), lambda: None)
    assert len(row.measured["asyncio"].costs) == 1
    assert session.versions.keys() == {"asyncio"}
    assert "no_such_module" in session.missing["no_such_module:loop"]
    assert dict(os.environ) == before


def test_service_that_does_not_start_costs_its_row_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path, __: int | None) -> AbstractContextManager[program_services.Variables]:
        raise ChildError("n/a", "it is broken")

    monkeypatch.setattr(suite_programs, "SERVICES", {**SERVICES, "redis": Service(start=broken)})
    with suite_programs.SUITE.session([LoopSpec.parse("asyncio")], SETTINGS) as session:
        row = session.measure("redis_get", (), lambda: None)
    assert (row.columns["asyncio"].status, row.columns["asyncio"].reason) == ("n/a", "it is broken")


def test_what_is_not_installed_is_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    absent = [replace(program, packages=("no_such_package",)) for program in PROGRAMS]
    monkeypatch.setattr(suite_programs, "PROGRAMS", tuple(absent))
    with pytest.raises(SystemExit):
        bench.main(["--suite", "programs", "--loop", "asyncio"])
    said = capsys.readouterr().err
    assert "redis_get is left out: not installed: no_such_package" in said
    assert "nothing to measure" in said


def test_service_is_installed_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_services, "find_command", lambda _: None)
    monkeypatch.delenv(program_clients.REDIS_VARIABLE, raising=False)
    assert "redis-server is not installed (Debian: redis-server)" in SERVICES["redis"].lacks()
    monkeypatch.setenv(program_clients.REDIS_VARIABLE, "127.0.0.1:6379")
    assert SERVICES["redis"].lacks() == ""
    with SERVICES["redis"].start(Path(), None) as variables:
        assert variables == {}


def test_server_that_ends_at_once_is_an_error(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "raise SystemExit('no memory')"]
    with pytest.raises(ChildError, match="no memory"), program_services._answering(words, None):
        pass
    with (
        pytest.raises(ChildError, match="does not start"),
        program_services._listening(words, tmp_path, program_services._free_port(), None),
    ):
        pass


def test_service_has_ended_when_its_row_has(tmp_path: Path) -> None:
    port = program_services._free_port()
    words = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    with program_services._listening(words, tmp_path, port, None):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_row_is_closed_before_its_loop() -> None:
    closed: list[bool] = []
    nothing = Row(name="one", title="", body=lambda *_: None, close=lambda loop: closed.append(loop.is_closed()))
    runner = RowRunner(asyncio.new_event_loop, (nothing, replace(nothing, name="two", close=None)))
    runner.sample("one", 1)
    assert closed == []
    runner.sample("two", 1)
    assert closed == [False]
    runner.close()
    assert closed == [False]
