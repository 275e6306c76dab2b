"""Tests of the rows within one process: each on asyncio's loop, and peers that misbehave.

Run by `pytest benchmarks`. Speed is not tested, so the tests pass on a busy machine. The factories at the end are loops
that a worker imports by the name `test_benchmarks:FACTORY`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from vitok_bench import system_rows
from vitok_bench.child import ChildError
from vitok_bench.harness import Fleet
from vitok_bench.in_process import as_row
from vitok_bench.loops import LoopSpec
from vitok_bench.remote import Worker
from vitok_bench.row import Row
from vitok_bench.rows import rows
from vitok_bench.suites import Effort

AVAILABLE = [row for row in (*rows(), *system_rows.rows()) if sys.version_info >= row.since]


def test_reason_leaves_directories_out() -> None:
    error = ChildError("n/a", "ImportError: /somewhere/deep/native.so: undefined symbol (a/b)")
    assert error.reason == "ImportError: native.so: undefined symbol (a/b)"


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
    fleet = Fleet([*specs, LoopSpec.parse("no_such_module:loop")], rows_module="vitok_bench.rows", core=None)
    yield fleet
    fleet.close()


def test_failures_are_lines_and_the_rest_goes_on(fleet: Fleet) -> None:
    effort = Effort(rounds=2, sample_s=0.001)
    turn, sleep = (next(row for row in AVAILABLE if row.name == name) for name in ("turn", "sleep_0"))
    results = [fleet.measure(row, effort) for row in (turn, turn, sleep)]
    assert [error.status for error in fleet.missing.values()] == ["n/a"]
    for result in results[:2]:
        assert len(result.samples["asyncio"]) == 2
        assert result.failures["test_benchmarks:crashing"].status == "crash"
        assert result.failures["test_benchmarks:crashing"].reason == "SIGABRT"
        assert result.failures["test_benchmarks:lacking"].status == "n/a"
    # A feature that a loop lacks in one row does not exclude it from another.
    assert "test_benchmarks:lacking" in results[2].samples
    shown = as_row(results[0])
    assert (shown.columns["test_benchmarks:crashing"].status, len(shown.measured["asyncio"].costs)) == ("crash", 2)


def test_hang_is_ended_and_the_worker_comes_back() -> None:
    worker = Worker(LoopSpec.parse("test_benchmarks:hanging"), rows_module="vitok_bench.rows", core=None)
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


def test_where_a_build_lies_is_nobodys_business() -> None:
    assert LoopSpec.parse("vitok@/somewhere/deep/python").label == "vitok@deep/python"
    assert LoopSpec.parse("vitok@../old/python").label == "vitok@../old/python"


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
