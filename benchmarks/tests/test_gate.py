"""Tests of the gate on instructions: what fails it, what it prints, and that the counted round trips run.

Run by `pytest benchmarks`. Nothing is counted here: that takes valgrind and a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import vitok
from vitok_bench import gate, instructions, round_trips
from vitok_bench.counted import countable
from vitok_bench.gate import Verdict
from vitok_bench.loops import SUBJECT, LoopSpec
from vitok_bench.row import Row


@pytest.mark.parametrize(
    ("counted", "kept", "is_held", "word", "is_failure"),
    [
        (1000.0, 1000.0, True, "ok", False),
        (1009.0, 1000.0, True, "ok", False),
        (1011.0, 1000.0, True, "MORE", True),
        (1011.0, 1000.0, False, "not held", False),
        (900.0, 1000.0, True, "less: keep it by --update", False),
        (900.0, None, False, "new", False),
        (None, 1000.0, True, "NOT COUNTED", True),
    ],
)
def test_more_than_the_tolerance_fails(
    counted: float | None, kept: float | None, *, is_held: bool, word: str, is_failure: bool
) -> None:
    verdict = Verdict(name="sleep_0", counted=counted, kept=kept, is_held=is_held)
    assert (verdict.word, verdict.is_failure) == (word, is_failure)
    assert word in "\n".join(gate.lines([verdict]))


def test_every_path_can_be_counted() -> None:
    assert gate.PATHS.keys() <= {row.name for row in countable()}


def test_a_path_over_its_figure_is_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [{"sleep_0": 1200.0, "echo_sock": 1003.0}, {"sleep_0": 1001.0}]
    asked: list[list[str]] = []

    def count_loop(_: LoopSpec, chosen: list[Row]) -> tuple[dict[str, float], list[str]]:
        asked.append([row.name for row in chosen])
        return runs[len(asked) - 1], []

    monkeypatch.setattr(gate, "count_loop", count_loop)
    counts, _ = gate.count(SUBJECT, {"sleep_0": 1000.0, "echo_sock": 1000.0})
    assert counts == {"sleep_0": 1001.0, "echo_sock": 1003.0}
    assert asked[1:] == [["sleep_0"]]


def test_nothing_is_counted_again_without_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter([{"sleep_0": 1200.0}])
    monkeypatch.setattr(gate, "count_loop", lambda *_: (next(runs), []))
    assert gate.count(SUBJECT, {}) == ({"sleep_0": 1200.0}, [])


@pytest.mark.parametrize("row", round_trips.rows(), ids=lambda row: row.name)
def test_round_trip_runs(row: Row) -> None:
    """Each round trip runs on asyncio's loop, except for the request, whose server runs on vitok's only."""
    loop = vitok.new_event_loop() if row.name.startswith("http") else asyncio.new_event_loop()
    try:
        row.body(loop, 3)
        _end_tasks(loop)
    finally:
        loop.close()


@pytest.mark.parametrize("name", ["http_request", "http2_request", "http_native"])
def test_http_request_needs_the_loop_of_the_server(name: str) -> None:
    row = next(row for row in round_trips.rows() if row.name == name)
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(RuntimeError, match="vitok loop"):
            row.body(loop, 3)
    finally:
        loop.close()


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that a row leaves behind."""
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no compiler")
@pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="without the GIL the interpreter needs its own allocator"
)
def test_time_passes_by_readings_and_memory_is_kept(tmp_path: Path) -> None:
    script = """if True:
        import os, time
        first, second = time.monotonic_ns(), time.monotonic_ns()
        assert 0 < second - first < 100_000, second - first
        blocks = [bytes([size % 251]) * size for size in range(0, 70_000, 97)]
        grown = bytearray()
        for block in blocks:
            grown += block
        assert grown == b"".join(blocks)
        del grown[10:]
        assert grown == b"".join(blocks)[:10]
        os.write(1, b"done")
    """
    environment = os.environ | {"LD_PRELOAD": instructions.build_steady(str(tmp_path)), "PYTHONMALLOC": "malloc"}
    run = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, env=environment)
    assert (run.stdout, run.stderr) == (b"done", b"")


def test_without_a_compiler_a_count_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Issue 17, item 2: what needs a C compiler says so where there is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "valgrind").touch(0o755)
    with pytest.raises(SystemExit, match=r"^cc is not installed; on Debian and Ubuntu: apt-get install gcc$"):
        instructions.require_tools()
