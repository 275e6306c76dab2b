"""Logs that can't be written: a full disk, a pipe without a reader. Requests are still answered.

Lost lines are counted, and the number is logged once the log can be written again. The contents of lines are tested in
test_serve_log.py.
"""

import fcntl
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from served import CHILD_SECONDS, FOLDER, Served, listening, started
from served import serving as serving_with

pytestmark = pytest.mark.vitok_only

# A line of nearly 8 KiB: some of them fill what a pipe takes, and some hundred what may wait besides.
LONG = "/" + "x" * 7900
MANY = 400
LOST = re.compile(r" - (\d+) lines were lost$", re.M)


@contextmanager
def serving(app: str = "asgi_apps:without_lifespan", **streams: Any) -> Iterator[Served]:
    """A server with these standard streams; its standard error is read up to the line that says where it listens."""
    command = [sys.executable, "-m", "vitok", "serve", app, "--app-dir", str(FOLDER), "--port", "0"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **streams)
    with listening(child) as served:
        yield served


class Client:
    """Asks again and again on one connection, which is closed at the end."""

    def __init__(self, served: Served) -> None:
        self.connection = HTTPConnection("127.0.0.1", served.port, timeout=CHILD_SECONDS)
        self.count = 0

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *error: object) -> None:
        self.connection.close()

    def ask(self, target: str = "/", times: int = 1, status: int = 200) -> None:
        """So many requests, each answered with this status."""
        for _ in range(times):
            self.connection.request("GET", target)
            answer = self.connection.getresponse()
            answer.read()
            assert answer.status == status
            self.count += 1

    def ask_until(self, served: Served, what: str, target: str = "/") -> None:
        """Requests until the standard error says this of their lines: a line that is lost is told with a later one."""
        with ThreadPoolExecutor(1) as pool:
            said = pool.submit(served.read_until, what)
            try:
                while not said.done():
                    self.ask(target)
            except BaseException:
                # The thread reads to the end of the output.
                served.child.kill()
                raise
            said.result()


def end(served: Served) -> None:
    """SIGTERM ends it as ever, whatever it could not write."""
    served.child.send_signal(signal.SIGTERM)
    assert served.child.wait(CHILD_SECONDS) == 0


def test_a_pipe_that_nobody_reads() -> None:
    """Standard output and error into pipes that are full: every request is answered, and SIGTERM ends it with 0."""
    with serving() as served, Client(served) as client:
        client.ask(LONG, MANY)
        client.ask("/error", MANY, 500)
        end(served)


def test_a_pipe_that_is_read_again() -> None:
    """What a reader lacks that was away for a while is said in the log itself and in the other one."""
    with serving() as served, Client(served) as client:
        client.ask(LONG, MANY)
        served.read_until(r"WARNING .* the access log: it can't be written \(it has no reader\): lines are lost")
        assert served.child.stdout is not None
        lines = [served.child.stdout.readline() for _ in range(20)]
        # The rest is read while more comes, until the log says what it lacks.
        found = None
        while not (found := LOST.search(lines[-1])):
            client.ask("/short")
            lines.append(served.child.stdout.readline())
        served.child.send_signal(signal.SIGTERM)
        lines = [line for line in [*lines, *served.child.stdout] if '"GET /' in line]
        assert served.child.stderr is not None
        errors = served.child.stderr.read()
        assert len(lines) + int(found[1]) == client.count
        assert f"the access log: {found[1]} lines were lost" in errors


def test_the_open_file_of_a_pipe_is_left_as_it_is() -> None:
    """Others that write to the pipe find it blocking, as they left it."""
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w") as output, serving(stdout=output) as served:
        with Client(served) as client:
            client.ask(times=3)
        assert not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK
        end(served)


def test_a_pipe_that_somebody_made_non_blocking() -> None:
    """Where the open file does not block, a full pipe is waited for, and no line is lost."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(reader) as read, os.fdopen(writer, "w") as output, serving(stdout=output) as served:
        with Client(served) as client:
            client.ask(LONG, 40)
        lines = [read.readline() for _ in range(40)]
        end(served)
        assert all('"GET /xxx' in line for line in lines)


def test_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    """A file that can't grow loses lines; when it can again it goes on with a whole line, and says what it lacks."""
    path = tmp_path / "log"
    with path.open("a") as output, serving(stdout=output) as served, Client(served) as client:
        _, most = resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE, (1000, most))
        said = r"WARNING .* the access log: it can't be written \(File too large\): lines are lost"
        client.ask_until(served, said, "/some/target")
        client.ask("/some/target", 3)
        resource.prlimit(served.child.pid, resource.RLIMIT_FSIZE, (most, most))
        while not (found := LOST.search(path.read_text())):
            client.ask("/again")
        client.ask("/last")
        end(served)
    text = path.read_text()
    whole = re.findall(r'^\S+ 127\.0\.0\.1:\d+ "GET /\S+ HTTP/1\.1" 200 \d+B \d+\.\d+ms$', text, re.M)
    assert len(whole) + int(found[1]) == client.count
    assert '"GET /last ' in whole[-1]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_device(stream: str) -> None:
    """ENOSPC for every line, from the first one on."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("w") as full:
        if stream == "stdout":
            with serving(stdout=full) as served, Client(served) as client:
                client.ask_until(served, r"the access log: it can't be written \(No space left on device\)")
                client.ask(times=20)
                end(served)
            return
        command = [sys.executable, "-m", "vitok", "serve", "asgi_apps:app", "--app-dir", str(FOLDER), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=full, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "startup\n"
            child.terminate()
            assert child.wait(CHILD_SECONDS) == 0


def test_log_files_on_a_full_device() -> None:
    """ENOSPC for every line of both files: requests are answered, and SIGTERM ends it with 0."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        words = ("--fd", fd, "--log-file", "/dev/full", "--access-log-file", "/dev/full")
        with started(*words, app="asgi_apps:without_lifespan", pass_fds=[fd]) as served:
            served.urls = [f"http://127.0.0.1:{port}"]
            with Client(served) as client:
                client.ask(times=MANY)
                client.ask("/error", 20, 500)
            end(served)


def test_a_log_file_on_a_disk_that_is_full_for_a_while(tmp_path: Path) -> None:
    """A small file system: lines are lost and counted while it is full, and written again afterwards."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        filler, access = disk / "filler", disk / "access.log"
        filler.write_bytes(b"x" * 32768)
        with (
            serving_with("--access-log-file", access, app="asgi_apps:without_lifespan") as served,
            Client(served) as client,
        ):
            client.ask_until(served, r"the access log: it can't be written \(No space left on device\)", LONG)
            client.ask("/full", 20)
            filler.unlink()
            while not (found := LOST.search(access.read_text())):
                client.ask("/again")
            client.ask("/last")
            end(served)
        text = access.read_text()
        whole = re.findall(r'^\S+ 127\.0\.0\.1:\d+ "GET /\S+ HTTP/1\.1" 200 \d+B \d+\.\d+ms$', text, re.M)
        assert len(whole) + int(found[1]) == client.count
        assert '"GET /last ' in whole[-1]
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
