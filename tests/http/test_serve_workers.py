"""Several workers: how they are started, replaced and ended, and when the supervisor gives up.

A single process is tested in test_serve_command.py.
"""

import os
import re
import select
import signal
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest
import vitok
from served import CHILD_SECONDS, FOLDER, ask, drain, get, refused, serving, started
from vitok.http.worker_slot import START_ATTEMPTS

pytestmark = pytest.mark.vitok_only

TWO = ("--workers", "2", "--log-level", "debug")
READY = re.compile(r"worker (\d+) is ready")


def workers_of(errors: str) -> list[int]:
    """The workers that became ready, in this order."""
    return [int(number) for number in READY.findall(errors)]


def are_gone(processes: Iterable[int]) -> bool:
    """Wait until there is none of these processes any more, which is a matter of moments."""
    for process in processes:
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        try:
            if not select.select([handle], [], [], CHILD_SECONDS)[0]:
                return False
        finally:
            os.close(handle)
    return True


def answering(port: int) -> int:
    """The process that answers on a new connection."""
    number: int = get(port)["process"]
    return number


def test_several_processes_serve_one_port() -> None:
    """Both workers answer on the port that was chosen once, and SIGTERM ends all of them with exit code 0."""
    with serving(*TWO) as served:
        workers = workers_of(served.errors)
        assert len(workers) == 2
        seen = set()
        while seen != set(workers):
            # Which of them gets a connection is a matter of the moment; each gets some.
            seen.add(answering(served.port))
        assert served.end() == 0
    assert served.output.count("startup") == 2
    assert served.output.count("shutdown") == 2
    assert are_gone(workers)


def test_ctrl_c_reaches_all_and_ends_gracefully() -> None:
    """SIGINT from a terminal reaches supervisor and workers alike; each worker ends once, gracefully."""
    with serving(*TWO) as served:
        for number in workers_of(served.errors):
            os.kill(number, signal.SIGINT)
        assert served.end(signal.SIGINT) == 0
    assert served.output.count("shutdown") == 2
    assert "Traceback" not in served.errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_terminal_while_workers_start(tmp_path: Path, number: signal.Signals) -> None:
    """What a terminal sends to all processes does not end a worker whose interpreter has not read the program yet."""
    code = f"import os, sys\nif 'vitok.http.worker' in sys.orig_argv: os.kill(os.getpid(), {int(number)})\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    with serving(*TWO, environment={"PYTHONPATH": str(tmp_path)}) as served:
        assert served.end() == 0
    assert served.output.count("startup") == served.output.count("shutdown") == 2
    assert "Traceback" not in served.errors
    assert "ended before" not in served.errors


def test_a_worker_that_is_killed_is_replaced() -> None:
    """A worker that dies is replaced by another, and the log says how it died."""
    with serving(*TWO) as served:
        first, second = workers_of(served.errors)
        os.kill(first, signal.SIGKILL)
        served.read_until(rf"worker {first} ended \(SIGKILL\)")
        third = int(served.read_until(READY)[1])
        seen = set()
        while seen != {second, third}:
            seen.add(answering(served.port))
        assert served.end() == 0


def test_a_worker_that_is_asked_to_end_is_replaced() -> None:
    """SIGTERM to a worker ends it gracefully, and it is replaced."""
    with serving(*TWO) as served:
        first, _ = workers_of(served.errors)
        os.kill(first, signal.SIGTERM)
        served.read_until(rf"worker {first} ended \(exit code 0\)")
        served.read_until(READY)
        assert served.end() == 0


def test_sighup_exchanges_the_workers() -> None:
    """After SIGHUP there are two new workers and no old one; a request that ran meanwhile was answered."""
    with serving(*TWO) as served, socket.create_connection(("127.0.0.1", served.port)) as slow:
        old = workers_of(served.errors)
        slow.sendall(b"GET /sleep/0.5 HTTP/1.1\r\nhost: x\r\n\r\n")
        answering(served.port)
        served.child.send_signal(signal.SIGHUP)
        served.read_until("all workers have been replaced")
        new = workers_of(served.errors)[2:]
        assert len(new) == 2
        assert are_gone(old)
        assert drain(slow).startswith(b"HTTP/1.1 200 ")
        assert answering(served.port) in new
        assert served.end() == 0


def test_sighup_with_an_application_that_is_broken_by_now(tmp_path: Path) -> None:
    """If the new worker does not start, the old ones stay."""
    module = tmp_path / "changing.py"
    body = f"import os, sys; sys.path.append({str(FOLDER)!r})\nfrom asgi_apps import app, say\n"
    module.write_text(body + "say(f'imported by {os.getpid()}')\n")
    with serving(*TWO, "--app-dir", tmp_path, app="changing:app") as served:
        old = workers_of(served.errors)
        module.write_text("raise LookupError('gone')\n")
        served.child.send_signal(signal.SIGHUP)
        served.read_until("the remaining workers are not replaced")
        assert answering(served.port) in old
        assert served.end() == 0
    assert "LookupError: gone" in served.errors
    # The supervisor imports nothing of the application.
    assert {int(number) for number in re.findall(r"imported by (\d+)", served.output)} == set(old)


def test_a_number_of_requests_to_a_worker() -> None:
    """After --limit-max-requests a worker is exchanged, and every request that a worker accepts is answered."""
    with serving("--workers", "2", "--log-level", "debug", "--limit-max-requests", "3") as served:
        seen = {answering(served.port) for _ in range(12)}
        served.read_until(READY)
        assert seen <= set(workers_of(served.errors)) | seen
        assert answering(served.port)
        assert served.end() == 0
    assert "3 requests have ended: the process is due for replacement" in served.errors


def test_a_running_request_may_end() -> None:
    """SIGTERM to the supervisor lets a worker's request end."""
    with serving(*TWO) as served, socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"GET /sleep/0.5 HTTP/1.1\r\nhost: x\r\n\r\n")
        answering(served.port)
        served.child.send_signal(signal.SIGTERM)
        assert drain(slow).startswith(b"HTTP/1.1 200 ")
        assert served.wait() == 0


def test_a_second_signal_ends_all_at_once() -> None:
    """The second signal reaches the workers, too; then the supervisor dies of it."""
    with serving(*TWO) as served, socket.create_connection(("127.0.0.1", served.port)) as slow:
        slow.sendall(b"GET /sleep/60 HTTP/1.1\r\nhost: x\r\n\r\n")
        answering(served.port)
        served.child.send_signal(signal.SIGTERM)
        served.read_until("SIGTERM: ending")
        assert served.end(signal.SIGTERM) == -signal.SIGTERM
        assert b"HTTP/1.1 200 " not in drain(slow)
    assert are_gone(workers_of(served.errors))


def test_workers_whose_supervisor_is_killed_end() -> None:
    """A worker does not outlive its supervisor: the channel between them is closed by the kernel."""
    with serving(*TWO) as served:
        workers = workers_of(served.errors)
        # Their standard output is ours, and ends when the last of them has.
        served.end(signal.SIGKILL)
        assert served.output.count("shutdown") == 2
    assert are_gone(workers)


def test_workers_that_die_at_the_start(tmp_path: Path) -> None:
    """A supervisor whose workers end again and again before they are ready gives up, with a line and exit code 3."""
    (tmp_path / "dying.py").write_text("import os; os._exit(1)")
    code, lines = refused("--app-dir", tmp_path, "--port", "0", *TWO[:2], app="dying:app")
    assert code == 3
    assert len([line for line in lines if "ended before it was ready (exit code 1)" in line]) == START_ATTEMPTS
    assert lines[-1].startswith(f"vitok serve: giving up after {START_ATTEMPTS} attempts: worker ")
    assert lines[-1].endswith("ended before it was ready (exit code 1)")


def test_a_startup_that_fails_is_said_once() -> None:
    """What the first worker says of itself is not repeated by others."""
    code, lines = refused("--port", "0", *TWO[:2], app="asgi_apps:fails_to_start")
    assert code == 3
    assert lines == [
        "vitok serve: the application failed to start: no database",
        "vitok serve: the workers do not start",
    ]


def test_a_signal_during_the_start() -> None:
    """Workers that are still starting end with their supervisor."""
    with started("--port", "0", *TWO, app="asgi_apps:starts_for_ever") as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "starting\n"
        assert served.end() == 0


def test_a_shared_unix_socket_and_descriptor(tmp_path: Path) -> None:
    """Unix sockets and inherited ones are shared by all workers, and the path goes with the supervisor."""
    path = tmp_path / "app.sock"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = ["--uds", path, "--fd", str(listener.fileno())]
        with serving(*TWO, *words, pass_fds=[listener.fileno()]) as served:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(path))
                assert ask(sock).startswith(b"HTTP/1.1 200 ")
            assert answering(listener.getsockname()[1]) in workers_of(served.errors)
            assert served.end() == 0
    assert not path.exists()


def test_workers_need_a_name() -> None:
    """An object can't be given to other processes."""
    with pytest.raises(ValueError, match="workers: expected the application"):
        vitok.serve(print, workers=2, port=0)
