"""What systemd gives a server and is told by it: sockets (LISTEN_FDS), and the state (sd_notify).

systemd itself is not needed: the tests set the variables, and read the socket. systemd-socket-activate is used if it is
installed.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates_made import Certificates
from served import CHILD_SECONDS, FOLDER, UP, Served, ask, get, serving
from vitok.http.systemd import Notifier, take_descriptors

pytestmark = pytest.mark.vitok_only

VARIABLES = (
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)


class Manager:
    """The socket to which a server tells its state."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.sock.settimeout(CHILD_SECONDS)

    def next(self, name: str) -> dict[str, str]:
        """Read messages until one has this name."""
        while True:
            text = self.sock.recv(4096).decode()
            facts = dict(line.split("=", 1) for line in text.splitlines())
            if name in facts:
                return facts

    def drain(self) -> list[str]:
        """Return the messages that wait, all of which have been sent."""
        found = []
        while select.select([self.sock], [], [], 0)[0]:
            found.append(self.sock.recv(4096).decode())
        return found


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """Such a socket, with a path and with a name."""
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@vitok-test-{os.getpid()}")
    yield made
    made.sock.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_state_of_a_server(manager: Manager, workers: int) -> None:
    """It is ready when it accepts, with its number and addresses, and stopping when the end begins."""
    environment = {"NOTIFY_SOCKET": manager.address}
    with serving("--workers", str(workers), environment=environment) as served:
        by = " by 2 workers" if workers == 2 else ""
        assert manager.next("READY") == {
            "READY": "1",
            "MAINPID": str(served.child.pid),
            "STATUS": f"serving {served.urls[0]}{by}",
        }
        served.get()
        assert served.end() == 0
        assert manager.next("STOPPING")["STOPPING"] == "1"


def test_new_workers_are_a_reload(manager: Manager) -> None:
    """SIGHUP to the supervisor: reloading, with the time, and ready when all workers have been replaced."""
    with serving("--workers", "2", environment={"NOTIFY_SOCKET": manager.address}) as served:
        manager.next("READY")
        served.child.send_signal(signal.SIGHUP)
        facts = manager.next("RELOADING")
        assert facts["RELOADING"] == "1"
        assert int(facts["MONOTONIC_USEC"]) > 0
        manager.next("READY")
        assert served.end() == 0
    assert "all workers have been replaced" in served.errors


GATED = """
import asyncio, pathlib
async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    while not pathlib.Path(__file__).with_name("open").exists():
        await asyncio.sleep(0.01)
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})
"""


def test_many_reloads_at_once(manager: Manager, tmp_path: Path) -> None:
    """Signals during a replacement of all workers lead to another one, and only one: it loads what there is by then."""
    (tmp_path / "gated.py").write_text(GATED)
    (tmp_path / "open").touch()
    environment = {"NOTIFY_SOCKET": manager.address}
    with serving("--workers", "2", app="gated:app", folder=tmp_path, environment=environment) as served:
        manager.next("READY")
        (tmp_path / "open").unlink()
        for _ in range(5):
            served.child.send_signal(signal.SIGHUP)
            manager.next("RELOADING")
        (tmp_path / "open").touch()
        manager.next("READY")
        assert served.end() == 0
    assert served.errors.count("all workers have been replaced") == 2


def test_new_certificates_are_a_reload(manager: Manager, certificates: Certificates) -> None:
    """SIGHUP to a single process with TLS: reloading, and ready when the certificates are in use."""
    words = ("--certfile", certificates.certificate, "--keyfile", certificates.key)
    with serving(*words, environment={"NOTIFY_SOCKET": manager.address}) as served:
        manager.next("READY")
        served.child.send_signal(signal.SIGHUP)
        manager.next("RELOADING")
        manager.next("READY")
        assert served.end() == 0


def test_new_log_files_are_a_reload(manager: Manager, tmp_path: Path) -> None:
    """SIGHUP to a single process without TLS: reloading, and ready at once, since files are opened anew."""
    words = ("--access-log-file", tmp_path / "access.log")
    with serving(*words, environment={"NOTIFY_SOCKET": manager.address}) as served:
        manager.next("READY")
        served.child.send_signal(signal.SIGHUP)
        manager.next("RELOADING")
        manager.next("READY")
        assert served.end() == 0


def test_another_start_is_a_reload(manager: Manager, tmp_path: Path) -> None:
    """With --reload a start of the application is told, also one that fails: clients can connect anyway."""
    (tmp_path / "changing_app.py").write_text("from asgi_apps import app\n")
    environment = {"NOTIFY_SOCKET": manager.address, "PYTHONPATH": str(FOLDER)}
    with serving("--reload", app="changing_app:app", folder=tmp_path, environment=environment) as served:
        assert manager.next("READY")["MAINPID"] == str(served.child.pid)
        (tmp_path / "changing_app.py").write_text("from asgi_apps import app, nothing_of_this_name\n")
        manager.next("RELOADING")
        manager.next("READY")
        assert served.end() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_watchdog(manager: Manager, workers: str) -> None:
    """Signs of life go on while the server runs; a watchdog of another process is left to that."""
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"}
    with serving("--workers", workers, environment=environment) as served:
        for _ in range(3):
            assert manager.next("WATCHDOG") == {"WATCHDOG": "1"}
        assert served.end() == 0
    manager.drain()
    with serving("--workers", workers, environment=environment | {"WATCHDOG_PID": "1"}) as served:
        assert served.end() == 0
    assert not [text for text in manager.drain() if "WATCHDOG" in text]


@pytest.mark.parametrize("address", ["/no/such/socket", "@vitok-nobody", "vsock:2:1", "relative", "/" + "x" * 200, ""])
def test_a_socket_that_is_missing(address: str) -> None:
    """It stops nothing, and nothing is said about it."""
    with serving(environment={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"}) as served:
        served.get()
        assert served.end() == 0
    assert "NOTIFY" not in served.errors


def test_a_socket_without_room(tmp_path: Path) -> None:
    """A manager that does not read blocks nothing, and learns the state later; signs of life are not kept for it."""
    manager = Manager(str(tmp_path / "notify"))
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    filler.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            filler.sendto(b"X=1", manager.address)
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000"}
    with serving(environment=environment) as served:
        served.get()
        assert manager.next("READY")["MAINPID"] == str(served.child.pid)
        assert served.end() == 0
        manager.next("STOPPING")
    filler.close()
    manager.sock.close()


def test_what_is_told_outside_of_a_loop(tmp_path: Path) -> None:
    """Messages are in order, and nothing follows the end."""
    manager = Manager(str(tmp_path / "notify"))
    notifier = Notifier(manager.address)
    notifier.ready(["http://a:1", "unix:/b"])
    notifier.stopping()
    notifier.stopping()
    notifier.reloading()
    notifier.ready([])
    assert manager.sock.recv(4096).splitlines()[2] == b"STATUS=serving http://a:1 unix:/b"
    assert manager.sock.recv(4096) == b"STOPPING=1\nSTATUS=shutting down"
    assert manager.drain() == []
    manager.sock.close()


def test_the_variables_are_removed() -> None:
    """They are for this process only, and those that are for another one are not used."""
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "x", "LISTEN_FDNAMES": "a", "WATCHDOG_USEC": "x", "OTHER": "1"}
    environment |= {"NOTIFY_SOCKET": "/x", "WATCHDOG_PID": "1"}
    assert take_descriptors(environment) == ()
    Notifier.of_environment(environment)
    assert environment == {"OTHER": "1"}


@contextmanager
def activated(*words: str, sockets: list[socket.socket], **environment: str) -> Iterator[Served]:
    """Run the command with sockets as systemd gives them: from number 3 on, with the number of the process."""
    program = (
        "import os, sys\n"
        "given = [int(word) for word in sys.argv[1].split(',') if word]\n"
        "copies = [os.dup2(os.dup(number), 100 + place) for place, number in enumerate(given)]\n"
        "for place, copy in enumerate(copies):\n"
        "    os.dup2(copy, 3 + place)\n"
        "    os.close(copy)\n"
        "os.environ.setdefault('LISTEN_PID', str(os.getpid()))\n"
        "os.environ.setdefault('LISTEN_FDS', str(len(given)))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'vitok', 'serve', *sys.argv[2:]])\n"
    )
    numbers = [sock.fileno() for sock in sockets]
    child = subprocess.Popen(
        [sys.executable, "-c", program, ",".join(map(str, numbers)), *words, "--app-dir", str(FOLDER)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        pass_fds=numbers,
    )
    with child:
        try:
            yield Served(child)
        finally:
            child.kill()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sockets_of_systemd(tmp_path: Path, workers: str) -> None:
    """Several sockets, of TCP and Unix, are served by all workers; they stay usable for the next server."""
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "app.sock"))
    unix.listen()
    port = tcp.getsockname()[1]
    with tcp, unix:
        # A client that comes before the server waits for it.
        early = socket.create_connection(("127.0.0.1", port))
        for _ in range(2):
            with activated("asgi_apps:app", "--workers", workers, sockets=[tcp, unix]) as served:
                served.urls = served.read_until(UP)[1].split()
                assert served.urls == [f"http://127.0.0.1:{port}", f"unix:{tmp_path}/app.sock"]
                assert get(port)["path"] == "/"
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(tmp_path / "app.sock"))
                    assert ask(client).startswith(b"HTTP/1.1 200")
                if early is not None:
                    assert ask(early).startswith(b"HTTP/1.1 200")
                    early.close()
                assert served.end() == 0
            early = socket.create_connection(("127.0.0.1", port))
        early.close()


def test_sockets_of_another_process_and_explicit_addresses() -> None:
    """LISTEN_PID of another process, and an address anywhere else, leave the sockets alone."""
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        port = tcp.getsockname()[1]
        with activated("asgi_apps:app", "--port", "0", sockets=[tcp]) as served:
            assert served.read_until(UP)[1].split() != [f"http://127.0.0.1:{port}"]
        with activated("asgi_apps:app", "--print-config", sockets=[tcp], LISTEN_PID="1") as served:
            assert served.wait() == 0
            assert "bind = []  # default\n" in served.output
        with activated("asgi_apps:app", "--print-config", sockets=[tcp]) as served:
            assert served.wait() == 0
            assert 'bind = ["fd://3"]  # LISTEN_FDS\n' in served.output


def test_sockets_that_can_not_be_served(tmp_path: Path) -> None:
    """Datagram sockets, numbers without a descriptor and a number that is none: a line that names them."""

    def refusal(*sockets: socket.socket, code: int, **environment: str) -> str:
        with activated("asgi_apps:app", sockets=list(sockets), **environment) as served:
            assert served.wait() == code
        assert served.errors.count("\n") == 1
        return served.errors.removeprefix("vitok serve: ").removesuffix("\n")

    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        assert refusal(tcp, udp, code=3) == "fd://4: this is a datagram socket: expected a stream socket"
        assert refusal(tcp, code=2, LISTEN_FDS="x") == "LISTEN_FDS: 'x' is not a number of sockets"
        many = refusal(tcp, code=2, LISTEN_FDS="9999")
        assert many.startswith("LISTEN_FDS: 9999, but there is no descriptor ")


def test_children_of_the_application_see_no_variables(tmp_path: Path) -> None:
    """Neither the application nor its children take the sockets and the manager for theirs."""
    (tmp_path / "parent.py").write_text(
        "import os, subprocess, sys\nfrom asgi_apps import app, say\n"
        "say(subprocess.run([sys.executable, '-c', 'import os; print(sorted(os.environ), flush=True)'],\n"
        "    capture_output=True, text=True, close_fds=False).stdout)\n"
    )
    words = ["parent:app", "--app-dir", str(tmp_path), "--print-config"]
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        environment = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "LISTEN_FDNAMES": "x"}
        for workers in ("1", "2"):
            words = ["parent:app", "--workers", workers, "--check-config"]
            environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(FOLDER)])
            with activated(*words, sockets=[tcp], **environment) as served:
                assert served.wait() == 0
            assert "PYTHONPATH" in served.output
            assert not [name for name in VARIABLES if f"'{name}'" in served.output]


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None and os.environ.get("VITOK_REQUIRE_PROGRAMS") != "1",
    reason="systemd-socket-activate is missing (Debian: apt install systemd)",
)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_by_systemd_socket_activate(tmp_path: Path, workers: str) -> None:
    """systemd's own program starts the server at the first connection, which is answered."""
    path = tmp_path / "app.sock"
    serve = [sys.executable, "-m", "vitok", "serve", "asgi_apps:app", "--workers", workers]
    child = subprocess.Popen(
        ["systemd-socket-activate", f"--listen={path}", f"--setenv=PYTHONPATH={FOLDER}", *serve],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with child:
        try:
            served = Served(child)
            served.read_until("Listening on")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                assert ask(client).startswith(b"HTTP/1.1 200")
            served.read_until(UP)
            assert served.end() == 0
        finally:
            child.kill()
