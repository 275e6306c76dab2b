"""ASGI's extension `tls` in the scope of requests: versions, ciphers and certificates (ASGI TLS extension, 0.2).

Names of certificates are tested in test_distinguished_name.py.
"""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from asgi_support import GET, Site, respond, serving
from certificates_made import Certificates
from tls_authority import Authority, pem_of
from vitok.http import tls, tls_extension
from vitok.http.options import Options

pytestmark = pytest.mark.vitok_only

# RFC 8446, section B.4, and RFC 5289, section 3.2.
TLS_AES_128_GCM_SHA256 = 0x1301
TLS_AES_256_GCM_SHA384 = 0x1302
TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xC02B


class Scopes:
    """An application that keeps what it was told about TLS, and spoils it for those after it."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Keep a copy of the extensions."""
        self.seen.append({name: dict(value) for name, value in scope["extensions"].items()})
        scope["extensions"].get("tls", {}).clear()
        scope["extensions"].clear()
        await respond(send, b"")

    def take(self) -> dict[str, Any]:
        """The extension in the last scope."""
        extension: dict[str, Any] = self.seen[-1]["tls"]
        return extension


@pytest.fixture(scope="module")
def authority(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of clients."""
    return Authority.make(tmp_path_factory.mktemp("authority"))


def ask(site: Site, trusting: ssl.SSLContext, requests: int = 1) -> None:
    """Send requests on one connection."""

    async def exchange() -> None:
        reader, writer = await asyncio.open_connection(*site.address, ssl=trusting)
        for _ in range(requests):
            writer.write(GET)
            await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    site.run(exchange())


def server_context(certificates: Certificates, **options: Any) -> Any:
    """The context of the server's options."""
    return tls.context(Options(ssl_certfile=str(certificates.both), **options))


def asking(certificates: Certificates, authority: Authority, how: str = "optional") -> Any:
    """A context that asks clients for a certificate."""
    return server_context(certificates, ssl_ca_certs=str(authority.certificate), ssl_cert_reqs=how)


def test_there_is_none_in_clear_text(tls_loop: Any) -> None:
    """The specification forbids it without TLS."""
    scopes = Scopes()
    with serving(scopes, loop=tls_loop) as site:
        site.ask()
    assert "tls" not in scopes.seen[0]


def test_each_request_has_its_own(tls_loop: Any, certificates: Certificates) -> None:
    """Each request of each connection has the same, whatever an application has done to that of another."""
    scopes = Scopes()
    with serving(scopes, loop=tls_loop, tls=server_context(certificates)) as site:
        for _ in range(2):
            ask(site, ssl.create_default_context(cafile=str(certificates.certificate)), requests=3)
    assert len(scopes.seen) == 6
    assert all(one == scopes.seen[0] for one in scopes.seen)
    assert scopes.take() == {
        "server_cert": pem_of(certificates.certificate),
        "client_cert_chain": (),
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": TLS_AES_256_GCM_SHA384,
    }


def test_versions_and_ciphers_are_numbers(tls_loop: Any, certificates: Certificates) -> None:
    """They are those of the specifications of TLS."""
    scopes = Scopes()
    with serving(scopes, loop=tls_loop, tls=server_context(certificates)) as site:
        trusting = ssl.create_default_context(cafile=str(certificates.certificate))
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        trusting.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        ask(site, trusting)
    told = scopes.take()
    assert (told["tls_version"], told["cipher_suite"]) == (0x0303, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)


def test_a_client_with_a_certificate(tls_loop: Any, certificates: Certificates, authority: Authority) -> None:
    """The certificate is told with its name; a client without one, where that is allowed, has neither."""
    client = authority.sign("client", subject="/C=NL/O=Example, Inc./CN=Ann")
    scopes = Scopes()
    with serving(scopes, loop=tls_loop, tls=asking(certificates, authority)) as site:
        trusting = ssl.create_default_context(cafile=str(certificates.certificate))
        ask(site, trusting)
        assert scopes.take()["client_cert_chain"] == ()
        trusting.load_cert_chain(client)
        ask(site, trusting)
    told = scopes.take()
    assert told["client_cert_chain"] == (pem_of(client),)
    assert (told["client_cert_name"], told["client_cert_error"]) == (r"CN=Ann,O=Example\, Inc.,C=NL", None)


def test_the_chain_of_a_client(tls_loop: Any, certificates: Certificates, authority: Authority, tmp_path: Path) -> None:
    """The authorities between are told, too, in order, and nothing that a client sends but that signs nothing."""
    between = authority.between("between")
    leaf = between.sign("leaf")
    chain = tmp_path / "chain.pem"
    chain.write_text(leaf.read_text() + certificates.certificate.read_text() + between.certificate.read_text())
    scopes = Scopes()
    with serving(scopes, loop=tls_loop, tls=asking(certificates, authority, "required")) as site:
        trusting = ssl.create_default_context(cafile=str(certificates.certificate))
        trusting.load_cert_chain(chain)
        ask(site, trusting)
    told = scopes.take()
    assert told["client_cert_chain"] == (pem_of(leaf), pem_of(between.certificate))
    assert told["client_cert_name"] == "CN=leaf"


def test_a_session_that_is_resumed(certificates: Certificates, authority: Authority) -> None:
    """A client that resumes its session is known by its certificate, without those above it."""
    client = authority.sign("resuming")
    scopes = Scopes()
    with serving(scopes, tls=asking(certificates, authority, "required")) as site:
        trusting = ssl.create_default_context(cafile=str(certificates.certificate))
        trusting.load_cert_chain(client)
        # A session of TLS 1.2 is there once the handshake is.
        trusting.maximum_version = ssl.TLSVersion.TLSv1_2
        sessions = site.run(asyncio.to_thread(resumed, site.address, trusting))
        site.run(site.loop.shutdown_default_executor())
    assert sessions == [False, True]
    assert scopes.seen[0] == scopes.seen[1]
    assert scopes.take()["client_cert_chain"] == (pem_of(client),)


def resumed(address: Any, trusting: ssl.SSLContext) -> list[bool]:
    """Connect twice, the second time with the session of the first."""
    found, session = [], None
    for _ in range(2):
        with (
            socket.create_connection(address, timeout=10) as plain,
            trusting.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as sock,
        ):
            sock.sendall(GET)
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
            session = sock.session
            found.append(bool(sock.session_reused))
    return found


def test_a_context_of_a_program(tls_loop: Any, certificates: Certificates) -> None:
    """Which certificate a program has loaded is not known; the rest is told all the same."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.both)
    scopes = Scopes()
    with serving(scopes, loop=tls_loop, tls=context) as site:
        ask(site, ssl.create_default_context(cafile=str(certificates.certificate)))
    told = scopes.take()
    assert told["server_cert"] is None
    assert (told["tls_version"], told["cipher_suite"]) == (0x0304, TLS_AES_256_GCM_SHA384)


@pytest.mark.parametrize("ssl_object", [None, object()])
def test_a_transport_without_an_object(ssl_object: object) -> None:
    """All that is mandatory is there, as unknown, also for an object of another library."""
    told = tls_extension.make(ssl_object)
    assert {told["server_cert"], told["tls_version"], told["cipher_suite"]} == {None}


def test_connections_share_what_is_the_same(certificates: Certificates) -> None:
    """Many connections with the same version and cipher have one extension, which is most of an idle one's memory."""
    client = ssl.create_default_context(cafile=str(certificates.certificate))
    context = server_context(certificates)
    first, second = (tls_extension.make(connected(context, client)) for _ in range(2))
    assert first is second


def connected(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """The server's side of a connection in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for side in (*sides, *sides):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return sides[1]
