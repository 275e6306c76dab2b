"""Signals and terminals under `vitok serve --reload`: it ends in bounded time, or starts the application again.

Changes are tested in test_reload.py.
"""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from reload_support import Project, is_running, ready, word
from served import CHILD_SECONDS, UP, Served

pytestmark = pytest.mark.vitok_only

HANGS = """
import time
print("blocked", flush=True)
time.sleep(1000)
"""
LIFESPAN = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("shutdown", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project; how changes are noticed does not matter here."""
    return Project(tmp_path, "times")


def wait_for_end(process: int) -> None:
    """Wait until a process that is no child of this one has ended."""
    while is_running(process):
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_gracefully(project: Project, number: signal.Signals) -> None:
    """The lifespan ends, the worker has gone, the exit code is 0."""
    project.write(LIFESPAN)
    with project.serving() as served:
        worker = ready(served)
        assert served.end(number) == 0
        assert not is_running(worker)
    assert served.output == "shutdown\n"
    assert served.errors.splitlines()[-1].endswith(f"{number.name}: ending")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_two_signals_end_it_at_once(project: Project, number: signal.Signals) -> None:
    """An application that is blocked is killed, and the command dies of the second signal."""
    project.write(LIFESPAN.replace('print("shutdown", flush=True)', "; ".join(HANGS.split("\n")[1:-1])))
    with project.serving() as served:
        worker = ready(served)
        served.child.send_signal(number)
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "blocked\n"
        assert served.end(number) == -number
        assert not is_running(worker)


def test_a_signal_while_the_application_starts(project: Project) -> None:
    """It ends, whatever the import waits for."""
    project.write(HANGS)
    with project.serving() as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "blocked\n"
        assert served.end() == 0
    assert "killing" not in served.errors


def test_a_signal_while_it_waits_for_a_change(project: Project) -> None:
    """A broken application does not keep it."""
    project.write("def (")
    with project.serving() as served:
        served.read_until("waiting for a change")
        assert served.end(signal.SIGINT) == 0


def test_a_reload_by_hand(project: Project) -> None:
    """SIGHUP starts the application again."""
    with project.serving() as served:
        first = ready(served)
        served.child.send_signal(signal.SIGHUP)
        served.read_until("SIGHUP: starting the application again$")
        assert ready(served) != first
        assert word(served) == "first"
        assert served.end() == 0


def test_a_worker_does_not_outlive_the_command(project: Project) -> None:
    """If the command is killed, its worker ends by itself."""
    with project.serving() as served:
        worker = ready(served)
        served.child.kill()
        wait_for_end(worker)


@contextmanager
def at_terminal(project: Project, prepare: Callable[[], object] = lambda: None) -> Iterator[tuple[Served, int]]:
    """The command at a terminal of its own, and the other end of that terminal."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)

    def take() -> None:
        # The first terminal that the leader of a session opens becomes its controlling one.
        os.close(os.open(name, os.O_RDWR))
        prepare()

    words = ("site_app:app", "--reload", "--reload-delay", "0.05", "--port", "0")
    child = subprocess.Popen(
        [sys.executable, "-m", "vitok", "serve", *words],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=project.folder,
        start_new_session=True,
        preexec_fn=take,
    )
    os.close(theirs)
    with child:
        try:
            served = Served(child)
            served.urls = served.read_until(UP)[1].split()
            yield served, ours
        finally:
            child.kill()


def test_the_key_for_the_end(project: Project) -> None:
    """Ctrl-C reaches the command and the worker, and is left to the command."""
    with at_terminal(project) as (served, terminal):
        worker = ready(served)
        os.write(terminal, b"\x03")
        assert served.wait() == 0
        assert not is_running(worker)
        os.close(terminal)
    assert served.errors.splitlines()[-1].endswith("SIGINT: ending")
    assert "KeyboardInterrupt" not in served.errors


def test_a_terminal_that_is_closed(project: Project) -> None:
    """It sends SIGHUP, and is no reason to start the application again: nobody could end it any more."""
    with at_terminal(project) as (served, terminal):
        worker = ready(served)
        os.close(terminal)
        assert served.wait() == 0
        assert not is_running(worker)
    assert "the terminal is closed: ending" in served.errors


def test_a_terminal_that_is_closed_under_nohup(project: Project) -> None:
    """Who ignores SIGHUP at the start wants to go on."""
    with at_terminal(project, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as (served, terminal):
        first = ready(served)
        os.close(terminal)
        served.read_until("SIGHUP: starting the application again$")
        assert ready(served) != first
        assert word(served) == "first"
        served.child.send_signal(signal.SIGTERM)
        assert served.child.wait(CHILD_SECONDS) == 0
