"""The TLS context of the options, and in one line what is wrong with its files.

It knows nothing of sockets: the loop's own TLS transports do the rest (`create_server(ssl=...)`).
"""

from __future__ import annotations

import ssl
from pathlib import Path

from .errors import OptionError
from .options import Options

_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
# RFC 7301: what this server speaks.
_PROTOCOLS = ["http/1.1"]


def context(options: Options) -> ssl.SSLContext | None:
    """The context for servers, or None if the options ask for no TLS.

    OptionError for options that don't fit together, and OSError with a whole sentence for files: one that can't be
    read, is no PEM, wants a password, or is the key of another certificate.
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
            raise OptionError(f"--ssl-ciphers: OpenSSL knows no cipher in {options.ssl_ciphers!r}") from None
    if options.ssl_ca_certs is not None:
        _check_readable("--ssl-ca-certs", options.ssl_ca_certs)
        try:
            made.load_verify_locations(options.ssl_ca_certs)
        except ssl.SSLError:
            raise OSError(f"--ssl-ca-certs: {options.ssl_ca_certs!r} holds no certificates in PEM") from None
    elif options.ssl_cert_reqs != "none":
        raise OptionError("--ssl-cert-reqs: without --ssl-ca-certs no client's certificate could be checked")
    # From 3.13 on Python asks for what RFC 5280 does, and so refuses authorities without keyUsage: many private ones.
    # Which authority may sign clients is said by name. uvicorn takes them, and so does this server on older Pythons.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.verify_mode = _CERTIFICATES[options.ssl_cert_reqs]
    return made


def _refuse_rest(options: Options) -> None:
    """Options of TLS that mean nothing without a certificate."""
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
        # Without this OpenSSL would ask at the terminal, and a server would wait there for ever.
        asked.append(True)
        return options.ssl_keyfile_password or ""

    try:
        made.load_cert_chain(certificate, key, password)
    except ssl.SSLError as error:
        raise OSError(_complaint(error, certificate, key, key_flag, options, bool(asked))) from None


def _complaint(
    error: ssl.SSLError, certificate: str, key: str, key_flag: str, options: Options, was_asked: bool
) -> str:
    """A sentence on why OpenSSL did not take certificate and key."""
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key_flag}: the key {key!r} does not fit the certificate {certificate!r}"
    if was_asked and options.ssl_keyfile_password is None:
        return f"{key_flag}: the key {key!r} is encrypted; --ssl-keyfile-password is missing"
    if was_asked:
        return f"--ssl-keyfile-password: it does not open the key {key!r}"
    if "-----BEGIN CERTIFICATE" not in _text(certificate):
        return f"--ssl-certfile: {certificate!r} holds no certificate in PEM"
    if "PRIVATE KEY-----" not in _text(key):
        return f"{key_flag}: {key!r} holds no private key in PEM"
    return f"{key_flag}: OpenSSL does not take {certificate!r} with {key!r} ({error.reason or error})"


def _check_readable(flag: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise OSError(error.errno, f"{flag}: {path!r} can't be read: {error.strerror}") from None


def _text(path: str) -> str:
    return Path(path).read_text(encoding="latin-1")
