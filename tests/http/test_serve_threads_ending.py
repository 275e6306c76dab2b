"""How a server with several threads ends: after signals, after limits, by exceptions, and where a thread hangs.

Accepting is tested in test_serve_threads.py.
"""

import re
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from served import CHILD_SECONDS, FOLDER, Served, drain, refused, serving, started
from threads_support import APP, MAIN, Client, clients_of_all, needs_free_threading, output_until

pytestmark = [pytest.mark.vitok_only, needs_free_threading]

TWO = ("--threads", "2")
SECOND = "vitok server 2"
QUICK = ("--timeout-graceful-shutdown", "0.2", "--timeout-shutdown", "0.2")


def begin(client: Client, served: Served, path: str) -> None:
    """Send a request that goes on, and wait until it runs."""
    client.send(path)
    output_until(served, "begun in")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_requests_of_all_threads_may_end(number: signal.Signals) -> None:
    """Then the lifespan ends, while all threads are there, and the signal is told once."""
    with serving(*TWO, app=APP) as served, clients_of_all(served, 2) as clients:
        for client in clients.values():
            begin(client, served, "/sleep/0.5")
        served.child.send_signal(number)
        for name, client in clients.items():
            assert client.read()["thread"] == name
            assert drain(client.sock) == b""
        assert served.wait() == 0
    lines = served.output.splitlines()
    assert lines[-1].startswith("shutdown in MainThread, ")
    # The main thread and the second one at least.
    assert int(lines[-1].split()[3]) >= 2
    assert served.errors.count(f"{number.name}: ending") == 1
    assert "Traceback" not in served.errors


def test_accepting_ends_in_all_threads_at_once() -> None:
    """While one thread has a request left, no thread accepts, and the address is free."""
    with serving(*TWO, app=APP) as served, clients_of_all(served, 2) as clients:
        begin(clients[SECOND], served, "/sleep/2")
        served.child.send_signal(signal.SIGTERM)
        served.read_until("SIGTERM: ending")
        assert drain(clients[MAIN].sock) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS).close()
        assert clients[SECOND].read()["thread"] == SECOND
        assert served.wait() == 0


def test_requests_that_take_too_long_are_cancelled_in_each_thread() -> None:
    """Each thread cancels its own after the time."""
    with serving(*TWO, *QUICK, app=APP) as served, clients_of_all(served, 2) as clients:
        for client in clients.values():
            begin(client, served, "/sleep/60")
        assert served.end() == 0
        assert {drain(client.sock)[:12] for client in clients.values()} <= {b"", b"HTTP/1.1 500"}
    assert served.errors.count("cancelling 1 requests that still run after 0.2 s") == 2
    assert "shutdown in MainThread" in served.output


def test_a_second_signal_ends_all_at_once() -> None:
    """Nothing is waited for in any thread, and the process dies of the signal."""
    with serving(*TWO, app=APP) as served, clients_of_all(served, 2) as clients:
        for client in clients.values():
            begin(client, served, "/sleep/60")
        served.child.send_signal(signal.SIGTERM)
        served.read_until("SIGTERM: ending")
        assert served.end(signal.SIGTERM) == -signal.SIGTERM
    assert "SIGTERM: ending at once" in served.errors


def test_tasks_that_do_not_end_are_abandoned_in_each_thread() -> None:
    """They keep no thread, and so not the process."""
    with serving(*TWO, *QUICK, app=APP) as served, clients_of_all(served, 2) as clients:
        for client in clients.values():
            client.ask("/leave-task")
        assert served.end() == 0
    assert served.errors.count("1 cancelled tasks do not end: they are abandoned") == 2


def test_a_thread_that_is_blocked_at_the_end(gate: Path) -> None:
    """It is abandoned after its time; the requests of the others end, and so does the lifespan."""
    with (
        serving(*TWO, *QUICK, app=APP, environment={"GATE": str(gate)}) as served,
        clients_of_all(served, 2) as clients,
    ):
        clients[SECOND].send("/block")
        output_until(served, "blocked")
        assert served.end() == 0
    assert "server thread 2 is blocked: it is abandoned" in served.errors
    assert "shutdown in MainThread" in served.output


@pytest.mark.parametrize(
    ("path", "code", "told"),
    [
        ("/exit", 7, "SystemExit: 7"),
        ("/interrupt", -signal.SIGINT, "KeyboardInterrupt: "),
        ("/stop", 1, "RuntimeError: Event loop stopped before Future completed."),
    ],
    ids=["SystemExit", "KeyboardInterrupt", "stop"],
)
def test_an_exception_that_ends_a_loop(path: str, code: int, told: str) -> None:
    """The server ends with it: requests of other threads are served to their end, and the lifespan ends."""
    with serving(*TWO, app=APP) as served, clients_of_all(served, 2) as clients:
        begin(clients[MAIN], served, "/sleep/1")
        clients[SECOND].send(path)
        assert clients[MAIN].read()["thread"] == MAIN
        assert served.wait() == code
    assert f"server thread 2 has ended: {told}".strip() in served.errors
    assert "shutdown in MainThread" in served.output


def test_an_exception_that_ends_the_main_loop() -> None:
    """The other threads end with it."""
    with serving(*TWO, app=APP) as served, clients_of_all(served, 2) as clients:
        clients[MAIN].send("/exit")
        assert served.wait() == 7


def test_a_worker_with_a_loop_that_ends() -> None:
    """The worker ends as it would with one loop, and is replaced."""
    words = ("--workers", "2", *TWO, "--log-level", "debug")
    with serving(*words, app=APP) as served, ExitStack() as stack:
        client = Client(served)
        stack.callback(client.close)
        while client.ask()["thread"] != SECOND:
            client = Client(served)
            stack.callback(client.close)
        worker = client.ask()["process"]
        client.send("/exit")
        served.read_until(rf"worker {worker} ended \(exit code 7\)")
        served.read_until(r"worker \d+ is ready")
        assert served.end() == 0


def test_a_worker_with_a_thread_that_is_silent(gate: Path) -> None:
    """It is killed and replaced as one whose loop is blocked, and its stacks show the thread."""
    words = ("--workers", "2", *TWO, "--log-level", "debug", "--timeout-worker-healthcheck", "3")
    with serving(*words, app=APP, environment={"GATE": str(gate)}) as served, ExitStack() as stack:
        client = Client(served)
        stack.callback(client.close)
        while (answer := client.ask())["thread"] != SECOND:
            client = Client(served)
            stack.callback(client.close)
        client.send("/block")
        served.read_until(rf"worker {answer['process']}: its loop has been silent for 3 s")
        served.read_until(r"threads_apps.py\", line \d+ in block$")
        served.read_until(r"worker \d+ is ready")
        assert served.end() == 0
    # By name, with its kernel's shortened form of it.
    assert re.search(r"^Thread 0x\w+ \[vitok server 2\]", served.errors, re.MULTILINE)


def test_a_number_of_requests_is_that_of_all_threads() -> None:
    """--limit-max-requests counts the process."""
    asked = 0
    seen: set[str] = set()
    with serving(*TWO, "--limit-max-requests", "60", app=APP) as served, ExitStack() as stack:
        clients: list[Client] = []
        while len(seen) < 2:
            client = Client(served)
            stack.callback(client.close)
            clients.append(client)
            seen.add(client.ask()["thread"])
            asked += 1
        while asked < 60:
            clients[asked % len(clients)].ask()
            asked += 1
        assert served.wait() == 0
    assert "60 requests have ended: the process is due for replacement" in served.errors


def test_a_failed_startup_starts_no_thread() -> None:
    """The lifespan comes first."""
    code, lines = refused(*TWO, "--port", "0", app="asgi_apps:fails_to_start")
    assert (code, lines) == (3, ["vitok serve: the application failed to start: no database"])


def test_a_signal_during_the_startup() -> None:
    """Nothing is left to end."""
    with started("--port", "0", *TWO, app="asgi_apps:starts_for_ever") as served:
        assert served.child.stdout is not None
        assert served.child.stdout.readline() == "starting\n"
        assert served.end() == 0


def test_a_thread_that_cannot_be_started(tmp_path: Path) -> None:
    """One line, and the lifespan that has begun ends."""
    body = """
import threading
from threads_apps import app
start = threading.Thread.start
def refuse(self):
    if self.name == "vitok server 3":
        raise RuntimeError("can't start new thread")
    start(self)
threading.Thread.start = refuse
"""
    (tmp_path / "refusing.py").write_text(f"import sys; sys.path.append({str(FOLDER)!r})\n{body}")
    words = ("--threads", "4", "--port", "0", "--app-dir", tmp_path)
    with started(*words, app="refusing:app") as served:
        assert served.wait() == 3
    assert served.errors.splitlines() == [
        "vitok serve: --threads: server thread 3 can't be started: can't start new thread"
    ]
    assert served.output.splitlines()[-1].startswith("shutdown in MainThread")


def test_no_descriptors_for_the_threads(tmp_path: Path) -> None:
    """One line says which thread found none, and the lifespan that has begun ends."""
    body = """
import os, resource
import vitok.http.scope
from threads_apps import app as inner

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        try:
            while True:
                os.open(os.devnull, os.O_RDONLY)
        except OSError:
            pass
    await inner(scope, receive, send)
"""
    (tmp_path / "starving.py").write_text(f"import sys; sys.path.append({str(FOLDER)!r})\n{body}")
    with started(*TWO, "--port", "0", "--app-dir", tmp_path, app="starving:app") as served:
        assert served.wait() == 3
    [line] = served.errors.splitlines()
    assert line == "vitok serve: --threads: server thread 2 can't be started: Too many open files"
    assert served.output.splitlines()[-1].startswith("shutdown in MainThread")


def test_events_end_in_all_threads(tmp_path: Path) -> None:
    """Responses without an end are not waited for, whichever thread sends them."""
    (tmp_path / "events_site.py").write_text("""
import asyncio
import threading
from vitok.http import App, Response

app = App()


async def forever():
    yield threading.current_thread().name
    await asyncio.Event().wait()


@app.get("/")
async def events(request):
    return Response.events(forever())
""")
    words = (*TWO, "--timeout-graceful-shutdown", "none", "--app-dir", tmp_path)
    with serving(*words, app="events_site:app") as served, ExitStack() as stack:
        seen: dict[str, socket.socket] = {}
        while len(seen) < 2:
            client = Client(served)
            stack.callback(client.close)
            client.send("/")
            data = b""
            while not data.endswith(b"\n\n\r\n"):
                data += client.sock.recv(65536)
            seen[data.split(b"data: ")[1].split(b"\n")[0].decode()] = client.sock
        served.child.send_signal(signal.SIGTERM)
        assert {drain(sock) for sock in seen.values()} == {b"0\r\n\r\n"}
        assert served.wait() == 0
