"""What the end of a server tells the clients of WebSockets: 1012 if another process takes its place, otherwise 1001
(RFC 6455, section 7.4.1, and the registry of its codes).

The close handshake itself is tested elsewhere.
"""

import asyncio
import base64
import contextlib
import os
import signal
import socket
from collections.abc import Iterator

import pytest
import vitok.http
from embedded import port_of, run
from embedded import serving as embedded
from served import CHILD_SECONDS, Served, get, serving
from websocket_apps import waits

pytestmark = pytest.mark.vitok_only

APP = "websocket_apps:waits"
TWO = ("--workers", "2", "--log-level", "debug")
GOING_AWAY, RESTART = 1001, 1012
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: " + base64.b64encode(bytes(16)) + b"\r\n\r\n"
)


class Client:
    """A WebSocket. `process` has accepted it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb")
        sock.sendall(HANDSHAKE)
        assert self._file.readline().startswith(b"HTTP/1.1 101 ")
        while self._file.readline() != b"\r\n":
            pass
        self.process = int(self._frame())

    def code(self) -> int:
        """Read the close frame, answer it, and return its code once the server has closed."""
        data = self._frame()
        self._sock.sendall(bytes([0x88, 0x82, 0, 0, 0, 0]) + data[:2])
        assert self._file.read() == b""
        return int.from_bytes(data[:2], "big")

    def close(self) -> None:
        """Hang up."""
        self._file.close()

    def _frame(self) -> bytes:
        _, length = self._file.read(2)
        return self._file.read(length)


@contextlib.contextmanager
def connected(served: Served) -> Iterator[Client]:
    """A client of one of the processes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as sock:
        client = Client(sock)
        try:
            yield client
        finally:
            client.close()


@pytest.mark.parametrize("words", [(), TWO], ids=["one process", "workers"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server(words: tuple[str, ...], number: signal.Signals) -> None:
    """Nothing restarts."""
    with serving(*words, app=APP) as served, connected(served) as client:
        served.child.send_signal(number)
        assert client.code() == GOING_AWAY
        assert served.wait() == 0
    assert f"disconnected: {GOING_AWAY}\n" in served.output


def test_sighup_replaces_the_workers() -> None:
    """The client of a worker that is replaced may come back at once."""
    with serving(*TWO, app=APP) as served, connected(served) as client:
        served.child.send_signal(signal.SIGHUP)
        assert client.code() == RESTART
        served.read_until("all workers have been replaced")
        with connected(served) as again:
            assert again.process != client.process
            served.child.send_signal(signal.SIGTERM)
            assert again.code() == GOING_AWAY
        assert served.wait() == 0
    assert f"disconnected: {RESTART}\n" in served.output


def test_a_worker_with_its_number_of_requests_is_replaced() -> None:
    """The WebSocket itself is a request that has not ended."""
    with serving(*TWO, "--limit-max-requests", "2", app=APP) as served, connected(served) as client:
        ended = 0
        while ended < 2:
            ended += get(served.port)["process"] == client.process
        assert client.code() == RESTART
        assert served.end() == 0


def test_a_process_with_its_number_of_requests_ends() -> None:
    """The limit is for processes that something starts again."""
    with serving("--limit-max-requests", "2", app=APP) as served, connected(served) as client:
        for _ in range(2):
            get(served.port)
        assert client.code() == RESTART
        assert served.wait() == 0


def test_a_supervisor_that_is_killed_takes_its_workers_along() -> None:
    """They are not replaced."""
    with serving(*TWO, app=APP) as served, connected(served) as client:
        os.kill(served.child.pid, signal.SIGKILL)
        assert client.code() == GOING_AWAY


@pytest.mark.parametrize(
    ("calls", "code"),
    [
        ([{}], GOING_AWAY),
        ([{"restarts": True}], RESTART),
        # The first call decides.
        ([{"restarts": True}, {}], RESTART),
        ([{}, {"restarts": True}], GOING_AWAY),
    ],
)
def test_a_program_says_whether_it_restarts(calls: list[dict[str, bool]], code: int) -> None:
    """`Server.stop(restarts=True)`."""
    seen: list[int] = []

    def client(server: vitok.http.Server, connected: asyncio.Event) -> None:
        with socket.create_connection(("127.0.0.1", port_of(server)), timeout=CHILD_SECONDS) as sock:
            one = Client(sock)
            loop.call_soon_threadsafe(connected.set)
            seen.append(one.code())
            one.close()

    async def main() -> None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        connected = asyncio.Event()
        async with embedded(waits, lifespan="off") as server:
            thread = asyncio.create_task(asyncio.to_thread(client, server, connected))
            await connected.wait()
            for keywords in calls:
                server.stop(**keywords)
            await thread

    loop: asyncio.AbstractEventLoop
    run(main())
    assert seen == [code]
