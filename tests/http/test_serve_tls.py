"""The TLS context of the options, and the errors for invalid files.

Connections are not tested here.
"""

import ssl
from pathlib import Path

import pytest
from certificates_made import PASSWORD, Certificates
from vitok.http.options import OptionError, Options
from vitok.http.tls import context

pytestmark = pytest.mark.vitok_only


def options(certificate: Path | None, key: Path | None = None, **more: str | None) -> Options:
    """Options of TLS with these files."""
    names = {"ssl_certfile": certificate, "ssl_keyfile": key}
    return Options(**{name: str(path) for name, path in names.items() if path}, **more)  # type: ignore[arg-type]


def test_without_a_certificate_there_is_no_tls() -> None:
    """No certificate, no context."""
    assert context(Options()) is None


def test_certificate_and_key(certificates: Certificates) -> None:
    """In two files, in one, and with a password."""
    assert context(options(certificates.certificate, certificates.key)) is not None
    assert context(options(certificates.both)) is not None
    assert context(options(certificates.certificate, certificates.locked_key, ssl_keyfile_password=PASSWORD))


def test_certificates_of_clients(certificates: Certificates) -> None:
    """Clients are asked for a certificate as the options say."""
    authority = str(certificates.certificate)
    made = context(options(certificates.both, ssl_ca_certs=authority, ssl_cert_reqs="required"))
    assert made is not None
    assert made.verify_mode == ssl.CERT_REQUIRED
    made = context(options(certificates.both))
    assert made is not None
    assert made.verify_mode == ssl.CERT_NONE


def test_ciphers(certificates: Certificates) -> None:
    """The ciphers of TLS 1.2 are those that were named."""
    made = context(options(certificates.both, ssl_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))
    assert made is not None
    names = {cipher["name"] for cipher in made.get_ciphers() if cipher["protocol"] == "TLSv1.2"}
    assert names == {"ECDHE-ECDSA-AES128-GCM-SHA256"}
    with pytest.raises(OptionError, match=r"--ssl-ciphers: .*'nonsense'"):
        context(options(certificates.both, ssl_ciphers="nonsense"))


def test_files_that_do_not_fit(certificates: Certificates, tmp_path: Path) -> None:
    """Each file that is missing, no PEM, locked or of another certificate is named with what is wrong."""
    good, missing = certificates.certificate, tmp_path / "missing.pem"
    empty = tmp_path / "empty.pem"
    empty.touch()
    wrong: list[tuple[Options, str]] = [
        (options(missing), f"--ssl-certfile: '{missing}' can't be read"),
        (options(good, missing), f"--ssl-keyfile: '{missing}' can't be read"),
        (options(tmp_path), "--ssl-certfile: .* can't be read"),
        (options(empty, certificates.key), f"--ssl-certfile: '{empty}' contains no certificate in PEM"),
        (options(good), f"--ssl-certfile: '{good}' contains no private key in PEM"),
        (options(good, empty), f"--ssl-keyfile: '{empty}' contains no private key in PEM"),
        (options(good, certificates.other_key), f"--ssl-keyfile: the key .* does not match the certificate '{good}'"),
        (options(good, certificates.locked_key), "--ssl-keyfile: .* is encrypted: --ssl-keyfile-password is required"),
        (
            options(good, certificates.locked_key, ssl_keyfile_password="wrong"),
            "--ssl-keyfile-password: wrong password",
        ),
        (options(certificates.both, ssl_ca_certs=str(empty)), f"--ssl-ca-certs: '{empty}' contains no certificates"),
        (options(certificates.both, ssl_ca_certs=str(missing)), f"--ssl-ca-certs: '{missing}' can't be read"),
    ]
    for one, said in wrong:
        with pytest.raises(OSError, match=said):
            context(one)


@pytest.mark.parametrize("name", ["ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs", "ssl_ciphers"])
def test_options_that_need_a_certificate(name: str) -> None:
    """An option of TLS without a certificate would do nothing, and is refused."""
    with pytest.raises(OptionError, match=f"--{name.replace('_', '-')} needs --ssl-certfile"):
        context(Options(**{name: "x"}))  # type: ignore[arg-type]


def test_asking_clients_needs_authorities(certificates: Certificates) -> None:
    """A certificate that could not be checked is not asked for."""
    with pytest.raises(OptionError, match="--ssl-cert-reqs"):
        context(options(certificates.both, ssl_cert_reqs="required"))
    with pytest.raises(OptionError, match="--ssl-cert-reqs needs"):
        context(Options(ssl_cert_reqs="optional"))
