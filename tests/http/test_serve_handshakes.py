"""TLS handshakes of `vitok serve`: client certificates, failures in the log, and a limit on their time.

The files of a context are tested in test_serve_tls.py.
"""

import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates_made import Certificates, openssl
from served import CHILD_SECONDS, Served, ask, serving
from vitok.http.options import Options
from vitok.http.tls import context

pytestmark = pytest.mark.vitok_only

FAILED = re.compile(
    r"INFO \[\d+\] TLS handshake with (\S+) failed: (.*?)(?: \((\d+) more in the last second\))?$", re.M
)


@dataclass(frozen=True)
class Private:
    """An authority as companies make them, without keyUsage, and a client's certificate that it has signed."""

    authority: Path
    client: Path


@pytest.fixture
def private(certificates: Certificates, tmp_path: Path) -> Private:
    """Made with openssl's defaults. `certificates` skips where there is no openssl."""
    made = Private(tmp_path / "authority.pem", tmp_path / "client.pem")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    key, asked, signed = (tmp_path / name for name in ("key.pem", "asked.pem", "signed.pem"))
    authority_key = tmp_path / "authority_key.pem"
    openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=ours", "-keyout", authority_key, "-out", made.authority)
    openssl("req", *curve, "-subj", "/CN=client", "-keyout", key, "-out", asked)
    signer = ["-CA", made.authority, "-CAkey", authority_key, "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", "-in", asked, *signer, "-out", signed)
    made.client.write_text(key.read_text() + signed.read_text())
    return made


def trusting(certificates: Certificates, client: Path | None = None) -> ssl.SSLContext:
    """What a client needs, and perhaps a certificate of its own."""
    made = ssl.create_default_context(cafile=str(certificates.certificate))
    if client is not None:
        made.load_cert_chain(client)
    return made


def get(served: Served, trusted: ssl.SSLContext) -> bytes:
    """What a client gets; nothing where it is refused, which TLS 1.3 tells it after its own side is done."""
    try:
        with (
            socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) as plain,
            trusted.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
        ):
            return ask(sock)
    except (ssl.SSLError, ConnectionError):
        return b""


def failures(served: Served) -> list[tuple[str, str, int]]:
    """Peers, reasons and counts of others in the log."""
    return [(peer, why, int(others or 0)) for peer, why, others in FAILED.findall(served.errors)]


def words(certificates: Certificates, private: Private) -> list[str | Path]:
    """Options by which clients need a certificate."""
    return ["--ssl-certfile", certificates.both, "--ssl-cert-reqs", "required", "--ssl-ca-certs", private.authority]


def test_a_private_authority(certificates: Certificates, private: Private) -> None:
    """A client's certificate is accepted whose authority has no keyUsage, on every Python."""
    with serving(*words(certificates, private)) as served:
        assert get(served, trusting(certificates, private.client)).startswith(b"HTTP/1.1 200 ")
        assert served.end() == 0
    assert failures(served) == []


def test_the_flag_that_python_sets(certificates: Certificates, private: Private) -> None:
    """VERIFY_X509_STRICT, which refuses such authorities from Python 3.13 on, is off."""
    files = {"ssl_certfile": str(certificates.both), "ssl_ca_certs": str(private.authority)}
    made = context(Options(**files, ssl_cert_reqs="required"))  # type: ignore[arg-type]
    assert made is not None
    assert not made.verify_flags & ssl.VERIFY_X509_STRICT


def test_clients_that_are_refused(certificates: Certificates, private: Private) -> None:
    """A client without a certificate, one of another authority, and one that speaks no TLS: each leaves its reason."""
    with serving(*words(certificates, private)) as served:
        assert get(served, trusting(certificates)) == b""
        served.read_until("failed: peer did not return a certificate")
        assert get(served, trusting(certificates, certificates.both)) == b""
        served.read_until(r"failed: the certificate was refused: self.signed certificate")
        with socket.create_connection(("127.0.0.1", served.port)) as sock:
            address = "{}:{}".format(*sock.getsockname())
            assert not ask(sock).startswith(b"HTTP/")
        served.read_until(f"TLS handshake with {re.escape(address)} failed: http request")
        assert served.end() == 0


def test_many_failures_are_few_lines(certificates: Certificates) -> None:
    """At most a line a second; what is left out is counted, to the last one at the end."""
    count = 50
    with serving("--ssl-certfile", certificates.both) as served:
        for _ in range(count):
            with socket.create_connection(("127.0.0.1", served.port)) as sock:
                ask(sock)
        assert served.end() == 0
    found = failures(served)
    assert sum(1 + others for _, _, others in found) == count
    assert len(found) < count / 2


def test_peers_that_say_nothing(certificates: Certificates) -> None:
    """A handshake has the time that a head has: silent connections are closed after it, and that is in the log."""
    with serving("--ssl-certfile", certificates.both, "--timeout-header", "0.5") as served:
        silent = [socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS) for _ in range(100)]
        for sock in silent:
            with sock:
                try:
                    assert sock.recv(1) == b""
                except ConnectionResetError:
                    continue
        assert get(served, trusting(certificates)).startswith(b"HTTP/1.1 200 ")
        assert served.end() == 0
    assert sum(1 + others for _, _, others in failures(served)) == 100
    assert "longer than 0.5 seconds" in failures(served)[0][1]


def test_peers_that_leave(certificates: Certificates) -> None:
    """A connection that is opened and closed, as load balancers do to see whether anybody is there, leaves no line."""
    with serving("--ssl-certfile", certificates.both) as served:
        for _ in range(5):
            socket.create_connection(("127.0.0.1", served.port)).close()
        assert get(served, trusting(certificates)).startswith(b"HTTP/1.1 200 ")
        assert served.end() == 0
    assert failures(served) == []
