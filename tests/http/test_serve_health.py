"""Workers whose loop hangs: they are found by their silence, their stacks are logged, and they are replaced."""

import ctypes
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from served import CHILD_SECONDS, Served, get, refused, serving
from test_serve_workers import READY, TWO, answering, are_gone, workers_of

pytestmark = pytest.mark.vitok_only

APP = "unhealthy_apps:app"
# The shortest silence that a healthy worker on a busy machine does not reach.
QUICK = ("--timeout-worker-healthcheck", "3")
# sys/ptrace.h and linux/wait.h
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
SILENT = r"worker (\d+): its loop has been silent for 3 s"


@contextmanager
def request_sent(served: Served, path: str) -> Iterator[socket.socket]:
    """A request whose answer is not read."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        yield sock


@pytest.mark.parametrize(
    ("path", "function"), [("/sleep", "blocks_in_python"), ("/spin", "spins"), ("/lock", "blocks_in_python")]
)
def test_a_worker_that_hangs(path: str, function: str) -> None:
    """Its stacks say where it hangs, also while a C call holds the interpreter's lock, and another takes its place."""
    with serving(*TWO, *QUICK, app=APP) as served:
        first, second = workers_of(served.errors)
        with request_sent(served, path):
            hanging = int(served.read_until(SILENT)[1])
            served.read_until(rf"worker {hanging}: its stacks, innermost calls first")
            served.read_until(rf"in {function}$")
            served.read_until(r"unhealthy_apps.py\", line \d+ in app$")
            served.read_until(rf"worker {hanging} ended \(SIGKILL\): starting another")
            third = int(served.read_until(READY)[1])
        assert are_gone([hanging])
        assert answering(served.port) in {first, second, third} - {hanging}
        assert served.end() == 0


def test_a_worker_that_is_stopped() -> None:
    """It can't write stacks, and its state says why, once."""
    with serving(*TWO, *QUICK, app=APP) as served, request_sent(served, "/stop"):
        silent = served.read_until(SILENT + r" \(state T")
        served.read_until(rf"worker {silent[1]} wrote no stacks")
        served.read_until(READY)
        assert served.end() == 0
    assert served.errors.count("killing it") == served.errors.count("wrote no stacks") == 1


def test_without_a_limit() -> None:
    """With `none` a breakpoint may last; the end of the server is not delayed beyond its own limits."""
    words = ("--timeout-worker-healthcheck", "none", "--timeout-graceful-shutdown", "0.1", "--timeout-shutdown", "0.1")
    with serving(*TWO, *words, app=APP) as served, request_sent(served, "/stop"):
        assert served.end() == 0
    assert "silent" not in served.errors


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who traces a process")
def test_a_worker_with_a_debugger() -> None:
    """A debugger may stop a worker for as long as it likes, which the log says."""
    libc = ctypes.CDLL(None, use_errno=True)
    with serving(*TWO, *QUICK, app=APP) as served:
        worker = get(served.port)["process"]
        if libc.ptrace(PTRACE_SEIZE, worker, None, None):
            pytest.skip(f"this system does not let a process trace another: {os.strerror(ctypes.get_errno())}")
        assert libc.ptrace(PTRACE_INTERRUPT, worker, None, None) == 0
        served.read_until(rf"worker {worker} is silent, but not killed: a debugger is attached to it")
        os.waitpid(worker, WALL)
        # As a debugger does at its end.
        assert libc.ptrace(PTRACE_DETACH, worker, None, None) == 0
        while get(served.port)["process"] != worker:
            pass
        assert served.end() == 0
    assert "killing it" not in served.errors


def test_a_supervisor_that_was_stopped() -> None:
    """A supervisor that continues after a long stop has heard nothing, and blames no worker for that."""
    with serving(*TWO, *QUICK, app=APP) as served:
        workers = workers_of(served.errors)
        os.kill(served.child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, served.child.pid, os.WSTOPPED | os.WNOWAIT)
        # The clock is the condition here: the stop has to be longer than the limit.
        with request_sent(served, "/sleep/4") as sock:
            assert sock.recv(12) == b"HTTP/1.1 200"
        os.kill(served.child.pid, signal.SIGCONT)
        with request_sent(served, "/sleep/2") as sock:
            assert sock.recv(12) == b"HTTP/1.1 200"
        assert answering(served.port) in workers
        assert served.end() == 0
    assert "silent" not in served.errors


def test_a_worker_that_starts_slowly_is_not_judged() -> None:
    """An application may have much to load."""
    with serving(*TWO, "--timeout-worker-healthcheck", "1", app="unhealthy_apps:starts_slowly") as served:
        assert len(workers_of(served.errors)) == 2
        assert served.end() == 0
    assert "silent" not in served.errors


def test_stacks_on_request() -> None:
    """Whoever asks a worker for its stacks by the signal finds them in the log, and the worker goes on."""
    with serving(*TWO, app=APP) as served:
        asked = get(served.port, "/stacks")["process"]
        served.read_until(rf"worker {asked}: its stacks")
        served.read_until(r"unhealthy_apps.py\", line \d+ in app$")
        assert served.end() == 0
    assert not re.search(r"worker \d+ ended", served.errors)


def test_a_limit_that_healthy_workers_would_reach() -> None:
    """Workers report some times within the limit."""
    code, lines = refused("--workers", "2", "--timeout-worker-healthcheck", "0.5")
    assert code == 2
    assert lines == ["vitok serve: --timeout-worker-healthcheck: 0.5 is not a number of seconds from 1 up or none"]
