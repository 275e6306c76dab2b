"""Signals to a supervisor that change the number of workers or concern log files, and SIGHUP to a single process.

SIGHUP to a supervisor is tested in test_serve_workers.py, and with certificates in test_serve_tls_hangup.py.
"""

import re
import signal
from pathlib import Path

import pytest
from served import get, serving, started
from test_serve_workers import READY, TWO, answering, are_gone, workers_of

pytestmark = pytest.mark.vitok_only

NUMBER = "the number of workers is now "


def test_one_worker_more_and_one_less() -> None:
    """SIGTTIN starts a worker, and SIGTTOU ends the newest, in order."""
    with serving(*TWO) as served:
        first = workers_of(served.errors)
        served.child.send_signal(signal.SIGTTIN)
        served.read_until(f"SIGTTIN: {NUMBER}3")
        third = int(served.read_until(READY)[1])
        while answering(served.port) != third:
            pass
        served.child.send_signal(signal.SIGTTOU)
        served.read_until(f"SIGTTOU: {NUMBER}2")
        assert are_gone([third])
        assert answering(served.port) in first
        assert served.end() == 0
    assert served.output.count("startup") == served.output.count("shutdown") == 3
    assert "ended (" not in served.errors


def test_one_worker_always_stays() -> None:
    """Never are there less."""
    with serving(*TWO) as served:
        first, second = workers_of(served.errors)
        served.child.send_signal(signal.SIGTTOU)
        served.read_until(f"SIGTTOU: {NUMBER}1")
        served.child.send_signal(signal.SIGTTOU)
        served.read_until("WARNING .*SIGTTOU: the number of workers stays 1")
        assert are_gone([second])
        assert answering(served.port) == first
        assert served.end() == 0


def test_fewer_while_all_are_replaced() -> None:
    """SIGHUP goes on without the worker that is gone, and the number stays."""
    with serving("--workers", "3", "--log-level", "debug") as served:
        old = workers_of(served.errors)
        served.child.send_signal(signal.SIGHUP)
        served.read_until("SIGHUP: replacing")
        served.child.send_signal(signal.SIGTTOU)
        served.read_until("all workers have been replaced")
        assert are_gone(old)
        assert answering(served.port) not in old
        served.child.send_signal(signal.SIGTTIN)
        served.read_until(f"SIGTTIN: {NUMBER}3")
        served.read_until(READY)
        assert served.end() == 0
    assert "ended (" not in served.errors


def test_fewer_before_any_is_ready() -> None:
    """A slot that is given up during the start is not waited for."""
    with started("--port", "0", "--workers", "3", app="unhealthy_apps:starts_slowly") as served:
        served.read_until("begun")
        for count in (2, 1):
            served.child.send_signal(signal.SIGTTOU)
            served.read_until(f"SIGTTOU: {NUMBER}{count}")
        served.read_until(r"vitok serve: .* \(1 workers")
        assert served.end() == 0


def test_log_files_of_all_workers(tmp_path: Path) -> None:
    """SIGUSR1 to the supervisor opens the files of each process anew."""
    access, messages = tmp_path / "access", tmp_path / "messages"
    words = ("--access-log-file", access, "--log-file", messages)
    with started("--port", "0", *TWO, *words) as served:
        while not (match := re.search(r"vitok serve: \S+:(\d+) ", read(messages))):
            assert served.child.poll() is None
        port = int(match[1])
        workers = set(workers_of(read(messages)))
        access.rename(tmp_path / "access.1")
        messages.rename(tmp_path / "messages.1")
        served.child.send_signal(signal.SIGUSR1)
        while read(messages).count("the log files were opened anew") < 3:
            assert served.child.poll() is None
        before = read(tmp_path / "access.1")
        seen: list[int] = []
        while set(seen) != workers:
            seen.append(get(port)["process"])
        assert served.end() == 0
    assert read(access).count("GET / ") == len(seen)
    assert read(tmp_path / "access.1") == before


def test_log_files_while_a_worker_starts(tmp_path: Path) -> None:
    """A worker that is starting takes the message once it runs, also behind an order that it has not read yet."""
    with started("--port", "0", *TWO, "--access-log-file", tmp_path / "access") as served:
        served.read_until(READY)
        # The second one has just been started.
        served.child.send_signal(signal.SIGUSR1)
        served.read_until(r"vitok serve: .* \(2 workers")
        assert served.end() == 0
    assert served.errors.count("the log files were opened anew") == 3
    assert "ended (" not in served.errors


def read(path: Path) -> str:
    """Return what a file has by now."""
    return path.read_text() if path.exists() else ""


def test_sigusr1_without_log_files() -> None:
    """It ends no supervisor."""
    with serving(*TWO) as served:
        served.child.send_signal(signal.SIGUSR1)
        served.read_until("SIGUSR1: there are no log files")
        assert answering(served.port)
        assert served.end() == 0


def test_sighup_to_a_single_process_with_log_files(tmp_path: Path) -> None:
    """It opens them anew."""
    access = tmp_path / "access"
    with serving("--access-log-file", access) as served:
        access.rename(tmp_path / "access.1")
        served.child.send_signal(signal.SIGHUP)
        served.read_until("the log files were opened anew")
        served.get("/after")
        assert served.end() == 0
    assert "GET /after " in access.read_text()


def test_sighup_to_a_single_process_with_nothing_to_load() -> None:
    """It has its usual effect: a terminal that is closed ends what runs in it."""
    with serving() as served:
        assert served.end(signal.SIGHUP) == -signal.SIGHUP
