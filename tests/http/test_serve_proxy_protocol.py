"""`--proxy-protocol`: connections that begin with a header, and those that should and do not.

Headers themselves are tested in test_proxy_protocol.py.
"""

import asyncio
import json
import re
import signal
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import vitok
from certificates_made import Certificates
from served import CHILD_SECONDS, serving
from test_proxy_protocol import FOUR, SIX, v2
from tls_clients import trusting_anything
from vitok.http import App, Request, proxy_accepting
from vitok.http.options import Options
from vitok.http.proxies import Trusted
from vitok.http.proxy_protocol import ProxyProtocolError
from vitok.http.testing import serve

pytestmark = pytest.mark.vitok_only

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
V1 = b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 443\r\n"
CLIENT = ["192.0.2.1", 4711]
ANY = ("--proxy-protocol", "any")


def connected(port: int, data: bytes = b"") -> socket.socket:
    """A connection that has sent something."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=CHILD_SECONDS)
    sock.sendall(data)
    return sock


def answer(sock: socket.socket, request: bytes = GET) -> dict[str, Any]:
    """The application's answer to a request, at the end of the connection."""
    with sock:
        sock.sendall(request)
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 "), received
    content: dict[str, Any] = json.loads(received.partition(b"\r\n\r\n")[2])
    return content


def is_refused(sock: socket.socket) -> bool:
    """Wait for the end of a connection without an answer."""
    with sock:
        try:
            return sock.recv(65536) == b""
        except ConnectionResetError:
            return True


@pytest.mark.parametrize("more", [(), ("--workers", "2")])
def test_the_client(more: tuple[str, ...]) -> None:
    """Both versions, in one packet with the request and byte by byte; also in the access log."""
    with serving(*ANY, *more) as served:
        for header, client in [(V1, CLIENT), (v2(), CLIENT), (v2(SIX, family=0x21), ["2001:db8::1", 65535])]:
            assert answer(connected(served.port), header + GET)["client"] == client
            sock = connected(served.port)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in header:
                sock.sendall(bytes([byte]))
            assert answer(sock)["client"] == client
        extended = v2(FOUR + b"\x04\xff\xf0" + b"x" * 0xFFF0)
        assert answer(connected(served.port), extended + GET)["client"] == CLIENT
        assert served.end() == 0
    assert "192.0.2.1:4711 " in served.output
    assert "[2001:db8::1]:65535 " in served.output
    assert "127.0.0.1" not in served.output


def test_headers_without_a_client() -> None:
    """LOCAL, UNKNOWN and others leave the address of the connection."""
    with serving(*ANY) as served:
        for header in (
            v2(first=0x20),
            v2(b"", first=0x20, family=0),
            b"PROXY UNKNOWN\r\n",
            v2(b"x" * 216, family=0x31),
        ):
            with connected(served.port, header) as sock:
                own = list(sock.getsockname())
                assert answer(sock)["client"] == own


def test_a_kept_connection_and_a_websocket() -> None:
    """The address is that of all requests of a connection."""
    with serving(*ANY) as served, connected(served.port, V1) as sock:
        for _ in range(3):
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            received = b""
            while b'"client": ["192.0.2.1", 4711]' not in received:
                received += sock.recv(65536)
        assert served.end() == 0


def test_a_native_application() -> None:
    """`request.client` and the address of the server, which stays its own."""
    app = App()

    @app.get("/")
    def told(request: Request) -> Any:
        return {"client": request.client, "server": request.server}

    with serve(app, proxy_protocol="v1") as url:
        port = int(url.rpartition(":")[2])
        assert answer(connected(port, V1)) == {"client": CLIENT, "server": ["127.0.0.1", port]}


def test_tls(certificates: Certificates) -> None:
    """The header comes before TLS."""
    files = ("--ssl-certfile", certificates.certificate, "--ssl-keyfile", certificates.key)
    with serving(*ANY, *files) as served:
        for header in (V1, v2()):
            sock = trusting_anything().wrap_socket(connected(served.port, header))
            told = answer(sock)
            assert (told["client"], told["scheme"]) == (CLIENT, "https")
        # A handshake that fails is that of the client.
        assert is_refused(connected(served.port, V1 + b"GET / HTTP/1.1\r\n\r\n"))
        served.read_until(r"TLS handshake with 192\.0\.2\.1:4711 failed")
        assert served.end() == 0


def test_a_unix_socket(tmp_path: Path) -> None:
    """`unix` trusts its peers; the others are served as they are."""
    path = tmp_path / "s"
    for words, data, client in [
        (("--forwarded-allow-ips", "unix"), V1, CLIENT),
        (("--forwarded-allow-ips", "unix"), b"PROXY UNKNOWN\r\n", None),
        ((), b"", None),
    ]:
        with serving(*ANY, "--uds", path, *words), socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(CHILD_SECONDS)
            sock.connect(str(path))
            sock.sendall(data)
            assert answer(sock)["client"] == client


def test_the_proxy_may_be_a_client_of_another() -> None:
    """X-Forwarded-For is believed if the address in the header is a trusted one."""
    request = GET.replace(b"Host", b"X-Forwarded-For: 198.51.100.7\r\nHost")
    with serving(*ANY, "--proxy-headers", "--forwarded-allow-ips", "127.0.0.1,192.0.2.1") as served:
        assert answer(connected(served.port, V1), request)["client"] == ["198.51.100.7", 0]
        other = V1.replace(b"192.0.2.1", b"192.0.2.3")
        assert answer(connected(served.port, other), request)["client"] == ["192.0.2.3", 4711]


def test_a_peer_that_is_not_trusted() -> None:
    """It is served as it is, and a header of its is a malformed request."""
    with serving(*ANY, "--forwarded-allow-ips", "192.0.2.9") as served:
        with connected(served.port) as sock:
            own = list(sock.getsockname())
            assert answer(sock)["client"] == own
        with connected(served.port, V1 + GET) as sock:
            assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_a_trusted_peer_without_a_header() -> None:
    """It is refused, in the version that is not asked for, too. The log says so, once a second."""
    with serving("--proxy-protocol", "v2") as served:
        for data in (GET, V1 + GET, b"\x16\x03\x01\x02\x00", v2(first=0x31), v2(FOUR[:-1])):
            for _ in range(20):
                assert is_refused(connected(served.port, data))
        # A check that only connects is nothing to tell about, nor is a peer that leaves within its header.
        connected(served.port).close()
        connected(served.port, V1[:20]).close()
        connected(served.port, v2()[:20]).close()
        assert answer(connected(served.port, v2()))["client"] == CLIENT
        assert served.end() == 0
    lines = [line for line in served.errors.splitlines() if "--proxy-protocol" in line]
    assert re.search(
        r"WARNING .*connection of 127\.0\.0\.1:\d+ refused: expected a PROXY header, not b'GET / ", lines[0]
    )
    told = sum(1 + int((re.findall(r"\((\d+) more", line) or ["0"])[0]) for line in lines)
    assert 100 <= told <= 101
    assert len(lines) < 50
    assert "Traceback" not in served.errors


def test_a_header_that_does_not_come() -> None:
    """The time limit of a head is that of the header, too; others are served meanwhile."""
    with serving(*ANY, "--timeout-header", "0.5") as served:
        silent = [connected(served.port, V1[:count]) for count in (0, 1, 5, 6, 30, len(V1) - 1)]
        assert answer(connected(served.port, V1))["client"] == CLIENT
        assert all(is_refused(sock) for sock in silent)
        assert served.end() == 0
    assert "refused: no PROXY header within 0.5 s" in served.errors


def test_a_flood_of_silence_is_bounded() -> None:
    """Connections without a header count for `--limit-connections`; when they have left, others are served."""
    with serving(*ANY, "--limit-connections", "30") as served:
        flood = [connected(served.port) for _ in range(100)]
        for sock in flood:
            sock.settimeout(0)
        deadline = time.monotonic() + CHILD_SECONDS
        open_ones = flood
        while len(open_ones) > 50 and time.monotonic() < deadline:
            open_ones = [sock for sock in open_ones if is_open(sock)]
        assert 10 <= len(open_ones) <= 50
        for sock in flood:
            sock.close()
        while True:
            try:
                assert answer(connected(served.port, V1))["client"] == CLIENT
            except (ConnectionError, AssertionError):
                # Those that have left are still counted.
                assert time.monotonic() < deadline
            else:
                break
        assert served.end() == 0


def is_open(sock: socket.socket) -> bool:
    """Return whether the server has not closed a connection."""
    try:
        return sock.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_a_graceful_end_waits_for_headers() -> None:
    """A connection that has begun may still send its request, in the moment that all new connections have."""
    with serving(*ANY) as served:
        silent = connected(served.port)
        half = connected(served.port, V1[:10])
        running = connected(served.port, V1 + GET.replace(b"/ HTTP", b"/sleep/0.3 HTTP"))
        running.settimeout(CHILD_SECONDS)
        assert answer(connected(served.port, V1))["client"] == CLIENT
        served.child.terminate()
        assert answer(running, b"")["client"] == CLIENT
        assert is_refused(silent)
        assert is_refused(half)
        assert served.wait() == 0
    assert "never" not in served.errors


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection; the second is what a server has."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_nothing_more_is_taken() -> None:
    """What follows the header stays in the socket, however it arrives."""

    async def main(header: bytes, pause: Callable[[], Any]) -> tuple[Any, bytes]:
        with pair() as (ours, theirs):
            task = asyncio.ensure_future(proxy_accepting.read_header(theirs, (1, 2)))
            for start in range(0, len(header), 7):
                ours.send(header[start : start + 7])
                await pause()
            ours.send(b"rest")
            return await task, theirs.recv(100)

    for header in (V1, v2(), v2(FOUR + b"x" * 500), v2(SIX, family=0x21), b"PROXY UNKNOWN\r\n"):
        for pause in (lambda: asyncio.sleep(0), lambda: asyncio.sleep(0.001)):
            client, rest = asyncio.run(main(header, pause))
            assert client in (("192.0.2.1", 4711), ("2001:db8::1", 65535), None)
            assert rest == b"rest"


def test_headers_that_end_early() -> None:
    """A peer that leaves within its header, at any byte of it."""

    async def main(data: bytes) -> None:
        with pair() as (ours, theirs):
            ours.send(data)
            ours.close()
            await proxy_accepting.read_header(theirs, (1, 2))

    for header in (V1, v2(), v2(FOUR + b"x" * 50)):
        for end in range(len(header)):
            with pytest.raises((ConnectionResetError, ProxyProtocolError)):
                asyncio.run(main(header[:end]))


def test_a_peer_that_left_before_it_was_accepted() -> None:
    """It has no address any more, and is no failed handshake of TLS."""

    async def main() -> None:
        unused: Any = None
        connections = proxy_accepting.ProxyConnections(unused, Options(proxy_protocol="any"), Trusted(["*"]), unused)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            accepted, _ = listener.accept()
            # The end is a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            with pytest.raises(ConnectionResetError):
                accepted.recv(1)
            with pytest.raises(ConnectionResetError):
                await connections.connect(accepted, {})
            assert accepted.fileno() == -1
        assert connections.beginning == 0

    vitok.run(main())


def test_the_context_is_replaced(certificates: Certificates, tmp_path: Path) -> None:
    """SIGHUP exchanges the certificates of a server with headers, too, and connections go on."""
    files = ("--ssl-certfile", certificates.certificate, "--ssl-keyfile", certificates.key)
    with serving(*ANY, *files) as served:
        before = connected(served.port, V1)
        served.child.send_signal(signal.SIGHUP)
        served.read_until("certificates")
        for sock in (before, connected(served.port, V1)):
            tls = trusting_anything().wrap_socket(sock)
            assert isinstance(tls, ssl.SSLSocket)
            assert answer(tls)["client"] == CLIENT
        assert served.end() == 0
