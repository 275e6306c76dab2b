"""Tests of the options of `vitok bench`: what makes no sense is one line, before anything is measured.

Run by `pytest benchmarks`.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from vitok_bench import bench, load_generator, options

NO_CORE = str(max(os.sched_getaffinity(0)) + 1) if hasattr(os, "sched_getaffinity") else "1"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--suite", "nothing"], "--suite: expected scheduling, system, threads, streams, "),
        (["--suite", ""], "--suite: expected names with commas between them, not ''"),
        (
            ["--rows", "nothing", "--suite", "system"],
            "--rows: expected names of `vitok bench --list`, not 'nothing'",
        ),
        (["--loop", "nobody"], "--loop: unknown loop 'nobody'; known are asyncio, "),
        (["--server", "nobody"], "--server: unknown server 'nobody'; known are vitok, "),
        (
            ["--loop", "asyncio", "--subject", "uvloop"],
            "--subject: expected a loop or server that is measured (",
        ),
        (
            ["--loop", "asyncio", "--suite", "http"],
            "nothing to measure: expected suites, rows, loops and servers",
        ),
        (["--plot", "picture.jpg"], "--plot: expected a name that ends in .png or .svg, not 'picture.jpg'"),
        (["--rounds", "0"], "--rounds: expected a whole number above 0, not '0'"),
        (["--sample-ms", "fast"], "--sample-ms: expected a whole number above 0, not 'fast'"),
        (["--core", NO_CORE], "--core: expected a core of this process ("),
        (["--load", "nothing"], "--load: expected a program, such as vitok-load, not 'nothing'"),
        (["--compare", "none.json", "none.json"], "none.json: No such file or directory"),
        (["--show", "a.json", "--list"], "--list: not allowed with argument --show"),
        (["--json"], "--json: expected one argument"),
        (["--round", "3"], "--round: expected an option of `vitok bench --help`"),
        (["quick"], "quick: expected an option of `vitok bench --help`"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], line: str
) -> None:
    """Issue 17, item 2: a wrong option is one line, which names it and says what was expected."""
    monkeypatch.setattr(load_generator, "find_or_build", lambda: pytest.fail("it builds the load generator before"))
    assert _refused(capsys, arguments).startswith(f"vitok bench: {line}")


def test_a_loop_that_is_not_installed_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """The others are measured; a line says why, and if it is the only one, there is nothing to measure."""
    row = ["--rows", "call_soon_0", "--rounds", "1", "--sample-ms", "5"]
    bench.main([*row, "--loop", "asyncio,no_such_module:loop"])
    out, err = capsys.readouterr()
    line = "no_such_module:loop is left out: not installed with all it needs"
    assert err.splitlines()[0] == line
    assert "asyncio" in out and "no_such_module" not in out
    with pytest.raises(SystemExit) as caught:
        bench.main([*row, "--loop", "no_such_module:loop"])
    assert caught.value.code == options.USAGE_ERROR
    assert capsys.readouterr().err.splitlines() == [line, "vitok bench: nothing to measure: every row is left out"]


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        bench.main(["--version"])
    assert (caught.value.code, capsys.readouterr().out.split()[0]) == (0, "vitok-bench")


@pytest.mark.parametrize("option", ["--json", "--plot"])
def test_a_path_that_can_not_be_written_is_found_before_measuring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str
) -> None:
    """Issue 17, item 2. A folder, and a name below a file: root may write everywhere else."""
    monkeypatch.setattr(bench, "_measure", lambda _: pytest.fail("it has measured"))
    folder, file = tmp_path / "folder.svg", tmp_path / "file"
    folder.mkdir()
    file.touch()
    for path, reason in ((folder, "Is a directory"), (file / "run.svg", "its folder is a file")):
        line = _refused(capsys, ["--loop", "asyncio", option, str(path)])
        assert line == f"vitok bench: {option}: expected a file that can be written, not {str(path)!r}: {reason}"


def test_a_path_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    there, new = tmp_path / "there.json", tmp_path / "new" / "run.json"
    there.write_text("kept")
    for path in (there, new):
        assert options.parse(["--json", str(path)]).json == path
    assert there.read_text() == "kept"
    assert not new.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full_at_the_end_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The tables are shown before."""
    with pytest.raises(SystemExit) as caught:
        bench.main(
            ["--rows", "call_soon_0", "--loop", "asyncio", "--rounds", "1", "--sample-ms", "5", "--json", "/dev/full"]
        )
    out, err = capsys.readouterr()
    assert "call_soon_0" in out
    assert (caught.value.code, err.splitlines()[-1]) == (
        options.USAGE_ERROR,
        "vitok bench: --json: '/dev/full' was not written: No space left on device",
    )


def test_without_matplotlib_a_plot_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "matplotlib" else found(name))
    line = _refused(capsys, ["--loop", "asyncio", "--plot", str(tmp_path / "run.svg")])
    assert line == "vitok bench: --plot needs matplotlib, which is not installed: pip install 'vitok[bench]'"


def _refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        bench.main(arguments)
    assert caught.value.code == options.USAGE_ERROR
    [line] = capsys.readouterr().err.splitlines()
    return line
