"""HTTP/2 over TLS: ALPN for each choice of `--http`, for each host name and after an exchange of certificates.

Requests are tested in tests/http2.
"""

import asyncio
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import served
from certificates_made import Certificates
from embedded import port_of, run, serving
from http2_client import Http2Client
from http2_frames import PREFACE, Code
from tls_authority import Authority, pem_of
from tls_clients import put, trusting_anything

pytestmark = [pytest.mark.vitok_only, pytest.mark.usefixtures("engine")]

BOTH = ["h2", "http/1.1"]
# What `--http` is, what a client offers, and what is agreed on.
AGREED = [
    ("auto", BOTH, "h2"),
    ("auto", ["http/1.1", "h2"], "h2"),
    ("auto", ["http/1.1"], "http/1.1"),
    ("auto", [], None),
    ("1", BOTH, "http/1.1"),
    ("1", ["h2"], None),
    ("2", BOTH, "h2"),
    ("2", ["http/1.1"], None),
]


def spoken(port: int, offered: list[str], name: str = "localhost") -> tuple[str | None, bytes]:
    """What is agreed on, and the first bytes of the server, which answers a request of HTTP/1.1."""
    trusting = trusting_anything()
    if offered:
        trusting.set_alpn_protocols(offered)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=served.CHILD_SECONDS) as plain,
        trusting.wrap_socket(plain, server_hostname=name) as sock,
    ):
        if sock.selected_alpn_protocol() != "h2":
            sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        return sock.selected_alpn_protocol(), sock.recv(65536)


def ask(port: int, name: str = "localhost") -> dict[str, Any]:
    """Return the application's answer over HTTP/2."""
    with Http2Client(port, tls=trusting_anything(), name=name) as client:
        answer = client.ask()
        assert answer.status == 200
        content: dict[str, Any] = json.loads(answer.body)
        return content


@pytest.mark.parametrize(("http", "offered", "agreed"), AGREED)
def test_what_is_agreed_on(certificates: Certificates, http: str, offered: list[str], agreed: str | None) -> None:
    """HTTP/2 has precedence, where the option and the client have it; a client that offers nothing has HTTP/1.1."""

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both, http=http) as server:
            found, first = await asyncio.to_thread(spoken, port_of(server), offered)
            assert found == agreed
            # The settings of the server come first (RFC 9113, section 3.4).
            is_http2 = first[3:4] == b"\x04"
            assert is_http2 == (agreed == "h2" or http == "2"), first
            if not is_http2:
                assert first.startswith(b"HTTP/1.1 200 ")

    run(main())


def test_a_request(certificates: Certificates) -> None:
    """The application is told version and scheme, and what TLS has, in each request of a connection."""
    told: list[tuple[Any, ...]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        tls = scope["extensions"]["tls"]
        told.append((scope["http_version"], scope["scheme"], tls["tls_version"], tls["server_cert"]))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})

    def requests(port: int) -> None:
        with Http2Client(port, tls=trusting_anything()) as client:
            numbers = [client.request() for _ in range(3)]
            assert [client.answer(number).body for number in numbers] == [b"hello"] * 3

    async def main() -> None:
        async with serving(application, ssl_certfile=certificates.both) as server:
            await asyncio.to_thread(requests, port_of(server))

    run(main())
    assert told == [("2", "https", int(ssl.TLSVersion.TLSv1_3), pem_of(certificates.both))] * 3


@pytest.mark.parametrize("name", ["www.example.org", "any.example.org", "other.example"])
def test_each_name_has_it(certificates: Certificates, tmp_path: Path, name: str) -> None:
    """The contexts of host names offer the same."""
    authority = Authority.make(tmp_path)
    names = [("www.example.org", authority.sign("one")), ("*.example.org", authority.sign("any"))]

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both, ssl_sni=names) as server:
            assert (await asyncio.to_thread(ask, port_of(server), name))["http_version"] == "2"
            assert (await asyncio.to_thread(spoken, port_of(server), ["http/1.1"], name))[0] == "http/1.1"

    run(main())


def test_certificates_are_exchanged(certificates: Certificates, tmp_path: Path) -> None:
    """An open connection goes on, and new ones get the new certificate and HTTP/2."""
    authority = Authority.make(tmp_path)
    new = authority.sign("new", names="DNS:localhost")
    used = tmp_path / "used.pem"
    put(used, certificates.both.read_text())

    def certificate(client: Http2Client) -> str:
        assert isinstance(client.sock, ssl.SSLSocket)
        return ssl.DER_cert_to_PEM_cert(client.sock.getpeercert(binary_form=True) or b"")

    async def main() -> None:
        async with serving(ssl_certfile=used) as server:
            port = port_of(server)
            old = await asyncio.to_thread(Http2Client, port, tls=trusting_anything())
            with old:
                assert (await asyncio.to_thread(old.ask)).status == 200
                put(used, new.read_text())
                await server.reload_certificates()
                assert (await asyncio.to_thread(old.ask)).status == 200
                fresh = await asyncio.to_thread(Http2Client, port, tls=trusting_anything())
                with fresh:
                    assert (await asyncio.to_thread(fresh.ask)).status == 200
                    assert (certificate(old), certificate(fresh)) == (pem_of(certificates.both), pem_of(new))

    run(main())


def test_ciphers_that_http2_prohibits(certificates: Certificates) -> None:
    """A client that has no other one in TLS 1.2 is told so (RFC 9113, section 9.2.2), and may speak HTTP/1.1."""

    def old(cipher: str) -> ssl.SSLContext:
        made = trusting_anything()
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers(cipher)
        return made

    def requests(port: int) -> None:
        with Http2Client(port, tls=old("ECDHE-ECDSA-AES128-GCM-SHA256")) as client:
            assert client.ask().status == 200
        with Http2Client(port, tls=old("ECDHE-ECDSA-AES128-SHA256")) as client:
            client.request()
            assert client.goaway() == (0, Code.INADEQUATE_SECURITY)
            client.rest()
        # Without ALPN, HTTP/1.1.
        with (
            socket.create_connection(("127.0.0.1", port), timeout=served.CHILD_SECONDS) as plain,
            old("ECDHE-ECDSA-AES128-SHA256").wrap_socket(plain) as sock,
        ):
            sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both) as server:
            await asyncio.to_thread(requests, port_of(server))

    run(main())


def test_a_preface_that_nobody_agreed_on(certificates: Certificates) -> None:
    """Over TLS HTTP/2 is chosen by ALPN alone (RFC 9113, section 3.2): the preface is a request of another version."""

    def answer(port: int, offered: list[str]) -> bytes:
        trusting = trusting_anything()
        if offered:
            trusting.set_alpn_protocols(offered)
        with (
            socket.create_connection(("127.0.0.1", port), timeout=served.CHILD_SECONDS) as plain,
            trusting.wrap_socket(plain) as sock,
        ):
            sock.sendall(PREFACE)
            return sock.recv(65536)

    async def main() -> None:
        async with serving(ssl_certfile=certificates.both) as server:
            for offered in ([], ["http/1.1"]):
                found = await asyncio.to_thread(answer, port_of(server), offered)
                assert found.startswith(b"HTTP/1.1 505 ")

    run(main())


def test_a_context_made_by_a_program(certificates: Certificates) -> None:
    """It is used as it is: HTTP/2 is spoken if it offers that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.both)

    async def main() -> None:
        async with serving(ssl=context) as server:
            assert (await asyncio.to_thread(spoken, port_of(server), BOTH))[0] is None
            context.set_alpn_protocols(BOTH)
            assert (await asyncio.to_thread(ask, port_of(server)))["http_version"] == "2"

    run(main())


def test_a_connection_that_is_cut(certificates: Certificates) -> None:
    """A client that leaves without a word takes its streams with it."""
    began, left = asyncio.Event(), asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        began.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    async def main() -> None:
        async with serving(application, ssl_certfile=certificates.both) as server, asyncio.timeout(25):
            client = await asyncio.to_thread(Http2Client, port_of(server), tls=trusting_anything())
            with client:
                await asyncio.to_thread(client.request)
                await began.wait()
            await left.wait()

    run(main())
