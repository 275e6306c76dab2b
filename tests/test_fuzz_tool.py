"""What `make fuzz` prints and which exit code it has, without building a target."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import fuzz

FAULT = """INFO: Seed: 1
thread '<unnamed>' panicked at targets/splits.rs:7:5:
artifact_prefix='x'; Test unit written to {path}
stat::number_of_executed_units: 75
"""


@pytest.fixture
def places(tmp_path: Path) -> fuzz.Places:
    """Folders of a run."""
    return fuzz.Places(tmp_path / "binaries", tmp_path / "made")


def target(places: fuzz.Places, name: str, script: str) -> None:
    """Write a script that stands for a compiled target."""
    places.binaries.mkdir(exist_ok=True)
    path = places.binaries / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_an_input_that_fails_is_printed_with_the_command_that_runs_it_again(
    places: fuzz.Places, capfd: pytest.CaptureFixture[str]
) -> None:
    """Beside another target, which goes on to its end."""
    failure = places.folder("failures") / "splits-crash-1"
    target(places, "splits", f"cat <<'END'\n{FAULT.format(path=failure)}END\nexit 77")
    target(places, "good", "echo stat::number_of_executed_units: 12")
    assert fuzz.fuzz(["good", "splits"], places=places, seconds=1) == 1
    printed = capfd.readouterr().out
    assert "good: 12 inputs without a fault, 0 in its corpus" in printed
    assert f"make fuzz TARGET=splits INPUT={failure}" in printed
    assert "panicked at targets/splits.rs" in printed


def test_a_target_that_does_not_end_is_killed(
    places: fuzz.Places, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A run always ends."""
    monkeypatch.setattr(fuzz, "SECONDS_TO_SPARE", -1)
    target(places, "hangs", "exec sleep 1000")
    assert fuzz.fuzz(["hangs"], places=places, seconds=1) == 1
    assert "hangs failed with exit code -9" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--target", "nothing"], "TARGET is one of"), (["--target", "splits", "--input", "nothing"], "INPUT is a file")],
)
def test_a_wrong_option_is_named(arguments: list[str], message: str) -> None:
    """Before anything is built."""
    command = [sys.executable, "-m", "tools.fuzz", *arguments]
    done = subprocess.run(command, cwd=fuzz.ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
