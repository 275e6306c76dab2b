"""`vitok serve` with a native application: the options do the same as with ASGI, which is the other case of each test.

What an application answers is tested in test_native_everywhere.py.
"""

import http.client
import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates_made import Certificates
from served import CHILD_SECONDS, Served, ask, get, refused, serving
from tls_clients import trusting_anything

pytestmark = pytest.mark.vitok_only

APP = "native_served:app"


@pytest.fixture(params=["native", "asgi3"])
def interface(request: pytest.FixtureRequest) -> str:
    """How the application is served."""
    name: str = request.param
    return name


@contextmanager
def serving_app(interface: str, *words: str | Path, **options: Any) -> Iterator[Served]:
    """Serve the application."""
    with serving("--interface", interface, *words, app=options.pop("app", APP), **options) as served:
        yield served


def status_of(port: int, target: str, content: bytes | None = None) -> int:
    """The status of the response to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CHILD_SECONDS)
    try:
        connection.request("GET" if content is None else "POST", target, content)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def connected(served: Served) -> socket.socket:
    """A connection."""
    return socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS)


def begun(served: Served, target: str) -> socket.socket:
    """Send a request, and wait until the application says that it sleeps."""
    sock = connected(served)
    sock.sendall(f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    read_output_until(served, "sleeping")
    return sock


def read_output_until(served: Served, word: str) -> None:
    """Read the standard output until this line."""
    assert served.child.stdout is not None
    for line in served.child.stdout:
        served.output += line
        if line.strip().endswith(word):
            return
    raise AssertionError(f"it did not say {word!r}")


def test_the_lifespan(interface: str) -> None:
    """It starts before the first request and ends after the last, and its state is in each request."""
    with serving_app(interface) as served:
        assert get(served.port)["answer"] == 42
        assert served.end() == 0
    assert [line for line in served.output.splitlines() if line in ("started", "ended")] == ["started", "ended"]


def test_no_lifespan(interface: str) -> None:
    """`--lifespan off` leaves it out."""
    with serving_app(interface, "--lifespan", "off") as served:
        assert get(served.port)["answer"] is None
        assert served.end() == 0
    assert "started" not in served.output


def test_a_lifespan_that_fails(interface: str) -> None:
    """The traceback of the application, a line, and the exit code."""
    code, lines = refused("--interface", interface, app="native_served:broken")
    assert code == 3
    assert lines[-1] == "vitok serve: the application failed to start"
    assert "LookupError: no database" in lines
    assert not [line for line in lines if "vitok/http" in line]


def test_a_factory(interface: str) -> None:
    """A factory returns it."""
    with serving_app(interface, "--factory", app="native_served:made") as served:
        assert get(served.port)["answer"] == 42


def test_workers(interface: str) -> None:
    """Several processes serve, each with a lifespan, and all end."""
    with serving_app(interface, "--workers", "2") as served:
        found = {get(served.port)["process"] for _ in range(40)}
        assert served.child.pid not in found
        assert served.end() == 0
    assert served.output.splitlines().count("started") == 2
    assert served.output.splitlines().count("ended") == 2


def test_the_access_log(interface: str) -> None:
    """A line for each request, also for those that no handler answers; none with --no-access-log."""
    with serving_app(interface) as served:
        for target in ("/", "/nowhere?a=1", "/fails"):
            status_of(served.port, target)
        assert served.end() == 0
    lines = [line for line in served.output.splitlines() if "HTTP/1.1" in line]
    found = [re.search(r'"(\S+ \S+ HTTP/1\.1)" (\d+)', line) for line in lines]
    assert [match.groups() if match else None for match in found] == [
        ("GET / HTTP/1.1", "200"),
        ("GET /nowhere?a=1 HTTP/1.1", "404"),
        ("GET /fails HTTP/1.1", "500"),
    ]
    with serving_app(interface, "--no-access-log") as served:
        assert status_of(served.port, "/") == 200
        assert served.end() == 0
    assert "HTTP/1.1" not in served.output


def test_an_exception_is_reported(interface: str) -> None:
    """Its traceback is on the standard error, once."""
    with serving_app(interface) as served:
        assert status_of(served.port, "/fails") == 500
        assert served.end() == 0
    assert served.errors.count("ValueError: on purpose") == 1
    assert "in fails" in served.errors


def test_tls(interface: str, certificates: Certificates) -> None:
    """The scheme is https, and so is a URL."""
    with serving_app(interface, "--certfile", certificates.both) as served:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", served.port, timeout=CHILD_SECONDS, context=trusting_anything()
        )
        connection.request("GET", "/", headers={"Host": "example.org"})
        told = json.loads(connection.getresponse().read())
        connection.close()
        assert (told["scheme"], told["url"]) == ("https", "https://example.org/")


def test_a_unix_socket(interface: str, tmp_path: Path) -> None:
    """A client of a Unix socket has no address."""
    path = tmp_path / "socket"
    with serving_app(interface, "--uds", path), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        answer = ask(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["client"] is None


def test_limits(interface: str) -> None:
    """The server's limits refuse before the application is asked."""
    words = ("--limit-request-body", "10", "--limit-request-line", "50", "--limit-concurrency", "1")
    with serving_app(interface, *words) as served:
        assert status_of(served.port, "/size", b"x" * 10) == 200
        assert status_of(served.port, "/size", b"x" * 11) == 413
        assert status_of(served.port, "/" + "x" * 50) == 414
        with begun(served, "/sleep/60"):
            assert status_of(served.port, "/") == 503


def test_fields_of_the_server(interface: str) -> None:
    """Server, Date and others are in each response, or not."""
    with serving_app(interface, "--header", "X-One: 1", "--no-date-header", "--no-server-header") as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=CHILD_SECONDS)
        connection.request("GET", "/")
        fields = dict(connection.getresponse().getheaders())
        connection.close()
    assert fields["x-one" if "x-one" in fields else "X-One"] == "1"
    assert not {name for name in fields if name.lower() in ("date", "server")}


def test_a_root_path(interface: str) -> None:
    """Routes and paths do not have the path under which a proxy publishes the application."""
    with serving_app(interface, "--root-path", "/below") as served:
        assert get(served.port, "/")["path"] == "/"


def test_a_proxy(interface: str) -> None:
    """The client and the scheme are those that a trusted proxy names."""
    fields = {"x_forwarded_for": "192.0.2.7", "x_forwarded_proto": "https", "host": "example.org"}
    with serving_app(interface, "--proxy-headers") as served:
        told = get(served.port, "/", **fields)
        assert (told["client"], told["scheme"]) == (["192.0.2.7", 0], "https")
        assert told["url"] == "https://example.org/"
    with serving_app(interface, "--proxy-headers", "--forwarded-allow-ips", "192.0.2.1") as served:
        told = get(served.port, "/", **fields)
        assert (told["client"][0], told["scheme"]) == ("127.0.0.1", "http")


def test_a_graceful_end(interface: str) -> None:
    """A running handler ends its response, and the lifespan ends after it."""
    with serving_app(interface) as served, begun(served, "/sleep/0.3") as sock:
        served.child.send_signal(signal.SIGTERM)
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"slept")
        assert served.wait() == 0
    assert served.output.splitlines()[-1] == "ended"


def test_a_handler_in_the_pool(interface: str) -> None:
    """It is waited for, too."""
    with serving_app(interface) as served, begun(served, "/blocking") as sock:
        assert sock.recv(65536).endswith(b"blocked")
        assert served.wait() == 0


def test_an_end_that_takes_too_long(interface: str) -> None:
    """A handler that still runs after the time limit is cancelled."""
    with serving_app(interface, "--timeout-graceful-shutdown", "0.1") as served, begun(served, "/sleep/60") as sock:
        assert served.end() == 0
        sock.close()
    assert "cancelled" in served.output.splitlines()
    assert "cancelling 1 requests" in served.errors


def test_a_limit_of_requests(interface: str) -> None:
    """A single process ends after so many requests."""
    with serving_app(interface, "--limit-max-requests", "3") as served:
        for _ in range(3):
            assert get(served.port)["answer"] == 42
        assert served.wait() == 0
    assert served.output.splitlines()[-1] == "ended"


def test_websockets(interface: str) -> None:
    """A WebSocket is served beside requests, and told of the end."""
    handshake = (
        b"GET /socket HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with serving_app(interface) as served:
        with connected(served) as sock:
            sock.sendall(handshake)
            received = b""
            while b"open" not in received:
                received += sock.recv(65536)
            assert received.startswith(b"HTTP/1.1 101 ")
            served.child.send_signal(signal.SIGTERM)
            assert sock.recv(4)[2:] == (1001).to_bytes(2, "big")
            sock.sendall(b"\x88\x82\x00\x00\x00\x00\x03\xe9")
        assert served.wait() == 0
    assert "closed 1001" in served.output.splitlines()
    with serving_app(interface, "--ws", "none") as served, connected(served) as sock:
        sock.sendall(handshake)
        assert sock.recv(65536).startswith(b"HTTP/1.1 501 ")


def test_routes_that_are_none(tmp_path: Path) -> None:
    """The mistake of an application is shown as one of its module."""
    module = "from vitok.http import App\napp = App()\n\n@app.get('no slash')\ndef index(request):\n    return ''\n"
    (tmp_path / "wrong_app.py").write_text(module)
    code, lines = refused("--app-dir", tmp_path, app="wrong_app:app")
    assert code == 3
    assert any(line.startswith("ValueError: ") for line in lines)
    assert lines[-1] == "vitok serve: 'wrong_app:app' raised ValueError while it was being loaded"
