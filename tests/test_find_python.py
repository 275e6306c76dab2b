"""`make PYTHON=python3.13` and `make run PORT=9000`: which interpreter and which port the Makefile uses.

Nothing is built: make prints its commands, and the script that looks for interpreters is run by itself.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from needs import need_command
from support import CHILD_SECONDS, PROJECT

pytestmark = pytest.mark.vitok_only

# No Python has this version, wherever the test runs.
NAME = "python3.99"


def command(path: Path, line: str) -> None:
    """Make a command of the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def found(home: Path, name: str = NAME, **environment: str) -> str:
    """What the script prints for a name, with this home and a folder `bin` in it in front of the path."""
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    child = subprocess.run(
        ["sh", PROJECT / "tools" / "find_python.sh", name],
        env={"PATH": path, "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=CHILD_SECONDS,
    )
    assert child.stderr == ""
    return child.stdout.rstrip("\n")


def test_a_shim_without_its_version(tmp_path: Path) -> None:
    """A shim of pyenv that does not run is passed over: the newest release that runs is taken, by its path."""
    command(tmp_path / "bin" / NAME, "echo 'pyenv: command not found' >&2; exit 127")
    assert found(tmp_path) == NAME
    versions = tmp_path / ".pyenv" / "versions"
    for release in ("3.99.2", "3.99.10", "3.99-dev"):
        command(versions / release / "bin" / NAME, f'exec {sys.executable} "$@"')
    command(versions / "3.99.11" / "bin" / NAME, "exit 1")
    assert found(tmp_path) == str(versions / "3.99.10" / "bin" / NAME)


def test_other_places(tmp_path: Path) -> None:
    """The roots of pyenv and uv may be elsewhere, also with a space in their names; uv's folders name a kind."""
    pyenv, uv = tmp_path / "of pyenv", tmp_path / "of uv"
    command(pyenv / "versions" / "3.99.1" / "bin" / NAME, "exit 0")
    command(uv / "cpython-3.99.3-linux-x86_64-gnu" / "bin" / NAME, "exit 0")
    assert found(tmp_path, PYENV_ROOT=str(pyenv)) == str(pyenv / "versions" / "3.99.1" / "bin" / NAME)
    assert found(tmp_path, UV_PYTHON_INSTALL_DIR=str(uv)).startswith(str(uv / "cpython-3.99.3"))
    default = tmp_path / ".local" / "share" / "uv" / "python" / "cpython-3.99.3-macos-aarch64-none" / "bin" / NAME
    command(default, "exit 0")
    assert found(tmp_path) == str(default)


def test_builds_without_the_gil(tmp_path: Path) -> None:
    """They are found by the name with a t, and by no other, although their folders have both commands."""
    pyenv, uv = tmp_path / ".pyenv" / "versions", tmp_path / ".local" / "share" / "uv" / "python"
    for folder in (pyenv / "3.99.7t", uv / "cpython-3.99.9+freethreaded-linux-x86_64-gnu"):
        command(folder / "bin" / NAME, "exit 0")
        command(folder / "bin" / f"{NAME}t", "exit 0")
    assert found(tmp_path) == NAME
    assert found(tmp_path, f"{NAME}t") in {
        str(pyenv / "3.99.7t" / "bin" / f"{NAME}t"),
        str(uv / "cpython-3.99.9+freethreaded-linux-x86_64-gnu" / "bin" / f"{NAME}t"),
    }
    command(pyenv / "3.99t-dev" / "bin" / f"{NAME}t", "exit 0")
    command(pyenv / "3.99.8" / "bin" / f"{NAME}t", "exit 0")
    assert found(tmp_path, f"{NAME}t", UV_PYTHON_INSTALL_DIR="/nowhere", PYENV_ROOT=str(tmp_path / ".pyenv")) in {
        str(pyenv / "3.99.7t" / "bin" / f"{NAME}t"),
        str(pyenv / "3.99t-dev" / "bin" / f"{NAME}t"),
    }
    command(pyenv / "3.99.1" / "bin" / NAME, "exit 0")
    assert found(tmp_path) == str(pyenv / "3.99.1" / "bin" / NAME)


def test_what_runs_is_taken_as_it_is(tmp_path: Path) -> None:
    """A name in the path that runs, a path, and a name that nothing has."""
    command(tmp_path / "bin" / NAME, "exit 0")
    command(tmp_path / ".pyenv" / "versions" / "3.99.1" / "bin" / NAME, "exit 0")
    assert found(tmp_path) == NAME
    assert found(tmp_path, sys.executable) == sys.executable
    assert found(tmp_path, "python3.98") == "python3.98"
    assert found(tmp_path, "no-such-python") == "no-such-python"


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """Run make in the project, without the settings of a make that runs this test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "PORT"}
    return subprocess.run(
        [need_command("make", package="make"), *words],
        cwd=PROJECT,
        env={**environment, "PORT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=CHILD_SECONDS,
    )


def test_the_port_of_make_run() -> None:
    """It is that of the command line; a variable of the environment is another program's."""
    assert "--port 9000 " in make("--dry-run", "run", "PORT=9000").stdout
    assert "--port 8000 " in make("--dry-run", "run").stdout


def test_a_python_that_is_nowhere() -> None:
    """make ends with a line that says how to get it."""
    child = make("doctor", f"PYTHON={NAME}")
    assert child.returncode != 0
    expected = f"vitok: {NAME} does not run, nor do pyenv and uv have it: pyenv install 3.99, or uv python install 3.99"
    assert child.stderr.splitlines()[0] == expected
