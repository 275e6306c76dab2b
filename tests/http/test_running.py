"""`vitok.http.run()` in a script: with one process, with workers that import the script, and by mistake."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from reload_support import READY
from served import Served, get, listening
from support import run_python
from vitok.http import running
from vitok.http.options import OptionError

pytestmark = pytest.mark.vitok_only

SCRIPT = """
import asgi_apps
from vitok.http import run

async def app(scope, receive, send):
    await asgi_apps.app(scope, receive, send)

if __name__ == "__main__":
    run(app, port=0, workers=WORKERS)
    print("ended")
"""
FOLDER = Path(__file__).resolve().parent


def script(folder: Path, workers: int, text: str = SCRIPT) -> Path:
    """Write a script with so many workers."""
    path = folder / "script_of_a_test.py"
    path.write_text(textwrap.dedent(text.replace("WORKERS", str(workers))))
    return path


@contextmanager
def started(*command: str | Path, folder: Path | None = None) -> Iterator[Served]:
    """Run a script until it listens, and end it in any case."""
    child = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
    )
    with listening(child) as served:
        yield served


@pytest.mark.parametrize("workers", [1, 2])
def test_a_script(tmp_path: Path, workers: int) -> None:
    """It serves until a signal, by its own process or by workers that import it, and then goes on."""
    with started(script(tmp_path, workers)) as served:
        pid = get(served.port)["process"]
        assert (pid == served.child.pid) == (workers == 1)
        assert served.end(signal.SIGTERM) == 0
        assert served.output.splitlines()[-1] == "ended"


@pytest.mark.parametrize("kind", ["a script", "a module"])
def test_a_script_that_reloads(tmp_path: Path, kind: str) -> None:
    """With `reload` a worker imports the script, and imports it again after a change."""
    path = script(tmp_path, 1, SCRIPT.replace("workers=WORKERS", "reload=True, reload_delay=0.05"))
    command = (path,) if kind == "a script" else ("-m", path.stem)
    with started(*command, folder=tmp_path if kind == "a module" else None) as served:
        first = int(served.read_until(READY)[1])
        assert get(served.port)["process"] == first != served.child.pid
        path.write_text(path.read_text() + "\n# changed\n")
        second = int(served.read_until(READY)[1])
        assert get(served.port)["process"] == second != first
        assert served.end(signal.SIGTERM) == 0
        assert served.output.splitlines()[-1] == "ended"


def test_a_module(tmp_path: Path) -> None:
    """The same for a module that is run by `python -m`."""
    script(tmp_path, 2)
    with started("-m", "script_of_a_test", folder=tmp_path) as served:
        assert get(served.port)["process"] != served.child.pid
        assert served.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_script_without_the_condition(tmp_path: Path, workers: int) -> None:
    """A module that is imported does not serve: the error says what to write."""
    text = SCRIPT.replace('if __name__ == "__main__":', "if True:")
    path = script(tmp_path, workers, text)
    if workers == 1:
        command: tuple[str | Path, ...] = ("-m", "vitok", "serve", "script_of_a_test:app", "--app-dir", tmp_path)
    else:
        command = (path,)
    child = run_python(*command, environment={"PYTHONPATH": str(FOLDER)})
    assert child.returncode != 0
    assert 'under if __name__ == "__main__":' in child.stderr


def test_an_application_without_a_name() -> None:
    """Workers can't import it."""

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    with pytest.raises(OptionError, match="attribute of a module"):
        running.run(app, workers=2)
    with pytest.raises(OptionError, match="workers: "):
        running.run(app, workers="many")
