"""nginx and Caddy in front of `vitok serve`, configured by the files of deploy/.

The files themselves are checked in test_deploy_files.py.
"""

import http.client
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import deployed
import pytest
from children import APPS, CHILD_SECONDS
from needs import need_command, need_library
from served import serving

pytestmark = pytest.mark.vitok_only

HOST = "app.example.org"
LARGE = 8 * 2**20


class Proxy:
    """A proxy that runs, and requests through it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connection(self) -> http.client.HTTPSConnection:
        """A connection over TLS, whose certificate nobody has signed."""
        connection = http.client.HTTPSConnection(HOST, self.port, timeout=CHILD_SECONDS, context=unchecked())
        connection._create_connection = self._connect  # type: ignore[attr-defined]
        return connection

    def ask(self, path: str, content: bytes | None = None, **fields: str) -> dict[str, Any]:
        """The answer to one request, as JSON."""
        method = "GET" if content is None else "POST"
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        with closing(self.connection()) as connection:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            body = response.read()
        assert response.status == 200, body
        answer: dict[str, Any] = json.loads(body)
        return answer

    def _connect(self, _: object, timeout: float, *__: object) -> socket.socket:
        """Go to this machine, whatever the name of the host is."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)


def unchecked() -> ssl.SSLContext:
    """A context for clients that trusts everybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def free_port() -> int:
    """A port that nothing uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def nginx(folder: Path, uds: Path, certificate: Path) -> Iterator[Proxy]:
    """Nginx with deploy/nginx/app.conf."""
    command = need_command("nginx", package="nginx-light")
    port, plain = free_port(), free_port()
    config = deployed.changed(
        "nginx/app.conf",
        ("    listen [::]:443 ssl http2;\n", ""),
        ("    listen [::]:80;\n", ""),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("/run/app/app.sock", str(uds)),
        ("/etc/ssl/app/chain.pem", str(certificate)),
        ("/etc/ssl/app/key.pem", str(certificate)),
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    # Workers of another user could not use the socket.
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = f"{user}pid {folder}/nginx.pid;\nerror_log stderr warn;\nevents {{}}\n"
    (folder / "nginx.conf").write_text(f"{main}http {{\naccess_log off;\n{temporary}{config}}}\n")
    words = [str(command), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    tested = subprocess.run([*words, "-t"], capture_output=True, text=True, check=False, timeout=CHILD_SECONDS)
    assert tested.returncode == 0, tested.stderr
    # nginx from 1.25.1 on has another way to say http2, which older ones do not know.
    warnings = [line for line in tested.stderr.splitlines() if "warn" in line and "http2" not in line]
    assert not warnings
    with running([*words, "-g", "daemon off;"], port):
        yield Proxy(port)


@contextmanager
def caddy(folder: Path, uds: Path, certificate: Path) -> Iterator[Proxy]:
    """Caddy with deploy/caddy/Caddyfile, and a certificate of the test's."""
    command = need_command("caddy", package="caddy")
    port = free_port()
    config = deployed.changed(
        "caddy/Caddyfile",
        ("\napp.example.org {", f"\napp.example.org:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {certificate}"),
        ("/run/app/app.sock", str(uds)),
    )
    # No port of an administrator, and no redirect on port 80.
    general = f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}\n}}\n"
    (folder / "Caddyfile").write_text(general + config)
    words = [str(command), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with running(words, port):
        yield Proxy(port)


@contextmanager
def running(words: list[str], port: int) -> Iterator[None]:
    """Run a proxy until the block ends. It accepts when the block begins."""
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        try:
            while True:
                assert child.poll() is None, child.communicate()[1]
                try:
                    socket.create_connection(("127.0.0.1", port), CHILD_SECONDS).close()
                    break
                except ConnectionRefusedError:
                    continue
            yield
        finally:
            child.terminate()
            child.communicate(timeout=CHILD_SECONDS)


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"], scope="module")
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Proxy]:
    """A proxy in front of a server, with the options that its file names."""
    folder = tmp_path_factory.mktemp("proxy")
    start: Callable[[Path, Path, Path], Any] = request.param
    options = next(words for place, words in deployed.commands().items() if place.startswith(start.__name__))
    options = [str(folder / "app.sock") if word == "/run/app/app.sock" else word for word in options]
    with (
        serving(*options, app="deploy_app:app", folder=APPS) as served,
        start(folder, folder / "app.sock", certificate) as started,
    ):
        yield started
        assert served.end() == 0
        assert "Traceback" not in served.errors


def test_the_client_is_known(proxy: Proxy) -> None:
    """The application sees the client's address, its scheme and its host, and not what the client claims."""
    claims = {"X_Forwarded_For": "192.0.2.1", "X_Forwarded_Proto": "http", "X_Forwarded_Port": "1"}
    answer = proxy.ask("/path", **claims, Forwarded="for=192.0.2.2")
    assert answer["client"][0] == "127.0.0.1"
    assert (answer["scheme"], answer["path"]) == ("https", "/path")
    # The file of Caddy names the port.
    assert answer["port"] in (str(proxy.port), "443")
    # nginx passes the host on without the port.
    assert answer["host"] in (HOST, f"{HOST}:{proxy.port}")


def test_uploads_pass(proxy: Proxy) -> None:
    """A large upload arrives whole."""
    assert proxy.ask("/", bytes(LARGE))["bytes"] == LARGE


def test_events_pass_at_once(proxy: Proxy) -> None:
    """An event reaches its client before the next one is sent."""
    with closing(proxy.connection()) as connection:
        connection.request("GET", "/events")
        response = connection.getresponse()
        assert response.readline() == b"data: first\n"
        proxy.ask("/next")
        assert response.read() == b"\ndata: last\n\n"


def test_the_application_hears_that_a_client_has_left(proxy: Proxy) -> None:
    """A client leaves a stream that is silent: the application gets its http.disconnect."""
    with closing(proxy.connection()) as connection:
        connection.request("GET", "/abandoned")
        response = connection.getresponse()
        assert response.readline() == b"data: first\n"
        response.close()
    # Answered when the application has got it.
    proxy.ask("/left")


def test_websockets_pass(proxy: Proxy) -> None:
    """A WebSocket is opened through the proxy, and closed in order."""
    need_library("websockets")
    from websockets.sync.client import connect

    sock = socket.create_connection(("127.0.0.1", proxy.port), CHILD_SECONDS)
    with connect(f"wss://{HOST}:{proxy.port}/", sock=sock, ssl=unchecked(), server_hostname=HOST) as websocket:
        websocket.send("hello")
        assert websocket.recv(CHILD_SECONDS) == "hello"
