"""Tests of `vitok bench`: its computations, its output and files, and its errors.

Run by `pytest benchmarks`. Speed is not tested. Runs are made up, except for one of the real command that is as short
as possible.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from made_up import made_row, made_run, made_suite
from vitok_bench import bench, compare, figures, machine, page, results
from vitok_bench.options import parse
from vitok_bench.progress import Progress, words
from vitok_bench.results import Column, FormatError, Row, Run
from vitok_bench.suites import suites

BENCH: Final = (sys.executable, "-m", "vitok_bench")
COMMAND_LIMIT_S: Final = 50


def test_ratio_is_the_median_of_neighbours() -> None:
    # The machine is three times slower in the second round; the ratio of the loops stays the same.
    found = figures.ratio(made_row(one=[100, 300, 100], other=[200, 600, 210]), "other", "one")
    assert found is not None and found.median == 2.0


def test_what_a_loop_adds_to_the_floor_is_taken_within_each_round() -> None:
    row = made_row(raw=[100, 200, 100], one=[150, 300, 160], other=[200, 400, 220])
    assert figures.above_floor(row, "one", "raw") == [50, 100, 60]
    assert figures.above_floor(row, "raw", "raw") is None
    above = figures.ratio_above_floor(row, "one", "other", floor="raw")
    assert above is not None and above.median == 0.5


def test_a_loop_that_adds_nothing_is_no_unit() -> None:
    row = made_row(raw=[100, 100], one=[150, 150], other=[90, 100])
    assert figures.ratio_above_floor(row, "one", "other", floor="raw") is None


def test_round_without_an_event_is_missing_in_one_column() -> None:
    row = made_row(vitok=[10, 10], peer=[20, 20, 20])
    found = figures.ratio(row, "vitok", "peer")
    assert found is not None
    assert found.median == 0.5


def test_best_peer_is_neither_the_subject_nor_the_floor() -> None:
    assert figures.best_peer(made_row(raw=[1], vitok=[2], slow=[9], fast=[5]), "vitok", floor="raw") == "fast"


def test_what_is_of_the_same_package_is_no_peer() -> None:
    row = made_row(**{"vitok": [5.0], "vitok.uvicorn": [6.0], "vitok@old": [9.0], "uvicorn": [20.0]})
    assert figures.best_peer(row, "vitok", floor="") == "vitok@old"


def test_peer_that_fires_early_is_not_the_best() -> None:
    columns = {"early": Column(costs=(1.0,), notes={"early": 3}), "late": Column(costs=(60.0,))}
    assert figures.best_peer(Row(name="wait", title="", kind="wait", columns=columns), "vitok", floor="") == "late"


def test_geometric_mean_leaves_waits_out() -> None:
    wait = replace(made_row(vitok=[1], peer=[100]), kind="wait")
    suite = made_suite(made_row(vitok=[10], peer=[20]), wait)
    mean = figures.mean_in_units_of_best(suite, "vitok", "vitok")
    assert mean is not None
    assert (round(mean[0], 9), mean[1]) == (0.5, 1)


def test_rows_that_are_lost_are_named_with_what_the_noise_says() -> None:
    clear = replace(made_row(vitok=[120, 121, 122], peer=[100, 100, 100]), name="clear")
    vague = replace(made_row(vitok=[90, 101, 120], peer=[100, 100, 100]), name="vague")
    won = replace(made_row(vitok=[50], peer=[100]), name="won")
    text = "\n".join(page.lines(made_run(clear, vague, won)))
    assert "vitok loses 2 of 3 rows: clear 1.21 to peer, vague 1.01 to peer (within the noise)" in text
    assert text.count("LOST") == 1
    assert "vitok loses 0 of 1 rows\n" in "\n".join(page.lines(made_run(won))) + "\n"


def test_page_has_figures_failures_and_what_is_missing() -> None:
    row = made_row(raw=[100.0], asyncio=[900.0], vitok=[110.0], uvloop=[150.0])
    row = replace(row, columns={**row.columns, "rloop": Column(status="crash", reason="SIGABRT")})
    run = made_run(row, floor="raw", missing={"zuvloop": "ImportError: no"})
    text = "\n".join(page.lines(run, with_details=True))
    assert "0.12 ±0%" in text
    assert "0.73 ±0% uvloop (above raw 0.20)" in text
    assert "rloop, row: crash (SIGABRT)" in text
    assert "zuvloop is missing: ImportError: no" in text


def test_page_without_the_subject_has_no_ratios() -> None:
    text = "\n".join(page.lines(made_run(made_row(uvloop=[150]))))
    assert "uvloop" in text
    assert "/ best peer" not in text


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    run = made_run(made_row(vitok=[10.5, 11.0], asyncio=[30.0, 31.0]), missing={"rloop": "gone"})
    path = tmp_path / "deep" / "run.json"
    results.write(run, path, derived=figures.derived(run))
    assert results.read(path) == run
    derived = json.loads(path.read_text())["derived"]["suite"]
    assert derived["rows"]["row"]["best_peer"] == "asyncio"
    assert derived["rows"]["row"]["columns"]["vitok"]["ratio_to_base"]["median"] == pytest.approx(0.352, abs=0.01)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"by": "vitok bench", "format": 99}'])
def test_a_file_that_is_none_of_ours_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"run\.json"):
        results.read(path)
    with pytest.raises(FormatError, match=r"none\.json"):
        results.read(tmp_path / "none.json")


def test_comparison_takes_the_machine_out() -> None:
    before = made_run(made_row(asyncio=[100, 100, 101, 99], vitok=[50, 50, 51, 49]))
    # Everything takes twice as long, and nothing has changed.
    after = made_run(made_row(asyncio=[200, 200, 202, 198], vitok=[100, 100, 102, 98]))
    [change] = compare.changes(before, after, "vitok")
    assert change.factor == pytest.approx(1.0)
    assert change.word == ""


@pytest.mark.parametrize(
    ("vitok", "word"),
    [
        ([60, 61, 60, 59], "slower"),
        ([40, 41, 40, 39], "faster"),
        # The medians differ by more than the limit, and the quartiles overlap.
        ([40, 49, 60, 70], ""),
        # The quartiles do not overlap, but two builds of the same sources can differ by as much.
        ([54, 54, 54, 54], ""),
    ],
)
def test_comparison_knows_the_noise(vitok: list[float], word: str) -> None:
    base = [100.0] * 4
    before, after = (
        made_run(made_row(asyncio=base, vitok=[50, 50, 50, 50])),
        made_run(made_row(asyncio=base, vitok=vitok)),
    )
    [change] = compare.changes(before, after, "vitok")
    assert change.word == word
    text = "\n".join(compare.lines(before, after))
    assert "faster, slower: the quartiles of the two runs do not overlap" in text
    assert f"{word or 'slower'}: {'row' if word else 'no row'}" in text


def test_comparison_takes_the_noise_from_loops_that_did_not_change() -> None:
    def run(*, vitok: float, peers: list[float]) -> Run:
        rows = [
            replace(made_row(asyncio=[100.0] * 4, vitok=[vitok] * 4, uvloop=[peer] * 4), name=f"row{number}")
            for number, peer in enumerate(peers)
        ]
        return made_run(*rows)

    before = run(vitok=50, peers=[60.0] * 6)
    for peers, word in (([60.0] * 6, "slower"), ([60, 60, 60, 60, 60, 72.0], "")):
        after = run(vitok=54, peers=peers)
        text = "\n".join(compare.lines(before, after))
        assert (f"slower: {'row0' if word else 'no row'}" in text) is True
    assert compare.noise(before, run(vitok=50, peers=[60, 60, 60, 60, 60, 72.0])) == pytest.approx(0.2)


def test_comparison_without_a_base_or_with_few_rounds_says_so() -> None:
    [change] = compare.changes(made_run(made_row(vitok=[1, 1])), made_run(made_row(vitok=[9, 9])), "vitok")
    assert (change.is_in_units_of_base, change.word) == (False, "too few rounds")
    other_machine = made_run(made_row(vitok=[1]))
    other_machine = replace(other_machine, machine={**other_machine.machine, "cores": 4096})
    assert any("differ in cores" in line for line in compare.lines(made_run(made_row(vitok=[1])), other_machine))


def test_command_line_leaves_directories_out() -> None:
    arguments = ["--json=/somewhere/deep/out.json", "--loop", "vitok@/somewhere/old", "/somewhere/else"]
    expected = "vitok bench --json=out.json --loop vitok@old else"
    assert machine.command_line("vitok bench", arguments) == expected


def test_time_that_is_left_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    monkeypatch.setattr("sys.stderr", SimpleNamespace(isatty=lambda: False))
    progress = Progress(100.0)
    assert progress.left_s() == 100.0
    now_s = 95.0
    progress.advance(45.0)
    # Half as fast as planned.
    assert progress.left_s() == 55.0 * 2
    assert (words(0.2), words(59), words(600)) == ("1 s", "59 s", "10 min")


def test_every_suite_has_rows_and_a_quick_look_has_some_of_each() -> None:
    for suite in suites():
        names = [entry.name for entry in suite.entries()]
        assert len(names) == len(set(names))
        assert any(entry.is_quick for entry in suite.entries())


def test_quick_takes_fewer_rounds_where_there_are_many_loops() -> None:
    options = parse(["--quick", "--loop", "asyncio", "--suite", "scheduling"])
    [part] = bench._parts(options)
    many = replace(part, specs=part.specs * 40)
    [shortened] = bench._shortened([many])
    assert shortened.settings.effort.rounds == bench.QUICK_ROUNDS_AT_LEAST
    assert bench._shortened([part]) == [part]


def test_list_has_rows_and_loops(capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--list", "--suite", "scheduling", "--quick"])
    listed = capsys.readouterr().out
    assert "call_soon_0" in listed and "flood_one" not in listed
    assert "loops that are installed: asyncio" in listed


def test_the_command_measures_shows_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    arguments = ["--rows", "turn,sleep_200us", "--rounds", "1", "--sample-ms", "1", "--json", str(path)]
    loops = ["--loop", "asyncio,test_benchmarks:plain,test_benchmarks:crashing", "--subject", "asyncio"]
    child = subprocess.run(
        [*BENCH, "--suite", "scheduling", *arguments, *loops],
        check=True,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
    )
    assert "scheduling: 2 rows on asyncio, test_benchmarks:plain" in child.stderr
    assert "this takes about" in child.stderr
    assert "CPU ns per operation" in child.stdout
    assert "test_benchmarks:crashing, every row: crash (SIGABRT)" in child.stdout
    run = results.read(path)
    assert [row.name for row in run.suites[0].rows] == ["turn", "sleep_200us"]
    assert run.loops == ["asyncio", "test_benchmarks:plain"]
    assert str(tmp_path) not in path.read_text()


def test_a_reader_that_has_left_is_no_error() -> None:
    # As in `vitok bench --list | head -1`.
    reader, writer = os.pipe()
    os.close(reader)
    try:
        child = subprocess.run(
            [*BENCH, "--list"], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=COMMAND_LIMIT_S, check=False
        )
    finally:
        os.close(writer)
    assert (child.returncode, child.stderr) == (0, "")
