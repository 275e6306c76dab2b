"""A server ends whatever its application leaves running: in bounded time, with the documented exit code.

Each of these processes once never ended. Normal ends are tested in test_serve_command.py.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from served import CHILD_SECONDS, FOLDER, Served, serving, started

pytestmark = pytest.mark.vitok_only

APP = "stubborn_apps:app"
QUICK = ("--timeout-graceful-shutdown", "0.2", "--timeout-shutdown", "0.2")
ENDED = "vitok serve: the shutdown takes too long: the process is ended"


@contextmanager
def begun(path: str, *words: str | Path, hangs: str = "") -> Iterator[Served]:
    """A server in which the application has begun what it never ends, and the request is not closed."""
    with serving(*QUICK, *words, app=APP, environment={"HANGS": hangs}) as served:
        client = HTTPConnection("127.0.0.1", served.port, timeout=CHILD_SECONDS)
        client.request("GET", path)
        assert served.child.stdout is not None
        while served.child.stdout.readline() != "begun\n":
            pass
        yield served
        client.close()


@contextmanager
def all_ending(paths: Iterable[str], *words: str | Path) -> Iterator[dict[str, Served]]:
    """A server for each of these paths, which are all asked to end: that takes seconds, the same ones for all."""
    with ExitStack() as stack:
        servers = {path: stack.enter_context(begun(path, *words)) for path in paths}
        for served in servers.values():
            served.child.send_signal(signal.SIGTERM)
        yield servers


LEFT_BEHIND = {
    "/request": "1 cancelled tasks do not end",
    "/task": "1 cancelled tasks do not end",
    "/generator": "1 cancelled tasks do not end",
    "/executor": "a thread of the loop's executor does not end",
    "/thread": ENDED,
    "/atexit": ENDED,
}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_left_behind(workers: str, subtests: pytest.Subtests) -> None:
    """Tasks, generators and threads that do not end are left behind; the code is that of an end that was asked for."""
    with all_ending(LEFT_BEHIND, "--workers", workers) as servers:
        for path, served in servers.items():
            with subtests.test(path):
                assert served.wait() == 0
                assert LEFT_BEHIND[path] in served.errors
                assert "shutdown\n" in served.output


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_lifespan_that_hangs(workers: str) -> None:
    """A shutdown that takes too long is a lifespan that failed at the end; workers end as they were asked to."""
    with begun("/", "--workers", workers, hangs="lifespan") as served:
        assert served.end() == (3 if workers == "1" else 0)
    assert "vitok serve: --timeout-shutdown: the application did not end within 0.2 s" in served.errors


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_startup_that_blocks(workers: str) -> None:
    """--timeout-startup holds for code that gives the loop no turn, and is over once the application has started."""
    limit = ("--timeout-startup", "1")
    words = (*limit, "--port", "0", "--workers", workers)
    # The one that has started goes on for longer than the other one has.
    with serving(*limit) as started_well, started(*words, app=APP, environment={"HANGS": "startup"}) as served:
        assert served.wait() == 3
        assert started_well.get()["path"] == "/"
        assert started_well.end() == 0
    told = "vitok serve: --timeout-startup: the application did not start within 1 s: the process is ended"
    assert served.errors.splitlines() == [told, *(["vitok serve: the workers do not start"] if workers == "2" else [])]


def test_a_loop_that_is_blocked(subtests: pytest.Subtests) -> None:
    """A loop that gets no turn can't end anything: after the times that its end may take the process ends with 3."""
    with all_ending(["/sleep", "/spin"]) as servers:
        for path, served in servers.items():
            with subtests.test(path):
                assert served.wait() == 3
                assert served.errors.splitlines()[-1] == ENDED


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_loop_that_is_blocked_and_two_signals(number: signal.Signals) -> None:
    """The second signal waits for nothing: the process dies of it soon, although nobody handles it."""
    with begun("/spin", "--timeout-graceful-shutdown", "1000") as served:
        # Those that come before the interpreter has looked are one.
        while served.child.poll() is None:
            os.kill(served.child.pid, number)
            try:
                served.child.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        assert served.wait() == -number
    assert served.errors.splitlines()[-1] == ENDED


def test_serve_returns_whatever_is_left() -> None:
    """`vitok.serve()` returns as well; the program is its caller's, and goes on."""
    program = """
import os, signal, threading, time, vitok
import stubborn_apps

async def app(scope, receive, send):
    if scope["type"] == "http":
        await stubborn_apps.begin_task()
        await stubborn_apps.begin_executor()
        await stubborn_apps.app(scope, receive, send)
        os.kill(os.getpid(), signal.SIGTERM)

def ask():
    import http.client
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/")
            connection.getresponse().read()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)

import socket
with socket.create_server(("127.0.0.1", 0)) as listener:
    port = listener.getsockname()[1]
    threading.Thread(target=ask, daemon=True).start()
    vitok.serve(app, fd=listener.fileno(), lifespan="off", timeout_graceful_shutdown=0.2, access_log=False)
print("returned", flush=True)
os._exit(0)
"""
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=FOLDER, timeout=CHILD_SECONDS, check=False
    )
    assert (child.returncode, child.stdout) == (0, "begun\nreturned\n"), child.stderr
    assert "abandoned" in child.stderr
