"""The clients of `vitok serve --reload`: nobody is refused or reset, and nobody delays a reload.

Changes are tested in test_reload.py.
"""

import http.client
import socket
import threading
from pathlib import Path

import pytest
from metrics_support import page, url_of
from reload_support import READY, WAITS, Project, ready, word
from served import CHILD_SECONDS, FOLDER, Served
from test_serve_restarts import RESTART, connected

pytestmark = pytest.mark.vitok_only

STREAM = """
import asyncio

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    while True:
        await send({"type": "http.response.body", "body": b"data: x\\n\\n", "more_body": True})
        await asyncio.sleep(0.01)
"""
RELOADS = 10


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project; how changes are noticed does not matter here."""
    return Project(tmp_path, "times")


class Clients:
    """Clients that ask all the time, each with its own kind of connection."""

    def __init__(self, served: Served) -> None:
        self.failures: list[list[str]] = [[], []]
        self.answers: list[int] = [0, 0]
        self._served = served
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(2)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until both have had their last answer."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        """The first one connects for each request, the other one when the server has announced the end."""
        connection = http.client.HTTPConnection("127.0.0.1", self._served.port, timeout=CHILD_SECONDS)
        while not self._ended.is_set():
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    self.failures[number].append(f"status {response.status}")
                if number == 0:
                    connection.close()
                self.answers[number] += 1
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.failures[number].append(repr(error))
        connection.close()


def test_nobody_is_refused(project: Project) -> None:
    """Clients that ask all the time, over ten reloads, get an answer to each request."""
    with project.serving() as served:
        ready(served)
        clients = Clients(served)
        try:
            for number in range(RELOADS):
                project.say(str(number))
                while word(served) != str(number):
                    served.read_until(READY)
        finally:
            clients.end()
        assert served.end() == 0
    assert clients.failures == [[], []]
    assert min(clients.answers) > RELOADS


def test_a_stream_delays_nothing(project: Project) -> None:
    """A response without an end is cut off at a reload, whatever time the server would give it."""
    project.write(STREAM)
    with (
        project.serving("--timeout-graceful-shutdown", "none") as served,
        socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as sock,
    ):
        ready(served)
        sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert sock.recv(12) == b"HTTP/1.1 200"
        project.say("second")
        while sock.recv(65536):
            pass
        ready(served)
        assert word(served) == "second"
        assert served.end() == 0


def test_websockets_are_told(project: Project) -> None:
    """Their clients get the close code of a restart."""
    words = ("--reload-dir", project.folder, "--timeout-graceful-shutdown", "none")
    with project.serving(*words, app="websocket_apps:waits", folder=FOLDER) as served:
        first = ready(served)
        with connected(served) as client:
            assert client.process == first
            project.say("second")
            assert client.code() == RESTART
        assert ready(served) != first


def test_metrics(project: Project) -> None:
    """The main process serves them: it stays reachable while the application is broken, and counts what has ended."""
    with project.serving("--metrics", "127.0.0.1:0") as served:
        url = url_of(served)
        ready(served)
        assert word(served) == "first"
        assert page(url, "/ready")[:2] == (200, "ready\n")
        project.write("def (")
        served.read_until(WAITS)
        assert page(url, "/ready")[0] == 503
        assert page(url, "/live")[0] == 200
        project.say("second")
        ready(served)
        assert page(url, "/ready")[0] == 200
        assert served.end() == 0
