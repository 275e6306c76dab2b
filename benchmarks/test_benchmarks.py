"""The benchmarks' own tests: the arithmetic, every row on asyncio's loop, and peers that misbehave.

Run by `pytest benchmarks`. Says nothing about how fast anything is, so it passes on a busy machine. The factories at
the end are loops that a worker imports by the name `test_benchmarks:FACTORY`.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
import summary
from child import ChildError
from harness import Fleet, RowResult, Settings
from loops import LoopSpec
from remote import Worker
from report import Report
from row import Row, Sample
from rows import rows
from scheduling import parse

HERE = Path(__file__).parent
CPU_ROW = Row(name="row", title="a row", body=lambda *_: None)
WAIT_ROW = Row(name="wait", title="a wait", body=lambda *_: [], events=2)
AVAILABLE = [row for row in rows() if sys.version_info >= row.since]


def test_ratio_is_the_median_of_neighbours() -> None:
    # The machine is three times slower in the second round; the loops keep their distance.
    result = _cpu_result(one=[100, 300, 100], other=[200, 600, 210])
    assert summary.ratio(result, "other", "one") == 2.0


def test_best_peer_is_not_the_subject() -> None:
    result = _cpu_result(vitok=[10], slow=[30], fast=[20])
    assert summary.best_peer(result, "vitok") == "fast"
    assert summary.ratios_to_best_peer([result], "slow", "vitok") == {"row": 1.5}


def test_peer_that_fires_early_is_not_the_best() -> None:
    early, late = _wait_sample(-50.0, -50.0), _wait_sample(60.0, 70.0)
    result = RowResult(row=WAIT_ROW, operations=2, samples={"early": [early], "late": [late]})
    assert summary.best_peer(result, "vitok") == "late"
    assert summary.waits([early], 90).early == 2


def test_geometric_mean_leaves_waits_out() -> None:
    results = [
        _cpu_result(vitok=[10], peer=[20]),
        RowResult(row=WAIT_ROW, samples={name: [_wait_sample(1.0)] for name in ("vitok", "peer")}),
    ]
    assert summary.geometric_mean(summary.ratios_to_best_peer(results, "vitok", "vitok")) == pytest.approx(0.5)


def test_report_names_the_rows_that_are_lost() -> None:
    lines = "\n".join(_report(_cpu_result(vitok=[120], peer=[100])).lines())
    assert "vitok loses 1 of 1 rows: row 1.20!" in lines


def test_report_names_no_row_when_all_are_won() -> None:
    lines = "\n".join(_report(_cpu_result(vitok=[90], peer=[100])).lines())
    assert "vitok loses 0 of 1 rows\n" in lines + "\n"


def test_command_line_leaves_directories_out() -> None:
    arguments = ["--json=/somewhere/deep/out.json", "--loops", "vitok@/somewhere/old", "/somewhere/else"]
    expected = "python benchmarks/scheduling.py --json=out.json --loops vitok@old else"
    assert machine.command_line("scheduling.py", arguments) == expected


def test_reason_leaves_directories_out() -> None:
    error = ChildError("n/a", "ImportError: /somewhere/deep/native.so: undefined symbol (a/b)")
    assert error.reason == "ImportError: native.so: undefined symbol (a/b)"


def test_json_without_a_name_goes_to_results() -> None:
    path = parse(["--json"]).json
    assert path.parent == HERE / "results"
    assert path.suffix == ".json"


@pytest.mark.parametrize("text", ["nobody", ":factory", "module:"])
def test_unknown_loop_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unknown loop"):
        LoopSpec.parse(text)


@pytest.mark.parametrize("row", AVAILABLE, ids=lambda row: row.name)
def test_row_runs_twice_on_one_loop(row: Row) -> None:
    loop = asyncio.new_event_loop()
    try:
        for _ in range(2):
            operations = 3 if row.is_latency else 2 * row.batch
            waits_us = row.body(loop, operations)
            assert len(waits_us or ()) == (operations if row.is_latency else 0)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    specs = [LoopSpec.parse(name) for name in ("asyncio", "test_benchmarks:crashing", "test_benchmarks:lacking")]
    fleet = Fleet([*specs, LoopSpec.parse("no_such_module:loop")], rows_module="rows", core=None)
    yield fleet
    fleet.close()


def test_failures_are_lines_and_the_rest_goes_on(fleet: Fleet) -> None:
    settings = Settings(rounds=2, sample_ns=1_000_000)
    turn, sleep = (next(row for row in AVAILABLE if row.name == name) for name in ("turn", "sleep_0"))
    results = [fleet.measure(row, settings) for row in (turn, turn, sleep)]
    assert [error.status for error in fleet.missing.values()] == ["n/a"]
    for result in results[:2]:
        assert len(result.samples["asyncio"]) == 2
        assert result.failures["test_benchmarks:crashing"].status == "crash"
        assert result.failures["test_benchmarks:crashing"].reason == "SIGABRT"
        assert result.failures["test_benchmarks:lacking"].status == "n/a"
    # What a loop lacks in one row does not keep it from another.
    assert "test_benchmarks:lacking" in results[2].samples


def test_hang_is_ended_and_the_worker_comes_back() -> None:
    worker = Worker(LoopSpec.parse("test_benchmarks:hanging"), rows_module="rows", core=None)
    try:
        worker.start()
        usual_limit_s, worker.child.answer_limit_s = worker.child.answer_limit_s, 0.1
        with pytest.raises(ChildError) as caught:
            worker.sample("turn", 1)
        assert caught.value.status == "hang"
        worker.child.answer_limit_s = usual_limit_s
        assert worker.sample("sleep_0", 1).operations == 1
    finally:
        worker.close()


def test_command_prints_a_table_and_writes_json(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    command = [sys.executable, str(HERE / "scheduling.py"), "--quick", "--rounds", "1", "--rows", "turn,sleep_200us"]
    command += ["--loops", "asyncio,test_benchmarks:plain", "--subject", "asyncio", "--json", str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "CPU ns per operation" in printed
    written = json.loads(path.read_text())
    assert [row["name"] for row in written["rows"]] == ["turn", "sleep_200us"]
    assert set(written["geometric_means"]) == {"asyncio", "test_benchmarks:plain"}
    assert str(tmp_path) not in path.read_text()


def _cpu_result(**cpu_ns: list[int]) -> RowResult:
    samples = {
        name: [Sample(operations=1, cpu_ns=value, wall_ns=value) for value in values] for name, values in cpu_ns.items()
    }
    return RowResult(row=CPU_ROW, operations=1, samples=samples)


def _wait_sample(*waits_us: float) -> Sample:
    return Sample(operations=len(waits_us), cpu_ns=1, wall_ns=1, waits_us=waits_us)


def _report(result: RowResult) -> Report:
    return Report(
        machine=machine.describe({}, script="scheduling.py", core=None),
        settings=Settings(rounds=1, sample_ns=1),
        loops=tuple(result.samples),
        subject="vitok",
        missing={},
        results=(result,),
    )


class _LoopThatHangs(asyncio.SelectorEventLoop):
    def run_forever(self) -> None:
        # `turn` is the row that calls this from outside; the coroutine rows come through run_until_complete.
        if asyncio.all_tasks(self):
            super().run_forever()
        else:
            threading.Event().wait()


class _LoopThatCrashes(asyncio.SelectorEventLoop):
    def run_forever(self) -> None:
        os.abort()


class _LoopThatLacks(asyncio.SelectorEventLoop):
    def run_forever(self) -> None:
        if not asyncio.all_tasks(self):
            raise NotImplementedError("no run_forever")
        super().run_forever()


hanging, crashing, lacking, plain = _LoopThatHangs, _LoopThatCrashes, _LoopThatLacks, asyncio.SelectorEventLoop
