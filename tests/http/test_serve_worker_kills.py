"""Workers that are killed at any moment, and workers that hang while they are replaced: the others serve, and nothing
is left of the dead.
"""

import http.client
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from served import CHILD_SECONDS, Served, get, serving
from test_serve_health import APP, QUICK, SILENT, request_sent
from test_serve_workers import TWO, are_gone, workers_of

pytestmark = [pytest.mark.vitok_only, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]

WORKERS = 4
KILLS = 16


def children_of(process: int) -> list[int]:
    """The children of the only thread of a process that has any, dead ones that were not waited for included."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(number) for task in tasks for number in task.read_text().split()]


def has_ended(process: int) -> bool:
    """Whether a process is gone, or a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def answers(port: int) -> bool:
    """Whether a request is answered; it is not if its worker is killed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CHILD_SECONDS)
    try:
        connection.request("GET", "/")
        return "process" in json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def settle(served: Served) -> None:
    """Wait until each slot has a worker that answers, and no process is left over."""
    deadline = time.monotonic() + CHILD_SECONDS
    seen: set[int] = set()
    while seen != set(children_of(served.child.pid)) or len(seen) != WORKERS:
        assert time.monotonic() < deadline, (seen, children_of(served.child.pid))
        seen &= set(children_of(served.child.pid))
        seen.add(get(served.port)["process"])
        time.sleep(0.01)


def test_random_kills() -> None:
    """Whenever a worker is killed, ready or just started, another request is answered, and another worker starts."""
    chance = random.Random(16)
    with serving("--workers", str(WORKERS), "--no-access-log") as served:
        settle(served)
        opened = len(os.listdir(f"/proc/{served.child.pid}/fd"))
        # The log is read all the time, as a terminal does.
        lines: list[str] = []
        assert served.child.stderr is not None
        reader = threading.Thread(target=lines.extend, args=[served.child.stderr], daemon=True)
        reader.start()
        failed = 0
        for _ in range(KILLS):
            if living := [one for one in children_of(served.child.pid) if not has_ended(one)]:
                os.kill(chance.choice(living), signal.SIGKILL)
            # A worker that is killed takes along what it has accepted; what waits in the queue is for the others.
            while not answers(served.port):
                failed += 1
            time.sleep(chance.random() / 10)
        assert failed <= KILLS
        settle(served)
        assert len(os.listdir(f"/proc/{served.child.pid}/fd")) == opened
        workers = children_of(served.child.pid)
        served.child.send_signal(signal.SIGTERM)
        assert served.child.wait(CHILD_SECONDS) == 0
        reader.join(CHILD_SECONDS)
    assert are_gone(workers)
    assert "Traceback" not in "".join(lines)


def test_a_kill_while_a_successor_starts() -> None:
    """The successor of a worker that is killed before the successor is ready is its replacement."""
    with serving(*TWO, app="unhealthy_apps:starts_slowly") as served:
        first, second = workers_of(served.errors)
        served.child.send_signal(signal.SIGHUP)
        served.read_until("begun")
        os.kill(first, signal.SIGKILL)
        served.read_until(rf"worker {first} ended \(SIGKILL\) before it was replaced")
        served.read_until("all workers have been replaced")
        assert are_gone([first, second])
        assert len(children_of(served.child.pid)) == 2
        assert served.end() == 0


def test_a_successor_that_is_killed() -> None:
    """The old worker stays."""
    with serving(*TWO, app="unhealthy_apps:starts_slowly") as served:
        old = workers_of(served.errors)
        served.child.send_signal(signal.SIGHUP)
        served.read_until("begun")
        (successor,) = set(children_of(served.child.pid)) - set(old)
        os.kill(successor, signal.SIGKILL)
        served.read_until("the remaining workers are not replaced")
        assert get(served.port)["process"] in old
        assert sorted(children_of(served.child.pid)) == sorted(old)
        assert served.end() == 0


def test_a_worker_that_hangs_while_it_is_replaced() -> None:
    """Its silence ends it before the limits of the shutdown, with its stacks in the log, and SIGHUP goes on."""
    with serving(*TWO, *QUICK, app=APP) as served:
        old = workers_of(served.errors)
        with request_sent(served, "/sleep") as sock:
            served.child.send_signal(signal.SIGHUP)
            hanging = int(served.read_until(SILENT)[1])
            served.read_until("in blocks_in_python$")
            served.read_until("all workers have been replaced")
            assert sock.recv(1) == b""
        assert hanging in old
        assert are_gone(old)
        assert len(children_of(served.child.pid)) == 2
        assert served.end() == 0


def test_a_worker_that_hangs_at_the_end() -> None:
    """It does not delay the end of the supervisor by more than its silence."""
    with serving(*TWO, *QUICK, app=APP) as served, request_sent(served, "/sleep"):
        workers = workers_of(served.errors)
        served.child.send_signal(signal.SIGTERM)
        served.read_until("in blocks_in_python$")
        assert served.wait() == 0
        assert are_gone(workers)
