"""SIGHUP to `vitok serve` over TLS: the certificates are loaded again, by one process and by workers.

The rules of exchanging are tested in test_serve_tls_reload.py.
"""

import os
import re
import signal
import socket
from pathlib import Path

import pytest
from certificates_made import Certificates
from served import CHILD_SECONDS, FOLDER, Served, ask, serving
from tls_authority import Authority, pem_of
from tls_clients import certificate_at, put, trusting_anything

pytestmark = [pytest.mark.vitok_only, pytest.mark.usefixtures("engine")]

LOADED = "the certificates were loaded again"
REFUSED = "the certificates stay as they were: --ssl-certfile: "


class Files:
    """The file of a server, with its certificate and key, and what is put into it in turn."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.path = folder / "both.pem"
        self.old, self.new = (authority.sign(name, names="IP:127.0.0.1") for name in ("old", "new"))
        self.use(self.old)

    def use(self, pair: Path) -> None:
        """Put a pair into the file."""
        put(self.path, pair.read_text())


@pytest.fixture
def files(certificates: Certificates, tmp_path: Path) -> Files:
    """The old pair is in use."""
    return Files(Authority.make(tmp_path), tmp_path)


def hang_up(served: Served, process: int | None = None) -> None:
    """Send SIGHUP, to the process that was started or to another one."""
    os.kill(process or served.child.pid, signal.SIGHUP)


def test_a_single_process(files: Files) -> None:
    """SIGHUP exchanges the certificate; a broken file is a line in the log; open connections stay."""
    with serving("--ssl-certfile", files.path) as served:
        with (
            socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as plain,
            trusting_anything().wrap_socket(plain) as kept,
        ):
            assert certificate_at(served.port) == pem_of(files.old)
            files.use(files.new)
            hang_up(served)
            served.read_until(LOADED)
            assert certificate_at(served.port) == pem_of(files.new)
            put(files.path, "nothing")
            hang_up(served)
            served.read_until(REFUSED)
            assert certificate_at(served.port) == pem_of(files.new)
            assert ask(kept).startswith(b"HTTP/1.1 200 ")
        assert served.end() == 0
    assert served.errors.count("SIGHUP: ") == 2


def test_a_signal_during_the_startup(files: Files) -> None:
    """It is not lost: the certificates, which were loaded before, are loaded again after the startup."""
    with serving("--ssl-certfile", files.path, app="asgi_apps:hung_up_while_it_starts") as served:
        served.read_until(LOADED)
        assert served.end() == 0


def test_a_signal_during_the_import(files: Files, tmp_path: Path) -> None:
    """Nor is it before that, when the pid file is there already: it neither ends the process nor is lost."""
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGHUP)\nfrom asgi_apps import without_lifespan as app\n"
    (tmp_path / "hung_up_while_it_is_imported.py").write_text(text)
    where = {"folder": tmp_path, "environment": {"PYTHONPATH": str(FOLDER)}}
    with serving("--ssl-certfile", files.path, app="hung_up_while_it_is_imported:app", **where) as served:
        served.read_until(LOADED)
        assert served.end() == 0


def test_a_signal_during_the_import_of_one_with_log_files(tmp_path: Path) -> None:
    """It opens the file anew, as it does later."""
    log = tmp_path / "log"
    text = (
        "import os, signal\nlog = os.environ['LOG']\nos.rename(log, log + '.1')\nos.kill(os.getpid(), signal.SIGHUP)\n"
        "assert os.path.exists(log)\nfrom asgi_apps import without_lifespan as app\n"
    )
    (tmp_path / "renames_its_log.py").write_text(text)
    where = {"folder": tmp_path, "environment": {"PYTHONPATH": str(FOLDER), "LOG": str(log)}}
    with serving("--access-log-file", log, app="renames_its_log:app", **where) as served:
        served.get()
        assert served.end() == 0
    assert '"GET / HTTP/1.1" 200' in log.read_text()
    assert (tmp_path / "log.1").read_text() == ""


def test_a_file_that_changes(files: Files) -> None:
    """--ssl-reload-interval needs no signal."""
    with serving("--ssl-certfile", files.path, "--ssl-reload-interval", "0.05") as served:
        files.use(files.new)
        served.read_until(LOADED)
        assert certificate_at(served.port) == pem_of(files.new)
        assert served.end() == 0


def test_without_tls_it_ends_the_process() -> None:
    """As any program that does nothing about it."""
    with serving() as served:
        assert served.end(signal.SIGHUP) == -signal.SIGHUP


WORKERS = ("--workers", "2", "--log-level", "debug")


def test_workers_are_replaced(files: Files) -> None:
    """The supervisor replaces its workers, and new ones load what is there."""
    with serving(*WORKERS, "--ssl-certfile", files.path) as served:
        assert certificate_at(served.port) == pem_of(files.old)
        files.use(files.new)
        hang_up(served)
        served.read_until("all workers have been replaced")
        assert {certificate_at(served.port) for _ in range(10)} == {pem_of(files.new)}
        assert served.end() == 0


def test_workers_stay_if_the_files_are_broken(files: Files) -> None:
    """Nothing is replaced then, and the old ones serve."""
    with serving(*WORKERS, "--ssl-certfile", files.path) as served:
        put(files.path, "nothing")
        hang_up(served)
        served.read_until("contains no certificate in PEM")
        served.read_until("the remaining workers are not replaced")
        assert {certificate_at(served.port) for _ in range(10)} == {pem_of(files.old)}
        files.use(files.new)
        hang_up(served)
        served.read_until("all workers have been replaced")
        assert {certificate_at(served.port) for _ in range(10)} == {pem_of(files.new)}
        assert served.end() == 0


def test_workers_look_at_their_files(files: Files) -> None:
    """With --ssl-reload-interval each worker does, and none is replaced."""
    with serving(*WORKERS, "--ssl-certfile", files.path, "--ssl-reload-interval", "0.05") as served:
        files.use(files.new)
        for _ in range(2):
            served.read_until(LOADED)
        assert {certificate_at(served.port) for _ in range(10)} == {pem_of(files.new)}
        assert served.end() == 0
    assert "starting another" not in served.errors


@pytest.mark.parametrize("has_tls", [True, False])
def test_a_worker_survives_a_signal_to_all_processes(files: Files, has_tls: bool) -> None:
    """A terminal that hangs up sends SIGHUP to workers, too: they load the certificates, and do not end."""
    tls = ("--ssl-certfile", files.path) if has_tls else ()
    with serving(*WORKERS, *tls) as served:
        workers = [int(number) for number in re.findall(r"worker (\d+) is ready", served.errors)]
        files.use(files.new)
        for worker in workers:
            hang_up(served, worker)
        if has_tls:
            for _ in workers:
                served.read_until(LOADED)
            assert {certificate_at(served.port) for _ in range(10)} == {pem_of(files.new)}
        else:
            assert {served.get()["process"] for _ in range(20)} <= set(workers)
        assert served.end() == 0
    assert "starting another" not in served.errors
