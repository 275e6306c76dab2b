"""What the tests of the HTTP server share: certificates that nobody but themselves has signed, made once.

It knows nothing of what is tested.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "open sesame"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: a certificate for 127.0.0.1, its key, the key under a password, both in one, and another key."""

    certificate: Path
    key: Path
    locked_key: Path
    both: Path
    other_key: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificate and keys for the session."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("certificates")
    made = Certificates(*(folder / name for name in ("cert.pem", "key.pem", "locked.pem", "both.pem", "other.pem")))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    # From 3.13 on Python wants to see what a certificate may be used for.
    facts = ["subjectAltName=IP:127.0.0.1,DNS:localhost", "keyUsage=critical,digitalSignature,keyCertSign"]
    extra = [word for fact in facts for word in ("-addext", fact)]
    subject = ["-days", "2", "-subj", "/CN=localhost"]
    openssl("req", "-x509", *curve, *subject, "-keyout", made.key, "-out", made.certificate, *extra)
    openssl("req", "-x509", *curve, *subject, "-keyout", made.other_key, "-out", folder / "unused.pem")
    openssl("ec", "-aes128", "-in", made.key, "-passout", f"pass:{PASSWORD}", "-out", made.locked_key)
    made.both.write_text(made.key.read_text() + made.certificate.read_text())
    return made


def openssl(*words: str | Path) -> None:
    """Run openssl, which must succeed."""
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
