"""Several certificates, each for a host name that clients ask for (--ssl-sni), and a context made by a program.

The option's form is tested in test_serve_options.py.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import served
import vitok
import vitok.http
from certificates_made import Certificates
from embedded import port_of, run, serving
from tls_authority import Authority, pem_of
from tls_clients import certificate_at, certificate_of, put, trusting_anything
from vitok.http.options import OptionError, Options
from vitok.http.tls import context as context_of

pytestmark = [pytest.mark.vitok_only, pytest.mark.usefixtures("engine")]

Sign = Callable[[str], Path]


@pytest.fixture(scope="module")
def authority(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of this file."""
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def sign(authority: Authority) -> Sign:
    """Returns the file with the certificate of a name and its key, signed at the first call."""

    def signed(name: str) -> Path:
        path = authority.both.with_name(f"{name}.both.pem")
        if path.exists():
            return path
        return authority.sign(name, subject="/CN=x", names=f"DNS:{name.replace('any', '*')},IP:127.0.0.1")

    return signed


def options(sign: Sign, **more: Any) -> dict[str, Any]:
    """A default certificate, and those of a name, of a wildcard, and of a name within the wildcard."""
    names = [("www.example.org", "www.example.org"), ("*.example.org", "any.example.org"), ("B.example.org", "b")]
    return {
        "ssl_certfile": sign("default"),
        "ssl_sni": [(host, sign(name)) for host, name in names],
        **more,
    }


ASKED = [
    ("www.example.org", "www.example.org"),
    ("WWW.Example.ORG", "www.example.org"),
    ("b.example.org", "b"),
    ("a.example.org", "any.example.org"),
    ("a.b.example.org", "default"),
    ("example.org", "default"),
    ("wwwexample.org", "default"),
    ("other.example", "default"),
    ("localhost", "default"),
    (None, "default"),
]


def test_each_name_has_its_certificate(sign: Sign) -> None:
    """A wildcard stands for one label; a name without a certificate, and no name, get the default one."""

    async def main() -> None:
        async with serving(**options(sign)) as server:
            for name, expected in ASKED:
                assert await certificate_of(port_of(server), name) == pem_of(sign(expected)), name

    run(main())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_clients_that_verify(sign: Sign, authority: Authority, version: ssl.TLSVersion) -> None:
    """The certificate is the right one for clients that check it, and the scope tells which it is."""
    told: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        told.append(scope["extensions"]["tls"])
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def main() -> None:
        trusting = authority.trusted()
        trusting.minimum_version = trusting.maximum_version = version
        async with serving(application, **options(sign)) as server:
            for name in ("www.example.org", "a.example.org"):
                await certificate_of(port_of(server), name, trusting)

    run(main())
    assert [one["server_cert"] for one in told] == [
        sign(name).read_text()[sign(name).read_text().index("-----BEGIN CERT") :]
        for name in ("www.example.org", "any.example.org")
    ]
    assert {one["tls_version"] for one in told} == {int(version)}
    assert None not in {one["cipher_suite"] for one in told}


@pytest.mark.parametrize("name", ["www.example.org", "a.example.org", "other.example"])
def test_all_settings_hold_for_each_name(sign: Sign, authority: Authority, name: str) -> None:
    """Certificates of clients, ALPN and ciphers do not depend on the name."""
    cipher = "ECDHE-ECDSA-CHACHA20-POLY1305"
    asking = {"ssl_ca_certs": authority.certificate, "ssl_cert_reqs": "required", "ssl_ciphers": cipher}
    told: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        told.append(scope["extensions"]["tls"]["client_cert_name"])
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    def alpn_and_cipher(port: int, trusting: ssl.SSLContext) -> tuple[Any, Any]:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=15) as plain,
            trusting.wrap_socket(plain, server_hostname=name) as sock,
        ):
            sock.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
            return sock.selected_alpn_protocol(), (sock.cipher() or [None])[0]

    async def main() -> None:
        async with serving(application, **options(sign, **asking)) as server:
            trusting = trusting_anything()
            trusting.maximum_version = ssl.TLSVersion.TLSv1_2
            trusting.set_alpn_protocols(["unknown", "http/1.1"])
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.to_thread(alpn_and_cipher, port_of(server), trusting)
            trusting.load_cert_chain(authority.sign("client"))
            assert await asyncio.to_thread(alpn_and_cipher, port_of(server), trusting) == ("http/1.1", cipher)
            # A certificate of another authority is refused.
            trusting.load_cert_chain(Authority.make(authority.both.parent, "stranger").sign("client of another"))
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.to_thread(alpn_and_cipher, port_of(server), trusting)

    run(main())
    assert told == ["CN=client"]


def test_they_are_loaded_again(sign: Sign, tmp_path: Path) -> None:
    """A certificate of a name is exchanged like the default one, and its file is watched, too."""
    file = tmp_path / "named.pem"
    put(file, sign("www.example.org").read_text())

    async def main() -> None:
        named = [("www.example.org", file)]
        async with serving(ssl_certfile=sign("default"), ssl_sni=named, ssl_reload_interval=0.02) as server:
            assert await certificate_of(port_of(server), "www.example.org") == pem_of(file)
            put(file, sign("any.example.org").read_text())
            async with asyncio.timeout(15):
                while await certificate_of(port_of(server), "www.example.org") != pem_of(file):
                    await asyncio.sleep(0.01)

    run(main())


def test_files_that_do_not_fit(sign: Sign, certificates: Certificates, tmp_path: Path) -> None:
    """What is wrong with the certificate of a name is told with the name of the option."""
    both = str(sign("default"))
    wrong: list[tuple[Any, type[Exception], str]] = [
        ([("a.example", tmp_path / "missing")], OSError, r"--ssl-sni: '.*missing' can't be read"),
        ([("a.example", both, certificates.other_key)], OSError, r"--ssl-sni: the key .* does not match"),
        ([("a.example", certificates.key)], OSError, r"--ssl-sni: '.*key.pem' contains no certificate in PEM"),
        ([("a.example", both), ("A.example", both)], OptionError, r"--ssl-sni: 'a.example' has two certificates"),
    ]
    for entries, kind, said in wrong:
        with pytest.raises(kind, match=said):
            vitok.http.Server("asgi_apps:app", ssl_certfile=both, ssl_sni=entries)
    with pytest.raises(OptionError, match="--ssl-sni needs --ssl-certfile"):
        context_of(Options(ssl_sni=(("a.example", both, None),)))


def test_a_context_made_by_a_program(sign: Sign) -> None:
    """`ssl=context` is used as it is, with its callback for names."""
    asked: list[Any] = []

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sign("b"))
        context.sni_callback = lambda _, name, __: asked.append(name)
        async with serving(ssl=context) as server:
            assert server.urls[0].startswith("https://")
            assert await certificate_of(port_of(server), "www.example.org") == pem_of(sign("b"))
            with pytest.raises(RuntimeError, match=r"reload_certificates\(\) needs"):
                await server.reload_certificates()

    run(main())
    assert asked == ["www.example.org"]


def test_contexts_that_can_not_be_used(sign: Sign) -> None:
    """Each is refused before anything is served."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"ssl": True}, TypeError, "ssl: True is not an ssl.SSLContext"),
        ({"ssl": client}, OptionError, "ssl: a context for clients"),
        ({"ssl": server, "ssl_certfile": sign("b")}, OptionError, "ssl: cannot be combined with ssl_certfile"),
        ({"ssl": server, "ssl_ciphers": "x"}, OptionError, "ssl: cannot be combined with ssl_ciphers"),
        ({"ssl": server, "ssl_reload_interval": 1}, OptionError, "ssl: cannot be combined with ssl_reload_interval"),
    ]
    for given, kind, said in wrong:
        for serve in (vitok.http.Server, vitok.serve):
            with pytest.raises(kind, match=said):
                serve("asgi_apps:app", **given)
    with pytest.raises(OptionError, match="ssl: a context can't be passed to workers"):
        vitok.serve("asgi_apps:app", ssl=server, workers=2)


def test_workers_have_them_too(sign: Sign) -> None:
    """The supervisor passes the option on, also from the environment, where each certificate is on a line."""
    named = f"www.example.org={sign('www.example.org')}\n*.example.org={sign('any.example.org')}"
    words = ("--workers", "2", "--ssl-certfile", sign("default"))
    with served.serving(*words, environment={"VITOK_SSL_SNI": named}) as child:
        for name, expected in ASKED:
            if name not in ("b.example.org", None):
                assert certificate_at(child.port, name) == pem_of(sign(expected)), name
        assert child.end() == 0
