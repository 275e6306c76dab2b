"""The TLS context of the options, with one-line errors for its files.

Sockets are not known here: the loop's own TLS transports do the rest (`create_server(ssl=...)`).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from .errors import OptionError
from .options import Options

_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
# RFC 7301: the protocols of this server.
_PROTOCOLS = ["http/1.1"]


def context(options: Options) -> ssl.SSLContext | None:
    """Return the context for servers, or None if the options ask for no TLS.

    OptionError for options that exclude each other, and OSError with a whole sentence for files: a file that can't be
    read, is not PEM, needs a password, or is the key of another certificate.
    """
    if options.ssl_certfile is None:
        _refuse_rest(options)
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.set_alpn_protocols(_PROTOCOLS)
    _load_chain(made, options)
    if options.ssl_ciphers is not None:
        try:
            made.set_ciphers(options.ssl_ciphers)
        except ssl.SSLError:
            raise OptionError(f"--ssl-ciphers: OpenSSL has no cipher of {options.ssl_ciphers!r}") from None
    if options.ssl_ca_certs is not None:
        _check_readable("--ssl-ca-certs", options.ssl_ca_certs)
        try:
            made.load_verify_locations(options.ssl_ca_certs)
        except ssl.SSLError:
            raise OSError(f"--ssl-ca-certs: {options.ssl_ca_certs!r} contains no certificates in PEM") from None
    elif options.ssl_cert_reqs != "none":
        raise OptionError("--ssl-cert-reqs needs --ssl-ca-certs, to verify client certificates")
    # From 3.13 on Python is as strict as RFC 5280, and so refuses authorities without keyUsage: many private ones. Here
    # the authorities are chosen by name. uvicorn accepts them, and so does this server on older Pythons.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.verify_mode = _CERTIFICATES[options.ssl_cert_reqs]
    return made


def _refuse_rest(options: Options) -> None:
    """Refuse options of TLS that have no effect without a certificate."""
    for name in ("ssl_keyfile", "ssl_keyfile_password", "ssl_ca_certs", "ssl_ciphers"):
        if getattr(options, name) is not None:
            raise OptionError(f"--{name.replace('_', '-')} needs --ssl-certfile")
    if options.ssl_cert_reqs != "none":
        raise OptionError("--ssl-cert-reqs needs --ssl-certfile")


def _load_chain(made: ssl.SSLContext, options: Options) -> None:
    certificate, key = str(options.ssl_certfile), options.ssl_keyfile or str(options.ssl_certfile)
    key_flag = "--ssl-keyfile" if options.ssl_keyfile else "--ssl-certfile"
    _check_readable("--ssl-certfile", certificate)
    _check_readable(key_flag, key)
    asked = []

    def password() -> str:
        # Otherwise OpenSSL would ask at the terminal, and the server would wait there for ever.
        asked.append(True)
        return options.ssl_keyfile_password or ""

    try:
        made.load_cert_chain(certificate, key, password)
    except ssl.SSLError as error:
        raise OSError(_complaint(error, certificate, key, key_flag, options, bool(asked))) from None


def _complaint(
    error: ssl.SSLError, certificate: str, key: str, key_flag: str, options: Options, was_asked: bool
) -> str:
    """Explain why OpenSSL refuses certificate and key."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key_flag}: the key {key!r} does not match the certificate {certificate!r}"
    if was_asked and options.ssl_keyfile_password is None:
        return f"{key_flag}: the key {key!r} is encrypted: --ssl-keyfile-password is required"
    if was_asked:
        return f"--ssl-keyfile-password: wrong password for the key {key!r}"
    if "-----BEGIN CERTIFICATE" not in _text(certificate):
        return f"--ssl-certfile: {certificate!r} contains no certificate in PEM"
    if "PRIVATE KEY-----" not in _text(key):
        return f"{key_flag}: {key!r} contains no private key in PEM"
    return f"{key_flag}: OpenSSL refuses {certificate!r} with {key!r} ({error.reason or error})"


def _check_readable(flag: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise OSError(error.errno, f"{flag}: {path!r} can't be read: {error.strerror}") from None


def _text(path: str) -> str:
    return Path(path).read_text(encoding="latin-1")
