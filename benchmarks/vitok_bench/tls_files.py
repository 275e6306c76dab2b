"""The files that servers over TLS need: a certificate with its key, and the raw server, compiled here.

Both are made for each session, in a folder of its own, by the `openssl` program and the compiler of C. Suites and rows
are not known here.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
# The column of the raw server in C, which is the limit of the others.
RAW: Final = "C"
SOURCE: Final = Path(__file__).with_name("tls_raw.c")
# A compiler takes a second; on a busy machine, some.
LIMIT_S: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class TlsFiles:
    """A certificate for 127.0.0.1 with its key, in PEM, and the raw server, or why there is none."""

    certificate: Path
    key: Path
    raw: Path | None
    lacks_raw: str = ""

    def raw_command(self) -> tuple[str, ...] | None:
        """The raw server with the options that all rows share."""
        if self.raw is None:
            return None
        return (str(self.raw), "--certificate", str(self.certificate), "--key", str(self.key))

    def missing(self) -> dict[str, str]:
        """The column that can't be measured, as a session has it."""
        return {} if self.raw else {RAW: self.lacks_raw}

    def note(self) -> str:
        """The OpenSSL of Python, and of the raw server if it has another."""
        own = python_openssl()
        if self.raw is None:
            return f"OpenSSL {own}"
        said = subprocess.run([self.raw, "--version"], check=True, capture_output=True, text=True, timeout=LIMIT_S)
        theirs = said.stdout.strip()
        return f"OpenSSL {own}" if own == theirs else f"OpenSSL {own}, {RAW} on OpenSSL {theirs}"


def lacks() -> str | None:
    """Return in one line why there can be no server over TLS."""
    if sys.platform != "linux":
        return "its load generator is built on epoll and runs on Linux only"
    if shutil.which("openssl") is None:
        return "the openssl program, which makes its certificate, is not installed (Debian: apt install openssl)"
    return None


@contextmanager
def made() -> Iterator[TlsFiles]:
    """Make the files, and remove them in the end."""
    with tempfile.TemporaryDirectory(prefix="vitok-bench-") as name:
        folder = Path(name)
        certificate, key = make_certificate(folder)
        raw, reason = compile_raw(folder)
        yield TlsFiles(certificate=certificate, key=key, raw=raw, lacks_raw=reason)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate and its key: ECDSA on P-256, the usual one of today's servers."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subject = ("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}", "-days", "2")
    command = ["openssl", "req", "-x509", *curve, *subject, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT_S)
    return certificate, key


def compile_raw(folder: Path) -> tuple[Path | None, str]:
    """Return the raw server, or None and the reason in one line."""
    if shutil.which("cc") is None:
        return None, "cc, which compiles the raw server, is not installed (Debian: apt install gcc)"
    program = folder / SOURCE.stem
    command = ["cc", "-O2", "-o", str(program), str(SOURCE), "-lssl", "-lcrypto"]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S)
    if run.returncode == 0:
        return program, ""
    if "openssl/" in run.stderr or "-lssl" in run.stderr:
        return None, "the raw server needs the headers of OpenSSL, version 3 (Debian: apt install libssl-dev)"
    return None, f"the raw server can't be compiled: {next(iter(run.stderr.splitlines()), 'no reason given')}"


def python_openssl() -> str:
    """The version of the OpenSSL that this Python uses; the raw server uses the system's."""
    return ssl.OPENSSL_VERSION.split()[1]
