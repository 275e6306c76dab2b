"""`uvicorn --http vitok.uvicorn:Protocol`: what uvicorn expects of its protocols in addition to answering requests.

The frameworks of test_http_servers.py are served by it, too.
"""

import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from children import CHILD_SECONDS, FLAVOURS, Flavour, Server, started
from needs import need_library

APPLICATION = """
import asyncio
import os
import pathlib


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        if scope["path"] == "/slow":
            await asyncio.sleep(0.5)
        if scope["path"] == "/fifo":
            fifo = str(pathlib.Path(__file__).with_name("fifo"))
            os.mkfifo(fifo)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.pathsend", "path": fifo})
            return
        if scope["path"] == "/error":
            raise ValueError("a mistake of the application")
        status = 204 if scope["path"] == "/nothing" else 200
        facts = f"{scope['root_path']} {scope['path']} {scope['state'].get('made')}".encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": facts})


async def lifespan(scope, receive, send):
    await receive()
    scope["state"]["made"] = "at startup"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    message = await receive()
    await send({"type": "websocket.send", "text": message["text"]})
    await send({"type": "websocket.close"})
"""


@pytest.fixture(scope="module", params=[name for name in FLAVOURS if name != "vitok-dev"])
def only_flavour(request: pytest.FixtureRequest) -> Flavour:
    """One plain flavour of each loop: the protocol works on both."""
    wanted = request.config.getoption("--loop")
    flavour = FLAVOURS[request.param]
    if wanted not in (None, flavour.loop):
        pytest.skip(f"only {wanted} was asked for")
    return flavour


@contextmanager
def uvicorn(folder: Path, flavour: Flavour, *options: str) -> Iterator[Server]:
    """A server of the application above; the test ends it, or the end of the test does."""
    need_library("uvicorn")
    (folder / "application.py").write_text(APPLICATION)
    words = [sys.executable, *flavour.flags, "-m", "uvicorn", "application:app", "--app-dir", str(folder)]
    words += ["--port", "0", "--loop", f"{flavour.loop}:new_event_loop", "--http", "vitok.uvicorn:Protocol", *options]
    with started(words, flavour) as (_, server):
        yield server


def get(server: Server, path: str) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=CHILD_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_settings_reach_the_application(tmp_path: Path, only_flavour: Flavour) -> None:
    """The root path and what the application's start has left in the state are in the scope."""
    with uvicorn(tmp_path, only_flavour, "--root-path", "/site") as server:
        assert get(server, "/here") == (200, b"/site /site/here at startup")


def test_accesses_and_errors_are_logged_by_uvicorn(tmp_path: Path, only_flavour: Flavour) -> None:
    """uvicorn's own loggers have a line for each request, and the traceback of an application that raises."""
    with uvicorn(tmp_path, only_flavour) as server:
        get(server, "/one?two=3")
        assert get(server, "/error")[0] == 500
        server.process.terminate()
        output, _ = server.process.communicate(timeout=CHILD_SECONDS)
    assert '"GET /one?two=3 HTTP/1.1" 200 OK' in output
    assert '"GET /error HTTP/1.1" 500 Internal Server Error' in output
    assert "Exception in ASGI application" in output
    assert "ValueError: a mistake of the application" in output


def test_content_that_a_status_does_not_have_is_left_out(tmp_path: Path, only_flavour: Flavour) -> None:
    """The client gets the status and keeps its connection, and uvicorn's log a line."""
    with uvicorn(tmp_path, only_flavour) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=CHILD_SECONDS)
        for path, status, content in (("/nothing", 204, b""), ("/there", 200, b" /there at startup")):
            connection.request("GET", path)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (status, content)
        connection.close()
        server.process.terminate()
        output, _ = server.process.communicate(timeout=CHILD_SECONDS)
    assert output.count("A response with status 204 has no content: what was sent is left out") == 1
    assert "Traceback" not in output


def test_a_signal_waits_for_what_is_answered(tmp_path: Path, only_flavour: Flavour) -> None:
    """An idle connection is closed at SIGTERM, and a request that runs is answered before the process ends."""
    with uvicorn(tmp_path, only_flavour) as server:
        idle, busy = (HTTPConnection("127.0.0.1", server.port, timeout=CHILD_SECONDS) for _ in range(2))
        idle.request("GET", "/idle")
        idle.getresponse().read()
        busy.request("GET", "/slow")
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        answer = busy.getresponse()
        assert (answer.status, answer.read()) == (200, b" /slow at startup")
        assert answer.headers["connection"] == "close"
        server.process.communicate(timeout=CHILD_SECONDS)
        assert server.process.returncode == -signal.SIGTERM
        idle.close()
        busy.close()


def test_the_process_ends_after_so_many_requests(tmp_path: Path, only_flavour: Flavour) -> None:
    """`--limit-max-requests` counts what this protocol has served."""
    with uvicorn(tmp_path, only_flavour, "--limit-max-requests", "3") as server:
        for _ in range(3):
            get(server, "/")
        server.process.communicate(timeout=CHILD_SECONDS)
        assert server.process.returncode == 0


def test_a_websocket_goes_to_the_protocol_that_uvicorn_has(tmp_path: Path, only_flavour: Flavour) -> None:
    """The handshake is handed over with the connection."""
    need_library("websockets")
    from websockets.sync.client import connect

    with (
        uvicorn(tmp_path, only_flavour) as server,
        connect(f"ws://127.0.0.1:{server.port}/", open_timeout=CHILD_SECONDS) as websocket,
    ):
        websocket.send("hello")
        assert websocket.recv(timeout=CHILD_SECONDS) == "hello"


@pytest.mark.parametrize(
    ("request_", "status", "body"),
    [
        (b"GET / HTTP/1.1\r\nhost:\r\n\r\n", 400, None),
        (b"A" * 100_000, 501, None),
        (b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 200, b" * at startup"),
        # Opening it would wait for its other end, and stop the server.
        (b"GET /fifo HTTP/1.1\r\nhost: a\r\n\r\n", 500, None),
    ],
    ids=["empty Host", "long method", "asterisk", "FIFO"],
)
def test_what_is_odd_in_a_request(
    request_: bytes, status: int, body: bytes | None, tmp_path: Path, only_flavour: Flavour
) -> None:
    """It is refused, or answered, as by `vitok serve`."""
    with uvicorn(tmp_path, only_flavour) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=CHILD_SECONDS) as sock:
            sock.sendall(request_)
            answer = b""
            while block := sock.recv(65536):
                answer += block
        assert answer.split(b" ", 2)[1] == str(status).encode()
        assert body is None or answer.endswith(body)
        assert get(server, "/")[0] == 200
