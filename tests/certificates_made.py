"""Self-signed certificates, made by openssl."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "open sesame"
# Set where all requirements of tests are installed: a missing one is then a failure.
REQUIRED = "VITOK_REQUIRE_PROGRAMS"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: a certificate for 127.0.0.1, its key, the key under a password, both in one, and another key."""

    certificate: Path
    key: Path
    locked_key: Path
    both: Path
    other_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make a certificate and keys in this folder."""
    need_openssl()
    made = Certificates(*(folder / name for name in ("cert.pem", "key.pem", "locked.pem", "both.pem", "other.pem")))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    # From 3.13 on Python checks the allowed use of a certificate.
    facts = ["subjectAltName=IP:127.0.0.1,DNS:localhost", "keyUsage=critical,digitalSignature,keyCertSign"]
    extra = [word for fact in facts for word in ("-addext", fact)]
    subject = ["-days", "2", "-subj", "/CN=localhost"]
    openssl("req", "-x509", *curve, *subject, "-keyout", made.key, "-out", made.certificate, *extra)
    openssl("req", "-x509", *curve, *subject, "-keyout", made.other_key, "-out", folder / "unused.pem")
    openssl("ec", "-aes128", "-in", made.key, "-passout", f"pass:{PASSWORD}", "-out", made.locked_key)
    made.both.write_text(made.key.read_text() + made.certificate.read_text())
    return made


def need_openssl() -> None:
    """Skip the test if openssl is missing; fail it where all requirements of tests are installed."""
    if shutil.which("openssl") is None:
        give_up = pytest.fail if os.environ.get(REQUIRED) == "1" else pytest.skip
        give_up("openssl is missing (Debian: apt install openssl)")


def openssl(*words: str | Path) -> None:
    """Run openssl, which must succeed."""
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
