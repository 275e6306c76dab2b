"""The listening socket that workers share: who gets a connection, and what becomes of those that wait in its queue.

Starting, replacing and ending workers is tested in test_serve_workers.py.
"""

import asyncio
import json
import os
import re
import select
import signal
import socket
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
import vitok
from certificates_made import Certificates
from driven import plain
from served import CHILD_SECONDS, Served, ask, drain, serving
from tls_clients import trusting_anything
from vitok._native import HttpServer
from vitok.http import sockets, tls
from vitok.http.listening import LOOK_AGAIN_SECONDS, Listeners
from vitok.http.log import Log
from vitok.http.options import Options, native_options

pytestmark = pytest.mark.vitok_only

APP = "blocking_apps:app"
READY = re.compile(r"worker (\d+) is ready")
LAST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


def connected(served: Served, stack: ExitStack) -> socket.socket:
    """A connection, which is closed at the end of the stack."""
    url = served.urls[0]
    family, place = (
        (socket.AF_UNIX, url.removeprefix("unix:"))
        if url.startswith("unix:")
        else (socket.AF_INET, ("127.0.0.1", served.port))
    )
    sock = stack.enter_context(socket.socket(family))
    sock.settimeout(CHILD_SECONDS)
    sock.connect(place)
    return sock


def process_of(response: bytes) -> int:
    """The process that has answered."""
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), response
    number: int = json.loads(body)["process"]
    return number


def block(served: Served, stack: ExitStack) -> int:
    """Block the worker that gets the next connection, and return it."""
    connected(served, stack).sendall(b"GET /block HTTP/1.1\r\nhost: x\r\n\r\n")
    assert served.child.stdout is not None
    while not (line := served.child.stdout.readline()).startswith("blocked "):
        assert line, "it has ended"
    return int(line.split()[1])


def test_a_worker_that_is_blocked_takes_no_connection_with_it(gate: Path, where: tuple[str, ...]) -> None:
    """While one of two workers is blocked, the other answers on every new connection."""
    words = ("--workers", "2", "--lifespan", "off", *where)
    with serving(*words, app=APP, environment={"GATE": str(gate)}) as served, ExitStack() as stack:
        stuck = block(served, stack)
        clients = [connected(served, stack) for _ in range(16)]
        seen = {process_of(ask(sock, LAST)) for sock in clients}
        assert len(seen) == 1
        assert stuck not in seen
        gate.write_bytes(b"")
        assert served.end() == 0


def test_connections_are_spread_over_idle_workers(where: tuple[str, ...]) -> None:
    """Connections that come one after the other, and stay, go to all workers; the kernel alone prefers one."""
    with serving("--workers", "2", "--lifespan", "off", *where, app=APP) as served, ExitStack() as stack:
        seen: Counter[int] = Counter()
        for _ in range(64):
            sock = connected(served, stack)
            sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"}"):
                answer += sock.recv(65536)
            seen[process_of(answer)] += 1
        # Half of them each, unless the machine is busy: a worker that is awake may be faster than one that is woken.
        assert len(seen) == 2, seen
        assert served.end() == 0


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGHUP])
def test_a_queue_outlives_its_workers(gate: Path, where: tuple[str, ...], ending: signal.Signals) -> None:
    """Connections that wait for a worker which dies, or is replaced, are answered by the next one."""
    words = ("--workers", "2", "--log-level", "debug", "--lifespan", "off", "--timeout-graceful-shutdown", "0.2")
    with serving(*words, *where, app=APP, environment={"GATE": str(gate)}) as served, ExitStack() as stack:
        old = {block(served, stack), block(served, stack)}
        assert old == {int(number) for number in READY.findall(served.errors)}
        clients = [connected(served, stack) for _ in range(16)]
        for sock in clients:
            sock.sendall(LAST)
        if ending == signal.SIGHUP:
            served.child.send_signal(ending)
        else:
            for number in old:
                os.kill(number, ending)
        assert {process_of(drain(sock)) for sock in clients}.isdisjoint(old)
        if ending == signal.SIGHUP:
            gate.write_bytes(b"")
        assert served.end() == 0


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_a_connection_for_which_a_process_was_woken_that_does_not_accept(
    is_tls: bool, certificates: Certificates
) -> None:
    """A worker may be killed between its wake-up and accept(2): another one finds the connection within a second."""
    context = tls.context(Options(ssl_certfile=str(certificates.both)))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener, select.epoll() as other:
            listener.setblocking(False)
            other.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
            # The process that has waited for the longest is woken: this one, if its thread has come so far.
            sleeps = threading.Event()
            woken = loop.run_in_executor(None, lambda: (sleeps.set(), other.poll(3 * LOOK_AGAIN_SECONDS)))
            sleeps.wait()
            http = HttpServer(loop, plain, native_options(), Log())
            bound = [sockets.Bound(listener.dup(), is_shared=True)]
            listeners = Listeners(http, bound, context if is_tls else None, handshake_seconds=None, log=Log())
            await listeners.open(16)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            if is_tls:
                await writer.start_tls(trusting_anything())
            writer.write(LAST)
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            await woken
            await listeners.close()

    vitok.run(main())
