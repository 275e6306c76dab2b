"""Tests of the package vitok-bench: its version, its wheel in an environment of its own, where its program is found.

Run by `pytest benchmarks`. `make test` builds the load generator; without it or maturin, no wheel is made.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
import vitok
from vitok_bench import load_generator

PROJECT: Final = Path(__file__).resolve().parents[2]
MATURIN: Final = Path(sys.executable).with_name("maturin")
# Of a build that has nothing left to compile, on a busy machine.
BUILD_S: Final = 240
RUN_S: Final = 60


def test_the_extra_is_the_group_and_the_package_of_the_same_version() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    version = tomllib.loads((PROJECT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    command = [f"vitok-bench=={version}", *project["dependency-groups"]["bench-command"]]
    assert project["project"]["optional-dependencies"]["bench"] == command


def test_a_load_generator_that_cargo_finds_fresh_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built = tmp_path / "release" / load_generator.NAME
    built.parent.mkdir()
    built.touch(0o755)
    os.utime(built, (0, 0))
    monkeypatch.setattr(load_generator, "_target", lambda: tmp_path)
    monkeypatch.setattr("shutil.which", lambda *_, **__: "cargo")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: SimpleNamespace(returncode=0))
    assert load_generator.find() is None
    assert load_generator.find_or_build() == load_generator.find() == built


def test_without_cargo_the_streams_of_a_checkout_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_generator, "find", lambda: None)
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(load_generator.BuildError, match=r"cargo .* is not installed"):
        load_generator.find_or_build()


def test_outside_a_checkout_the_load_generator_is_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(load_generator, "SOURCES", tmp_path / "none")
    monkeypatch.setattr(load_generator, "_installed", lambda: [tmp_path / "absent", tmp_path / "vitok-load"])
    assert "pip install --force-reinstall vitok-bench" in str(load_generator.lacks(None))
    (tmp_path / "vitok-load").touch(0o755)
    assert load_generator.find_or_build() == tmp_path / "vitok-load"


@pytest.mark.timeout(BUILD_S + 3 * RUN_S)
@pytest.mark.skipif(load_generator.find() is None, reason="vitok-load is not built")
@pytest.mark.skipif(not MATURIN.is_file(), reason="maturin is not installed")
def test_the_wheel_measures_without_cargo_and_checkout(tmp_path: Path) -> None:
    """Issue 17, item 2: the load generator is built in, so that `vitok bench` needs no cargo."""
    # What a run in the checkout leaves behind, such as that of `make bench-gate`.
    bytecode = PROJECT / "benchmarks" / "vitok_bench" / "__pycache__" / "left_behind.pyc"
    bytecode.parent.mkdir(exist_ok=True)
    bytecode.touch()
    try:
        wheel = _wheel(tmp_path)
    finally:
        bytecode.unlink()
    names = zipfile.ZipFile(wheel).namelist()
    assert {"vitok_bench/bench.py", "vitok_bench/tls_raw.c", "vitok_bench/files/four.txt"} <= set(names)
    assert not [
        name for name in names if "/tests/" in name or "test_" in name or "/load/" in name or name.endswith(".pyc")
    ]
    folder = tmp_path / "clean"
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", str(wheel)], check=True, timeout=RUN_S)
    rows = ["--rows", "call_soon_0,echo_protocol_1k_100,plaintext", "--rounds", "1", "--sample-ms", "20"]
    columns = ["--loop", "asyncio,vitok", "--server", "vitok"]
    run = subprocess.run(
        [folder / "bin" / "python", "-m", "vitok", "bench", *rows, *columns],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(Path(vitok.__file__).parents[1])},
        timeout=RUN_S,
    )
    assert run.returncode == 0, run.stderr
    assert "left out" not in run.stderr
    assert "call_soon_0" in run.stdout and "CPU ns per operation" in run.stdout
    assert "plaintext: GET" in run.stdout


def _wheel(folder: Path) -> Path:
    """Build the wheel from what `make test` has compiled."""
    command = [str(MATURIN), "build", "--release", "--quiet", "--compatibility", "linux", "--out", str(folder)]
    subprocess.run(command, check=True, cwd=PROJECT / "benchmarks", timeout=BUILD_S)
    [wheel] = folder.glob("vitok_bench-*-py3-none-linux_*.whl")
    return wheel
