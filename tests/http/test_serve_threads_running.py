"""What reaches all threads of a server while it runs: certificates, log files, another start, limits, collections.

Accepting is tested in test_serve_threads.py, the end in test_serve_threads_ending.py.
"""

import json
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from certificates_made import Certificates
from served import CHILD_SECONDS, Served, drain, serving
from support import run_python
from test_serve_systemd import Manager
from threads_support import (
    APP,
    MAIN,
    Client,
    clients_of_all,
    names,
    needs_free_threading,
    open_to_all,
    output_until,
    spread,
)
from tls_authority import Authority, pem_of
from tls_clients import put, trusting_anything
from vitok.http import wsgi

pytestmark = [pytest.mark.vitok_only, needs_free_threading]

TWO = ("--threads", "2")
SECOND = "vitok server 2"
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def certificates_by_thread(served: Served, stack: ExitStack, count: int) -> dict[str, set[str]]:
    """The certificates, in PEM, that so many threads show on new connections, which stay open."""
    shown: dict[str, set[str]] = {}
    context = trusting_anything()
    while len(shown) < count:
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS))
        sock = stack.enter_context(context.wrap_socket(plain))
        sock.sendall(GET)
        data = b""
        while not data.endswith(b"}"):
            data += sock.recv(65536)
        der = sock.getpeercert(binary_form=True)
        assert der is not None
        thread = json.loads(data.partition(b"\r\n\r\n")[2])["thread"]
        shown.setdefault(thread, set()).add(ssl.DER_cert_to_PEM_cert(der))
    return shown


def test_new_certificates_in_all_threads(certificates: Certificates, tmp_path: Path) -> None:
    """After SIGHUP every thread has them, and the log says so once."""
    authority = Authority.make(tmp_path)
    old, new = (authority.sign(name, names="IP:127.0.0.1") for name in ("old", "new"))
    path = tmp_path / "both.pem"
    put(path, old.read_text())
    with serving("--threads", "3", "--ssl-certfile", path, app=APP) as served, ExitStack() as stack:
        assert certificates_by_thread(served, stack, 3) == {name: {pem_of(old)} for name in names(3)}
        put(path, new.read_text())
        served.child.send_signal(signal.SIGHUP)
        served.read_until("the certificates were loaded again")
        assert certificates_by_thread(served, stack, 3) == {name: {pem_of(new)} for name in names(3)}
        assert served.end() == 0
    assert served.errors.count("the certificates were loaded again") == 1


def test_log_files_are_opened_anew_for_all(tmp_path: Path) -> None:
    """Lines of requests of all threads go to one file, and after SIGUSR1 to the next."""
    path, old = tmp_path / "access.log", tmp_path / "access.log.1"
    words = (*TWO, "--access-log-file", path)
    with serving(*words, app=APP) as served, clients_of_all(served, 2) as clients:
        for client in clients.values():
            client.ask("/first")
        # Lines are written together, a moment later.
        while path.read_text().count("GET /first") < 2:
            clients[MAIN].ask("/waiting")
        path.rename(old)
        served.child.send_signal(signal.SIGUSR1)
        served.read_until("the log files were opened anew")
        for client in clients.values():
            client.ask("/second")
        assert served.end() == 0
    assert old.read_text().count("GET /first") == 2
    assert "/second" not in old.read_text()
    assert path.read_text().count("GET /second") == 2


def test_reload_starts_all_threads_again(tmp_path: Path) -> None:
    """With --reload the worker has the threads, and the next one, too."""
    folder = tmp_path / "project"
    folder.mkdir()
    module = folder / "site_app.py"
    body = f"import sys; sys.path.append({str(Path(__file__).parent)!r})\nfrom threads_apps import app\n"
    module.write_text(body)
    words = (*TWO, "--reload", "--app-dir", folder, "--reload-delay", "0.05")
    with serving(*words, app="site_app:app") as served:
        served.read_until(r"worker \d+ is ready")
        with ExitStack() as stack:
            open_to_all(served, stack, 2)
        module.write_text(f"{body}WORD = 'another'\n")
        served.read_until(r"worker \d+ is ready")
        with ExitStack() as stack:
            open_to_all(served, stack, 2)
        assert served.end() == 0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """The socket to which the state is told."""
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.sock.close()


def test_the_watchdog_hears_of_a_thread_that_is_blocked(manager: Manager, tmp_path: Path) -> None:
    """systemd is told nothing as long as a thread does not answer."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    environment = {"GATE": str(gate), "NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"}
    with serving(*TWO, app=APP, environment=environment) as served, clients_of_all(served, 2) as clients:
        assert manager.next("WATCHDOG") == {"WATCHDOG": "1"}
        clients[SECOND].send("/block")
        output_until(served, "blocked")
        # Those that were sent before.
        manager.drain()
        clients[MAIN].ask("/sleep/0.5")
        assert len([text for text in manager.drain() if "WATCHDOG" in text]) <= 1
        gate.write_bytes(b"")
        clients[SECOND].read()
        assert manager.next("WATCHDOG") == {"WATCHDOG": "1"}
        assert served.end() == 0


def test_requests_at_a_time_are_those_of_the_process() -> None:
    """--limit-concurrency counts the requests of all threads, and --limit-connections their connections."""
    with serving(*TWO, "--limit-concurrency", "1", app=APP) as served, ExitStack() as stack:
        clients = stack.enter_context(clients_of_all(served, 2))
        clients[SECOND].send("/sleep/60")
        output_until(served, "begun in")
        clients[MAIN].send("/")
        assert clients[MAIN].sock.recv(65536).startswith(b"HTTP/1.1 503 ")
        served.child.kill()
    with serving(*TWO, "--limit-connections", "6", app=APP) as served, ExitStack() as stack:
        spread(served, stack, 6)
        refused = Client(served)
        stack.callback(refused.close)
        assert drain(refused.sock) == b""
        assert served.end() == 0


def test_vitok_top_shows_all_loops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By --inspect, by the names of their threads."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with serving("--threads", "3", "--inspect", app=APP) as served:
        words = ("-m", "vitok", "top", str(served.child.pid), "--once", "--json", "--interval", "0.01")
        shown = run_python(*words)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert {loop["thread"] for loop in json.loads(shown.stdout)["loops"]} == names(3)
        assert served.end() == 0


def test_a_native_application_in_all_threads(tmp_path: Path) -> None:
    """Its routes are compiled once, and its handlers are called in the thread of each request."""
    (tmp_path / "native_site.py").write_text("""
import threading
from vitok.http import App

app = App()


@app.get("/")
async def index(request):
    return {"thread": threading.current_thread().name}


@app.get("/plain")
def plain(request):
    return {"thread": threading.current_thread().name}
""")
    with serving("--threads", "3", "--app-dir", tmp_path, app="native_site:app") as served:
        with clients_of_all(served, 3) as clients:
            for name, client in clients.items():
                for _ in range(20):
                    assert client.ask("/plain")["thread"] == name
        assert served.end() == 0


def test_collections_while_all_threads_serve() -> None:
    """The collector stops all threads, again and again, and they go on."""
    with serving("--threads", "3", app=APP) as served, clients_of_all(served, 3) as clients:
        for _ in range(30):
            for client in clients.values():
                client.send("/collect")
            for name, client in clients.items():
                assert client.read()["thread"] == name
        assert served.end() == 0


@pytest.mark.skipif(not wsgi.is_available(), reason="a2wsgi is not installed: pip install --group programs")
def test_a_wsgi_application_in_all_threads(tmp_path: Path) -> None:
    """Its own threads are shared by all loops."""
    (tmp_path / "wsgi_site.py").write_text("""
import threading

def app(environ, start_response):
    body = b'{"thread": "%s"}' % threading.current_thread().name.encode()
    start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
    return [body]
""")
    with serving(*TWO, "--wsgi-threads", "3", "--app-dir", tmp_path, app="wsgi_site:app") as served:
        with ExitStack() as stack:
            seen = spread(served, stack, 24)
        assert len(seen) <= 3
        assert not set(seen) & names(2)
        assert served.end() == 0
