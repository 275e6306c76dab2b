"""The subject of a certificate as text (RFC 4514). openssl is the oracle."""

import ssl
import subprocess
from pathlib import Path

import pytest
from certificates_made import Certificates
from tls_authority import Authority
from vitok.http import distinguished_name

pytestmark = pytest.mark.vitok_only

SUBJECTS = [
    "/CN=client",
    "/C=NL/ST=Noord-Holland/L=Amsterdam/street=Dam 1/O=Example/OU=One/OU=Two/CN=Ann/UID=ann",
    "/DC=org/DC=example/CN=host",
    "/CN=a+UID=b/O=c",
    '/O=comma, plus, quote" back\\\\slash; <angle>/CN=#first',
    "/CN= spaces at both ends ",
    "/CN= ",
    "/CN=Zoë Müller 日本 😀",
    "/CN=a=b/O=1#2",
    "/emailAddress=ann@example.org/CN=Ann",
    "/serialNumber=17/title=Dr./GN=Ann/SN=Lee/initials=AL",
    "/1.2.3.4.5=unknown/CN=x",
    "/2.999.840=large arc/CN=x",
]


@pytest.fixture(scope="module")
def authority(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs certificates with these subjects."""
    return Authority.make(tmp_path_factory.mktemp("names"))


def der_of(path: Path) -> bytes:
    """The certificate in a file."""
    text = path.read_text()
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE-----") :])


def openssl_says(path: Path) -> str:
    """The name in openssl's words, with the names of attributes as RFC 4514 and RFC 4519 have them."""
    form = "RFC2253,-esc_msb,utf8"
    words = ["openssl", "x509", "-in", str(path), "-noout", "-subject", "-nameopt", form]
    said = subprocess.run(words, check=True, capture_output=True).stdout.decode().removeprefix("subject=").rstrip("\n")
    for theirs, ours in (("street=", "STREET="), ("GN=", "givenName="), ("SN=", "sn=")):
        said = said.replace(theirs, ours)
    return said


@pytest.mark.parametrize("subject", SUBJECTS)
def test_names_are_those_of_openssl(authority: Authority, subject: str) -> None:
    """Attributes, their order, escapes and unknown ones."""
    path = authority.sign(f"name{SUBJECTS.index(subject)}", subject=subject)
    name = distinguished_name.of_certificate(der_of(path))
    assert name
    assert name == openssl_says(path)


@pytest.mark.parametrize("cut", [0, 1, 2, 5, 20, 60, 100])
def test_what_is_no_certificate(authority: Authority, cut: int) -> None:
    """A certificate that is cut is an error of one kind."""
    der = der_of(authority.both)
    for data in (der[:cut], b"\x30\x00", b"\x30\x82\xff\xff" + der[4:]):
        with pytest.raises(ValueError, match="not a certificate"):
            distinguished_name.of_certificate(data)
