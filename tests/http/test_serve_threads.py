"""`vitok serve --threads`: several loops behind one address, with one application, one lifespan and one of each limit.

Signals and the end are tested in test_serve_threads_ending.py, and refusals in test_serve_threads_refused.py.
"""

import itertools
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from certificates_made import Certificates
from served import serving
from test_serve_workers import workers_of
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
from tls_clients import trusting_anything

pytestmark = [pytest.mark.vitok_only, needs_free_threading]

FOUR = ("--threads", "4")


def test_all_threads_accept(where: tuple[str, ...]) -> None:
    """Connections that stay go to all threads of one process, which has no others; the lifespan is the main one's."""
    with serving(*FOUR, *where, app=APP) as served, ExitStack() as stack:
        open_to_all(served, stack, 4)
        client = Client(served)
        stack.callback(client.close)
        answer = client.ask()
        assert answer["process"] == served.child.pid
        # And the one that writes the lines of the access log.
        assert 4 <= answer["threads"] <= 6
        assert served.end() == 0
    assert served.output.count("startup") == served.output.count("shutdown") == 1
    assert "startup in MainThread" in served.output
    assert "shutdown in MainThread" in served.output
    assert "(4 threads; Ctrl-C ends it)" in served.errors
    assert "Traceback" not in served.errors


def test_threads_share_application_state_and_context() -> None:
    """Requests of all threads see the state of the one lifespan, and the context variables of the program."""
    with serving(*FOUR, app=APP) as served, clients_of_all(served, 4) as clients:
        answers = {name: client.ask() for name, client in clients.items()}
        assert {one["token"] for one in answers.values()} == {"token 1"}
        assert {one["marker"] for one in answers.values()} == {"set at import"}
        assert len({one["loop"] for one in answers.values()}) == 4
        assert not any(one["debug"] for one in answers.values())
        assert served.end() == 0


def test_debug_mode_and_exception_handler_hold_for_all_loops() -> None:
    """asyncio's debug mode, and the exception handler that the lifespan has set, are those of all loops that serve."""
    with (
        serving(*FOUR, app=APP, environment={"PYTHONASYNCIODEBUG": "1"}) as served,
        clients_of_all(served, 4) as clients,
    ):
        for name, client in clients.items():
            assert client.ask("/fail-later")["debug"]
            assert output_until(served, "handled") == f"handled in {name}: ZeroDivisionError('division by zero')"
        assert served.end() == 0


def test_a_thread_that_is_blocked_takes_no_connection_with_it(gate: Path, where: tuple[str, ...]) -> None:
    """While three of four threads are blocked, the fourth answers on every new connection."""
    with serving(*FOUR, *where, app=APP, environment={"GATE": str(gate)}) as served, ExitStack() as stack:
        clients = stack.enter_context(clients_of_all(served, 4))
        free = clients.pop("vitok server 3")
        for client in clients.values():
            client.send("/block")
            output_until(served, "blocked")
        assert set(spread(served, stack, 16)) == {"vitok server 3"}
        assert free.ask()["thread"] == "vitok server 3"
        # A reader each: the FIFO has one end for all of them.
        with gate.open("wb"):
            for client in clients.values():
                assert client.sock.fileno() > 0
        for client in clients.values():
            client.read()
        assert served.end() == 0


def test_the_main_thread_that_is_blocked(gate: Path) -> None:
    """The main loop is one of them: the others go on while it is blocked."""
    with serving("--threads", "2", app=APP, environment={"GATE": str(gate)}) as served, ExitStack() as stack:
        clients = stack.enter_context(clients_of_all(served, 2))
        clients[MAIN].send("/block")
        assert output_until(served, "blocked") == "blocked MainThread"
        assert set(spread(served, stack, 8)) == {"vitok server 2"}
        gate.write_bytes(b"")
        assert clients[MAIN].read()["thread"] == MAIN
        assert served.end() == 0


def test_several_addresses_and_a_unix_socket(tmp_path: Path) -> None:
    """Each thread accepts at every address; the file of the Unix socket is removed once, at the end."""
    path = tmp_path / "app.sock"
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        serving(
            *FOUR,
            "--bind",
            f"fd://{listener.fileno()},unix:{path}",
            app=APP,
            pass_fds=[listener.fileno()],
        ) as served,
        ExitStack() as stack,
    ):
        urls = served.urls
        assert len(urls) == 2
        for url in urls:
            served.urls = [url]
            open_to_all(served, stack, 4)
        assert served.end() == 0
    assert not path.exists()


def test_tls_in_all_threads(certificates: Certificates) -> None:
    """All threads have the certificate, and accept the session that another one has begun."""
    with (
        serving(*FOUR, "--ssl-certfile", certificates.both, app=APP) as served,
        ExitStack() as stack,
    ):
        context = trusting_anything()
        seen = set()
        while len(seen) < 4:
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=20))
            sock = stack.enter_context(context.wrap_socket(raw, server_hostname="localhost"))
            sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            data = b""
            while not data.endswith(b"}"):
                data += sock.recv(65536)
            seen.add(data.split(b'"thread": "')[1].split(b'"')[0].decode())
        assert seen == names(4)
        assert served.end() == 0


def test_proxy_protocol_in_all_threads() -> None:
    """A header of the PROXY protocol is read by whichever thread accepts."""
    with (
        serving(*FOUR, "--proxy-protocol", "v1", app=APP) as served,
        ExitStack() as stack,
    ):
        seen = set()
        for number in itertools.count(1):
            client = Client(served)
            stack.callback(client.close)
            client.sock.sendall(f"PROXY TCP4 192.0.2.{number % 256} 127.0.0.1 {1000 + number} 80\r\n".encode())
            answer = client.ask()
            assert answer["client"] == [f"192.0.2.{number % 256}", 1000 + number]
            seen.add(answer["thread"])
            if len(seen) == 4:
                break
        assert served.end() == 0


def test_workers_and_threads() -> None:
    """Each worker has its own threads."""
    words = ("--workers", "2", "--threads", "2", "--log-level", "debug")
    with serving(*words, app=APP) as served, ExitStack() as stack:
        seen = set()
        while len(seen) < 4:
            client = Client(served)
            stack.callback(client.close)
            answer = client.ask()
            seen.add((answer["process"], answer["thread"]))
        assert {process for process, _ in seen} == set(workers_of(served.errors))
        assert served.end() == 0
    assert served.output.count("startup") == served.output.count("shutdown") == 2
    assert "(2 workers of 2 threads each; Ctrl-C ends it)" in served.errors


def test_a_deep_recursion_is_an_error_in_any_thread() -> None:
    """The stack of a thread is smaller than that of the main one, and the interpreter knows it."""
    with serving("--threads", "2", app=APP) as served, clients_of_all(served, 2) as clients:
        for client in clients.values():
            client.send("/recurse")
            assert client.sock.recv(65536).startswith(b"HTTP/1.1 500 ")
        assert served.end() == 0
    assert served.errors.count("RecursionError") >= 2
