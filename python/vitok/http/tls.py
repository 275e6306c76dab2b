"""The TLS of a server: the context that the options ask for, and the certificate for each host name.

OptionError for options that exclude each other, and OSError with a whole sentence for files: a file that can't be read,
is not PEM, needs a password, or is the key of another certificate. Sockets are not known here.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import tls_extension
from .options import OptionError, Options

_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
# RFC 7301: the protocols of each choice of versions. The first one that the client has, too, is spoken.
_PROTOCOLS = {"auto": ["h2", "http/1.1"], "1": ["http/1.1"], "2": ["h2"]}
# OpenSSL takes the first one in a file, which in one of the older forms is not what ASGI calls PEM.
_FIRST_CERTIFICATE = re.compile(
    r"-----BEGIN (X509 |TRUSTED |)CERTIFICATE-----.*?-----END \1CERTIFICATE-----", re.DOTALL
)
# What tells that a file is not the one that it was: its device, inode, size, and times of change.
Status = tuple[int, int, int, int, int] | None


def context(options: Options) -> ssl.SSLContext | None:
    """Return the context for servers, or None if the options ask for no TLS."""
    if options.ssl_certfile is None:
        _refuse_rest(options)
        return None
    made = _context(options, _Chain.of_options(options))
    by_name: dict[str, ssl.SSLContext] = {}
    for host, certificate, key in options.ssl_sni:
        if host in by_name:
            raise OptionError(f"--ssl-sni: {host!r} has two certificates")
        by_name[host] = _context(options, _Chain(certificate, key or certificate, "--ssl-sni", "--ssl-sni"))
    if by_name:
        made.sni_callback = _Names(by_name).choose
    return made


def given(server_context: ssl.SSLContext, options: Options) -> ssl.SSLContext:
    """Return a context that a program has made, unchanged. TypeError and OptionError if it can't be used."""
    if not isinstance(server_context, ssl.SSLContext):
        raise TypeError(f"ssl: {server_context!r} is not an ssl.SSLContext")
    if server_context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise OptionError("ssl: a context for clients (PROTOCOL_TLS_CLIENT); a server needs PROTOCOL_TLS_SERVER")
    if options.workers != 1 or options.reload:
        raise OptionError("ssl: a context can't be passed to workers, which load certificates by ssl_certfile")
    for name in ("ssl_certfile", *_rest(options)):
        if getattr(options, name) is not None:
            raise OptionError(f"ssl: cannot be combined with {name}, which is for the context that the server makes")
    return server_context


def status(options: Options) -> dict[str, Status]:
    """Return what tells whether a file of TLS has changed. A file that is missing, perhaps for a moment, has None."""
    named = [path for _, *paths in options.ssl_sni for path in paths]
    paths = {options.ssl_certfile, options.ssl_keyfile, options.ssl_ca_certs, *named} - {None}
    return {str(path): _status(str(path)) for path in paths}


def _status(path: str) -> Status:
    try:
        found = os.stat(path)  # noqa: PTH116 - a name that may be a link, such as those of Kubernetes
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class _Names:
    """The contexts of host names, exact ones and those of wildcards."""

    def __init__(self, by_name: Mapping[str, ssl.SSLContext]) -> None:
        self._by_name = by_name

    def choose(self, ssl_object: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Use the certificate of the name that a client asks for, if there is one (RFC 6066, section 3).

        A wildcard stands for one label, the first (RFC 6125, section 6.4.3). OpenSSL takes some settings from the
        context that is set here and some from the first one, so all contexts are made of the same options.
        """
        if name is None:
            return
        name = name.lower()
        chosen = self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])
        if chosen is not None:
            ssl_object.context = chosen


@dataclass(frozen=True, slots=True)
class _Chain:
    """The files of a certificate and its key, and the options that name them."""

    certificate: str
    key: str
    certificate_flag: str
    key_flag: str

    @classmethod
    def of_options(cls, options: Options) -> _Chain:
        certificate = str(options.ssl_certfile)
        key_flag = "--ssl-keyfile" if options.ssl_keyfile else "--ssl-certfile"
        return cls(certificate, options.ssl_keyfile or certificate, "--ssl-certfile", key_flag)

    def texts(self) -> tuple[str, str]:
        return _text(self.certificate_flag, self.certificate), _text(self.key_flag, self.key)


def _context(options: Options, chain: _Chain) -> ssl.SSLContext:
    """Return a context with this certificate, and everything else as the options say."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.set_alpn_protocols(_PROTOCOLS[options.http])
    _load_chain(made, options, chain)
    if options.ssl_ciphers is not None:
        try:
            made.set_ciphers(options.ssl_ciphers)
        except ssl.SSLError:
            raise OptionError(f"--ssl-ciphers: OpenSSL has no cipher of {options.ssl_ciphers!r}") from None
    if options.ssl_ca_certs is not None:
        _text("--ssl-ca-certs", options.ssl_ca_certs)
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
    for name in _rest(options):
        raise OptionError(f"--{name.replace('_', '-')} needs --ssl-certfile")


def _rest(options: Options) -> list[str]:
    """Return the options of TLS that are given, other than the certificate."""
    names = [name for name in Options.__dataclass_fields__ if name.startswith("ssl_") and name != "ssl_certfile"]
    return [name for name in names if getattr(options, name) != Options.__dataclass_fields__[name].default]


def _load_chain(made: ssl.SSLContext, options: Options, chain: _Chain) -> None:
    """Load a certificate and its key. They are read several times, so they must stay the same meanwhile."""
    asked: list[bool] = []

    def password() -> str:
        # Otherwise OpenSSL would ask at the terminal, and the server would wait there for ever.
        asked.append(True)
        return options.ssl_keyfile_password or ""

    texts = chain.texts()
    try:
        made.load_cert_chain(chain.certificate, chain.key, password)
    except ssl.SSLError as error:
        raise OSError(_complaint(error, chain, texts, options, bool(asked))) from None
    if chain.texts() != texts:
        raise OSError(f"{chain.certificate_flag}: {chain.certificate!r} or its key was changed while it was loaded")
    first = _FIRST_CERTIFICATE.search(texts[0])
    tls_extension.note_certificate(made, f"{first[0]}\n" if first and not first[1] else None)


def _complaint(error: ssl.SSLError, chain: _Chain, texts: tuple[str, str], options: Options, was_asked: bool) -> str:
    """Explain why OpenSSL refuses certificate and key."""
    certificate, key, key_flag = chain.certificate, chain.key, chain.key_flag
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key_flag}: the key {key!r} does not match the certificate {certificate!r}"
    if was_asked and options.ssl_keyfile_password is None:
        return f"{key_flag}: the key {key!r} is encrypted: --ssl-keyfile-password is required"
    if was_asked:
        return f"--ssl-keyfile-password: wrong password for the key {key!r}"
    if "-----BEGIN CERTIFICATE" not in texts[0]:
        return f"{chain.certificate_flag}: {certificate!r} contains no certificate in PEM"
    if "PRIVATE KEY-----" not in texts[1]:
        return f"{key_flag}: {key!r} contains no private key in PEM"
    return f"{key_flag}: OpenSSL refuses {certificate!r} with {key!r} ({error.reason or error})"


def _text(flag: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="latin-1")
    except OSError as error:
        raise OSError(error.errno, f"{flag}: {path!r} can't be read: {error.strerror}") from None
