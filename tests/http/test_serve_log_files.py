"""Log files: appended to by all processes, opened anew at SIGUSR1, and errors in their paths.

The contents of lines are tested in test_serve_log.py, and full disks in test_serve_log_trouble.py.
"""

import http.client
import logging
import os
import re
import signal
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from served import CHILD_SECONDS, Served, refused, started
from vitok.http import Server, log_files
from vitok.http.log import Log, prepared
from vitok.http.options import OptionError
from vitok.http.options.logs import Logs

pytestmark = pytest.mark.vitok_only

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}"


class Client:
    """Asks for pages, and counts them."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.count = 0

    def ask(self, path: str = "/") -> None:
        """Ask for one page."""
        assert self.served.child.poll() is None, self.served.wait()
        self.served.get(path)
        self.count += 1

    def ask_until(self, file: Path, what: str) -> None:
        """Ask until a file has this."""
        while not (file.exists() and what in file.read_text()):
            self.ask("/waiting")


def listening(log: Path, served: Served) -> None:
    """Wait until the file says where the server listens."""
    while not (log.exists() and (match := re.search(r"vitok serve: (http://\S+) ", log.read_text()))):
        assert served.child.poll() is None, (served.wait(), served.errors)
    served.urls = [match[1]]


@pytest.mark.parametrize("workers", [1, 2])
def test_both_logs_in_files(workers: int, tmp_path: Path) -> None:
    """Nothing is on the standard streams; files that exist are appended to."""
    messages, access = tmp_path / "messages", tmp_path / "access"
    access.write_text("before\n")
    words = ("--log-file", messages, "--access-log-file", access, "--port", "0", "--workers", str(workers))
    with started(*words, app="asgi_apps:without_lifespan") as served:
        listening(messages, served)
        served.get("/some/path")
        assert served.end() == 0
    assert served.output == served.errors == ""
    assert re.fullmatch(rf'before\n{TIME} \S+ "GET /some/path HTTP/1.1" 200 .*\n', access.read_text())
    lines = messages.read_text().splitlines()
    assert all(re.match(rf"{TIME} INFO \[{served.child.pid}\] ", line) for line in lines)
    assert "SIGTERM: ending" in lines[-1]


def test_one_file_for_both(tmp_path: Path) -> None:
    """The same path twice is one file."""
    path = tmp_path / "log"
    with started("--log-file", path, "--access-log-file", path, "--port", "0") as served:
        listening(path, served)
        served.get()
        assert served.end() == 0
    text = path.read_text()
    assert text.count(" INFO ") == 2
    assert text.count('"GET / ') == 1
    assert text.count("\n") == 3


def test_standard_streams_by_name() -> None:
    """`-` and the names of the streams are streams, also where their descriptor could not be opened by its name."""
    with started("--log-file", "-", "--access-log-file", "/dev/stderr", "--port", "0") as served:
        served.urls = served.read_until(r"vitok serve: (\S+) ")[1].split()
        served.get("/some/path")
        assert served.end() == 0
    assert "/some/path" in served.errors
    assert served.output == "startup\nshutdown\n"


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_renamed_and_opened_anew(number: signal.Signals, tmp_path: Path) -> None:
    """As logrotate does without copytruncate: no line is lost or in both files."""
    messages, access = tmp_path / "messages", tmp_path / "access"
    with started("--log-file", messages, "--access-log-file", access, "--port", "0") as served:
        listening(messages, served)
        client = Client(served)
        for turn in range(3):
            client.ask(f"/turn/{turn}")
            access.rename(tmp_path / f"access.{turn}")
            messages.rename(tmp_path / f"messages.{turn}")
            client.ask(f"/turn/{turn}/renamed")
            client.ask_until(tmp_path / f"access.{turn}", f"/turn/{turn}/renamed")
            served.child.send_signal(number)
            client.ask_until(messages, "the log files were opened anew")
        client.ask("/last")
        assert served.end() == 0
    files = [path.read_text() for path in tmp_path.glob("access*")]
    assert sum(text.count("\n") for text in files) == client.count
    assert '"GET /last ' in access.read_text()


def test_copied_and_truncated(tmp_path: Path) -> None:
    """As logrotate does with copytruncate: lines go on at the new end, without a hole before them."""
    access = tmp_path / "access"
    with started("--access-log-file", access, "--port", "0") as served:
        served.urls = served.read_until(r"vitok serve: (\S+) ")[1].split()
        served.get("/before")
        Client(served).ask_until(access, "/before")
        os.truncate(access, 0)
        served.get("/after")
        assert served.end() == 0
    assert access.read_bytes()[:2] == b"20"
    assert '"GET /after ' in access.read_text()


def test_a_file_that_cannot_be_opened_anew(tmp_path: Path) -> None:
    """The file in use stays, and the log says so."""
    folder = tmp_path / "logs"
    folder.mkdir()
    access = folder / "access"
    with started("--access-log-file", access, "--port", "0") as served:
        served.urls = served.read_until(r"vitok serve: (\S+) ")[1].split()
        moved = folder.rename(tmp_path / "moved")
        served.child.send_signal(signal.SIGUSR1)
        line = served.read_until("stays").string
        assert (
            f"--access-log-file: '{access}' can't be opened: the folder does not exist; the file in use stays" in line
        )
        served.get("/after")
        assert served.end() == 0
    assert "/after" in (moved / "access").read_text()


@pytest.mark.parametrize("option", ["--log-file", "--access-log-file"])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_path_that_cannot_be_used(option: str, workers: str, tmp_path: Path) -> None:
    """One line that names the option and the path, and the exit code of a start that is impossible."""
    for path, reason in (
        (tmp_path / "none" / "log", "the folder does not exist"),
        (tmp_path, "is a directory"),
        (pipe(tmp_path / "pipe"), "no process reads this pipe, or it is a socket"),
    ):
        code, lines = refused(option, path, "--port", "0", "--workers", workers)
        assert (code, lines) == (3, [f"vitok serve: {option}: '{path}' can't be opened: {reason}"])
        if path.name == "pipe":
            path.unlink()


def pipe(path: Path) -> Path:
    """Make a named pipe."""
    os.mkfifo(path)
    return path


def test_a_named_pipe_with_a_reader(tmp_path: Path) -> None:
    """It is written as a file is, and blocks, as others expect."""
    path = pipe(tmp_path / "pipe")
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with os.fdopen(reader) as read, started("--access-log-file", path, "--port", "0") as served:
        served.urls = served.read_until(r"vitok serve: (\S+) ")[1].split()
        served.get("/some/path")
        assert "/some/path" in read.readline()
        assert served.end() == 0


def test_the_permissions_of_a_new_file(tmp_path: Path) -> None:
    """They are those of the umask, and processes that the application starts do not inherit the file."""
    path = tmp_path / "log"
    before = os.umask(0o027)
    try:
        file = log_files.acquire("log_file", str(path))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not os.get_inheritable(file.stream.fileno())
    log_files.release(file)


def test_files_are_given_to_the_user_of_the_workers(tmp_path: Path) -> None:
    """Also those that are opened later in their place."""
    if os.geteuid():
        pytest.skip("only root may change owners")
    path = tmp_path / "log"
    with log_files.opened(Logs(log_file=str(path), access_log_file="/dev/null")):
        log_files.give_to(4321, 4322)
        assert (path.stat().st_uid, path.stat().st_gid) == (4321, 4322)
        path.unlink()
        assert log_files.reopen() == []
        assert (path.stat().st_uid, path.stat().st_gid) == (4321, 4322)
    assert Path("/dev/null").stat().st_uid == 0


def test_the_folder_of_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the current one of the start, whatever the application changes to."""
    monkeypatch.chdir(tmp_path)
    with log_files.opened(Logs(access_log_file="log")):
        monkeypatch.chdir("/")
        Path(tmp_path / "log").unlink()
        log_files.reopen()
        assert (tmp_path / "log").exists()


@pytest.mark.parametrize("name", ["log_file", "access_log_file", "log_config"])
def test_a_server_in_a_loop_has_no_files(name: str) -> None:
    """Logging is then the program's, and the options are refused, not ignored."""
    with pytest.raises(OptionError, match=f"^{name}: a Server leaves logging to its program"):
        Server("asgi_apps:app", **{name: "some/path"})


@pytest.mark.parametrize("name", ["use_colors", "inspect"])
def test_what_a_server_in_a_loop_has_no_use_for(name: str) -> None:
    """That is refused as well."""
    with pytest.raises(OptionError, match=f"^{name}: a Server leaves "):
        Server("asgi_apps:app", **{name: True})


def test_a_handler_of_the_application_and_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that the user has named is written in any case."""
    path = tmp_path / "log"
    loggers = [logging.getLogger("vitok.server"), logging.getLogger("vitok.access")]
    for logger in loggers:
        logger.addHandler(caplog.handler)
    try:
        log = Log(Logs(log_file=str(path), access_log_file=str(path)), is_owner=True)
        log.logger.info("a message")
        log.access("a line\n")
        log.close()
    finally:
        for logger in loggers:
            logger.removeHandler(caplog.handler)
    assert {record.getMessage() for record in caplog.records} == {"a message", "a line"}
    text = path.read_text()
    assert "a message" in text
    assert "a line" in text


def test_two_servers_of_a_process(tmp_path: Path) -> None:
    """Each message is once in each file, whether the servers share it or not; in the end logging is as it was."""
    logger = logging.getLogger("vitok.server")
    before = (logger.level, logger.propagate, list(logger.handlers))
    for paths in ((tmp_path / "log", tmp_path / "log"), (tmp_path / "first", tmp_path / "second")):
        logs = [Log(Logs(log_file=str(path)), is_owner=True) for path in paths]
        for number, log in enumerate(logs):
            log.logger.info("message %d", number)
        for log in logs:
            log.close()
        for path in paths:
            assert re.findall(r"message \d", path.read_text()) == ["message 0", "message 1"]
    assert (logger.level, logger.propagate, logger.handlers) == before


def test_sigusr1_while_the_application_is_loaded(tmp_path: Path) -> None:
    """It would end the process otherwise."""
    path = tmp_path / "log"
    before = signal.getsignal(signal.SIGUSR1)
    with prepared(Logs(log_file=str(path))):
        path.unlink()
        signal.raise_signal(signal.SIGUSR1)
        assert path.exists()
    assert signal.getsignal(signal.SIGUSR1) is before


def test_sigusr1_of_an_application_without_log_files() -> None:
    """Then it is the application's."""
    found: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: found.append(number))
    handler: Callable[..., object] | int | None = signal.getsignal(signal.SIGUSR1)
    try:
        with prepared(Logs()):
            assert signal.getsignal(signal.SIGUSR1) is handler
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert found == [signal.SIGUSR1]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_application_that_cannot_be_loaded(workers: str, tmp_path: Path) -> None:
    """The traceback is on standard error and in the file, of a worker as well."""
    path = tmp_path / "log"
    (tmp_path / "log_app_broken.py").write_text("raise LookupError('nothing there')\n")
    words = ("--log-file", path, "--port", "0", "--workers", workers)
    with started(*words, app="log_app_broken:app", folder=tmp_path) as served:
        assert served.wait() == 3
    assert "LookupError: nothing there" in served.errors
    assert "vitok serve: 'log_app_broken:app' raised LookupError while it was being loaded" in served.errors
    text = path.read_text()
    assert re.search(rf"^{TIME} ERROR \[\d+\] the application can't be loaded\nTraceback", text, re.M)
    assert text.count("LookupError: nothing there") == 1


def test_a_startup_that_fails(tmp_path: Path) -> None:
    """Its reason is in the file."""
    path = tmp_path / "log"
    with started("--log-file", path, "--port", "0", app="asgi_apps:fails_to_start") as served:
        assert served.wait() == 3
    assert "no database" in path.read_text()


def test_workers_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Lines that are longer than what a pipe takes at once, and tracebacks, are whole in a file of two workers."""
    path = tmp_path / "log"
    words = ("--log-file", path, "--access-log-file", path, "--port", "0", "--workers", "2")

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=CHILD_SECONDS)
        for target in (f"/{number}/{'x' * 7900}", "/error"):
            connection.request("GET", target)
            connection.getresponse().read()
        connection.close()

    with started(*words, app="asgi_apps:without_lifespan") as served:
        listening(path, served)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(100)))
        assert served.end() == 0
    text = path.read_text()
    assert len(re.findall(rf'^{TIME} \S+ "GET /\d+/x{{7900}} HTTP/1\.1" 200 ', text, re.M)) == 100
    traceback = r"Traceback \(most recent call last\):\n(?:  .*\n)+LookupError: nothing there\n"
    assert len(re.findall(rf"^{TIME} ERROR \[\d+\] Exception in ASGI application\n{traceback}", text, re.M)) == 100
