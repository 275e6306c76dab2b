"""The log files of `vitok serve` under the real logrotate, by the rules of deploy/, while requests are answered.

The rules themselves are tested in test_deploy_files.py.
"""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import deployed
import pytest
from needs import missing
from served import CHILD_SECONDS, Served, started

ROTATIONS = 3


def logrotate() -> str:
    """Return its path; Debian has it among the commands of the administrator."""
    found = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
    if found is None:
        missing("logrotate is missing (Debian: apt install logrotate)")
    return found


class Clients:
    """Ask for pages all the time, in threads, and count the answers."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._ends = threading.Event()
        self.answers = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def _run(self) -> None:
        while not self._ends.is_set():
            self._served.get("/some/path")
            with self._lock:
                self.answers += 1

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Let them ask within the block."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._ends.set()
            for thread in self._threads:
                thread.join(CHILD_SECONDS)


def until(file: Path, what: str, served: Served) -> None:
    """Wait until a file has this."""
    while not (file.exists() and what in file.read_text()):
        assert served.child.poll() is None, served.wait()


@pytest.mark.vitok_only
@pytest.mark.parametrize("workers", [1, 2])
def test_no_line_is_lost(workers: int, tmp_path: Path) -> None:
    """Each answer has its line in exactly one file, over several rotations, and each file has lines."""
    logs, pid, rules = tmp_path / "log", tmp_path / "app.pid", tmp_path / "rules"
    logs.mkdir(mode=0o755)
    changes = ("/var/log/app", str(logs)), ("/run/app/app.pid", str(pid)), ("    compress\n", "    nocompress\n")
    rules.write_text(deployed.changed("logrotate/app", *changes))
    rules.chmod(0o644)
    access, messages = logs / "access.log", logs / "server.log"
    words = ("--access-log-file", access, "--log-file", messages, "--port", "0", "--workers", str(workers))
    with started(*words, app="asgi_apps:without_lifespan") as served:
        until(messages, "Ctrl-C", served)
        served.urls = [messages.read_text().partition("vitok serve: ")[2].split()[0]]
        pid.write_text(f"{served.child.pid}\n")
        clients = Clients(served)
        with clients.asking():
            for _ in range(ROTATIONS):
                until(access, '"GET /some/path', served)
                subprocess.run(
                    [logrotate(), "--state", tmp_path / "state", "--force", rules], check=True, timeout=CHILD_SECONDS
                )
                until(messages, "opened anew", served)
            until(access, '"GET /some/path', served)
        assert served.end() == 0
    files = [path.read_text() for path in logs.glob("access.log*")]
    assert len(files) == ROTATIONS + 1
    assert all(files)
    assert sum(text.count('"GET /some/path HTTP/1.1" 200 ') for text in files) == clients.answers
    assert sum(text.count("\n") for text in files) == clients.answers
