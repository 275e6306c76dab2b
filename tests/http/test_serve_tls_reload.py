"""Certificates that are exchanged while a server runs: on request, and when their files change.

Signals and processes are tested in test_serve_tls_hangup.py.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import vitok.http
from certificates_made import Certificates
from embedded import port_of, run, serving
from tls_authority import Authority, pem_of
from tls_clients import certificate_of, put, trusting_anything

pytestmark = [pytest.mark.vitok_only, pytest.mark.usefixtures("engine")]

KEPT = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
SOON_SECONDS = 15
REFUSED = "the certificates stay as they were: "


@dataclass(frozen=True)
class Renewed:
    """A certificate and its key, in the two files that a server uses, and a further pair."""

    certificate: Path
    key: Path
    old: Path
    new: Path

    def write(self, pair: Path) -> None:
        """Put a pair into the files."""
        put(self.key, pair.read_text())
        put(self.certificate, pair.read_text())

    @property
    def options(self) -> dict[str, Any]:
        """Options of a server with these files."""
        return {"ssl_certfile": self.certificate, "ssl_keyfile": self.key}


@pytest.fixture(scope="module")
def authority(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of this file."""
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def renewed(authority: Authority, tmp_path: Path) -> Renewed:
    """Two pairs, the first of which is in use."""
    folder = authority.both.parent
    pairs = [folder / f"{name}.both.pem" for name in ("old", "new")]
    for pair in pairs:
        if not pair.exists():
            authority.sign(pair.name.removesuffix(".both.pem"), names="DNS:localhost,IP:127.0.0.1")
    made = Renewed(tmp_path / "cert.pem", tmp_path / "key.pem", *pairs)
    made.write(made.old)
    return made


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that happens soon."""
    async with asyncio.timeout(SOON_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)


async def serves(server: vitok.http.Server, pair: Path) -> bool:
    """Return whether new connections get this certificate."""
    return await certificate_of(port_of(server)) == pem_of(pair)


def test_new_connections_get_the_new_certificate(renewed: Renewed) -> None:
    """One that is open stays, with what it has; the sockets are the same."""

    async def main() -> None:
        async with serving(**renewed.options) as server:
            assert await serves(server, renewed.old)
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server), ssl=trusting_anything())
            renewed.write(renewed.new)
            assert await serves(server, renewed.old)
            await server.reload_certificates()
            assert await serves(server, renewed.new)
            for _ in range(2):
                writer.write(KEPT)
                assert (await reader.readuntil(b'"size": 0}')).startswith(b"HTTP/1.1 200 ")
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            assert ssl.DER_cert_to_PEM_cert(der) == pem_of(renewed.old)
            writer.close()

    run(main())


def test_the_extension_tells_the_certificate_that_was_sent(renewed: Renewed) -> None:
    """Each connection is told its own."""
    told: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        told.append(scope["extensions"]["tls"]["server_cert"])
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def main() -> None:
        async with serving(application, **renewed.options) as server:
            await serves(server, renewed.old)
            renewed.write(renewed.new)
            await server.reload_certificates()
            await serves(server, renewed.new)

    run(main())
    assert [ssl.PEM_cert_to_DER_cert(one) for one in told] == [
        ssl.PEM_cert_to_DER_cert(pem_of(one)) for one in (renewed.old, renewed.new)
    ]


# What may be in the files while they are not right, made of the old pair and the new one: a certificate and a key.
BROKEN: dict[str, Callable[[str, str], tuple[str | None, str | None]]] = {
    "the certificate of another key": lambda old, new: (new, old),
    "the key of another certificate": lambda old, new: (old, new),
    "half a certificate": lambda _, new: (new[: new.index("-----END CERTIFICATE")], new),
    "a certificate and half of another": lambda old, new: (new + old[old.index("-----BEGIN CERT") :][:300], new),
    "half a key": lambda _, new: (new, new[: new.index("-----END")]),
    "an empty certificate": lambda _, new: ("", new),
    "no certificate": lambda _, new: (None, new),
    "no key": lambda _, new: (new, None),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_files_that_are_not_right(renewed: Renewed, kind: str) -> None:
    """The certificate stays as it was, and the next attempt finds what is right by then."""

    async def main() -> None:
        async with serving(**renewed.options) as server:
            contents = BROKEN[kind](renewed.old.read_text(), renewed.new.read_text())
            for path, content in zip((renewed.certificate, renewed.key), contents, strict=True):
                if content is None:
                    path.unlink()
                else:
                    put(path, content)
            with pytest.raises(OSError, match=r"--ssl-(certfile|keyfile): "):
                await server.reload_certificates()
            assert await serves(server, renewed.old)
            renewed.write(renewed.new)
            await server.reload_certificates()
            assert await serves(server, renewed.new)

    run(main())


def test_files_that_change(renewed: Renewed, caplog: pytest.LogCaptureFixture) -> None:
    """With `ssl_reload_interval` a change of the files is enough."""

    async def main() -> None:
        async with serving(**renewed.options, ssl_reload_interval=0.02) as server:
            assert await serves(server, renewed.old)
            renewed.write(renewed.new)
            await until(lambda: serves(server, renewed.new))
            renewed.write(renewed.old)
            await until(lambda: serves(server, renewed.old))

    run(main())
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_change_that_is_half_done(renewed: Renewed, caplog: pytest.LogCaptureFixture) -> None:
    """A key that comes long before its certificate is one error in the log, and the old certificate stays."""

    async def refused() -> bool:
        return any(REFUSED in record.getMessage() for record in caplog.records)

    async def main() -> None:
        async with serving(**renewed.options, ssl_reload_interval=0.02) as server:
            put(renewed.key, renewed.new.read_text())
            await until(refused)
            await asyncio.sleep(0.1)
            assert await serves(server, renewed.old)
            put(renewed.certificate, renewed.new.read_text())
            await until(lambda: serves(server, renewed.new))

    run(main())
    refusals = [record.getMessage() for record in caplog.records if REFUSED in record.getMessage()]
    assert len(refusals) == 1
    assert "does not match the certificate" in refusals[0]


def test_a_link_to_another_folder(renewed: Renewed, tmp_path: Path) -> None:
    """A link that is exchanged, as Kubernetes does, is a change of the file behind it."""
    for name, pair in (("one", renewed.old), ("two", renewed.new)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tls.pem").write_text(pair.read_text())
    link = tmp_path / "current"
    link.symlink_to("one")

    async def main() -> None:
        async with serving(ssl_certfile=link / "tls.pem", ssl_reload_interval=0.02) as server:
            assert await serves(server, renewed.old)
            (tmp_path / "next").symlink_to("two")
            (tmp_path / "next").replace(link)
            await until(lambda: serves(server, renewed.new))

    run(main())


def test_no_connection_is_lost(renewed: Renewed) -> None:
    """Connections that arrive while certificates are exchanged, again and again, are all served."""
    exchanges, clients = 30, 4

    async def main() -> None:
        async with serving(**renewed.options) as server:
            has_ended = False

            async def connect() -> int:
                count = 0
                while not has_ended:
                    assert await certificate_of(port_of(server)) in (pem_of(renewed.old), pem_of(renewed.new))
                    count += 1
                return count

            tasks = [asyncio.create_task(connect()) for _ in range(clients)]
            for number in range(exchanges):
                renewed.write((renewed.new, renewed.old)[number % 2])
                await server.reload_certificates()
                await asyncio.sleep(0)
            has_ended = True
            assert all(await asyncio.gather(*tasks))

    run(main())


def test_nothing_is_left(renewed: Renewed, tmp_path: Path) -> None:
    """Each exchange closes what it has opened, and the loop sleeps afterwards; a Unix socket keeps its file."""
    path = tmp_path / "socket"

    async def main() -> None:
        bind = ["127.0.0.1:0", f"unix:{path}"]
        # The default, which `bind` needs.
        async with serving(**renewed.options, bind=bind, port=8000) as server:
            await server.reload_certificates()
            before = descriptors(), path.stat().st_ino
            for _ in range(10):
                await server.reload_certificates()
            assert (descriptors(), path.stat().st_ino) == before
            reader, writer = await asyncio.open_unix_connection(str(path), ssl=trusting_anything(), server_hostname="")
            writer.write(KEPT)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            writer.transport.abort()
            used = sum(os.times()[:2])
            await asyncio.sleep(0.3)
            assert sum(os.times()[:2]) - used < 0.2
        assert not path.exists()

    run(main())


def descriptors() -> int:
    """The number of open files."""
    return len(os.listdir("/proc/self/fd"))


def test_authorities_of_clients_are_exchanged(
    renewed: Renewed, authority: Authority, certificates: Certificates, tmp_path: Path
) -> None:
    """A client of a former authority is refused, also with a session from before."""
    other = Authority.make(tmp_path, "other")
    authorities = tmp_path / "clients.pem"
    authorities.write_text(authority.certificate.read_text())
    known, unknown = trusting_anything(), trusting_anything()
    for context, signer in ((known, authority), (unknown, other)):
        context.load_cert_chain(signer.sign("client"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    async def main() -> None:
        options = {**renewed.options, "ssl_ca_certs": authorities, "ssl_cert_reqs": "required"}
        async with serving(**options) as server:
            session = await asyncio.to_thread(connected, port_of(server), known)
            assert await asyncio.to_thread(connected, port_of(server), known, session)
            put(authorities, other.certificate.read_text())
            await server.reload_certificates()
            for attempt in (session, None):
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await asyncio.to_thread(connected, port_of(server), known, attempt)
            assert await asyncio.to_thread(connected, port_of(server), unknown)

    run(main())


def connected(port: int, context: ssl.SSLContext, session: Any = None) -> Any:
    """Get a response, and return the session."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=SOON_SECONDS) as plain,
        context.wrap_socket(plain, session=session) as sock,
    ):
        sock.sendall(KEPT)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        return sock.session


def test_what_can_not_be_loaded_again(renewed: Renewed) -> None:
    """A server without files of TLS, and one that does not serve, say so."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"reload_certificates\(\) needs"):
            await vitok.http.Server("asgi_apps:app", port=0, **renewed.options).reload_certificates()
        async with serving() as server:
            with pytest.raises(RuntimeError, match=r"reload_certificates\(\) needs"):
                await server.reload_certificates()

    run(main())
