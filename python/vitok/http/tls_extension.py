"""ASGI's extension `tls`, which tells an application about the TLS of its connection (ASGI TLS extension, 0.2).

It is made at the first request of a connection, and requests get copies. Transports are not known here.
"""

from __future__ import annotations

import ssl
import weakref
from typing import Any

from . import distinguished_name

# The numbers of the versions in a ClientHello (RFC 8446, section 4.2.1).
_VERSIONS = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
# What ssl.Certificate.public_bytes() takes for DER.
_DER = 2


class _Known:
    """What connections with one context have in common."""

    def __init__(self) -> None:
        # The server's certificate in PEM, where it is known: `ssl` does not tell which one a context has loaded.
        self.certificate: str | None = None
        # The extension without a client's certificate, by version and cipher. It is shared, since it takes more memory
        # than an idle connection.
        self.made: dict[tuple[str | None, str | None], dict[str, Any]] = {}


_contexts: weakref.WeakKeyDictionary[ssl.SSLContext, _Known] = weakref.WeakKeyDictionary()


def note_certificate(context: ssl.SSLContext, certificate: str | None) -> None:
    """Note which certificate, in PEM, a server with this context sends."""
    _known(context).certificate = certificate


def make(ssl_object: object) -> dict[str, Any]:
    """Return the extension for a connection, which others may share.

    The transport of another library may have no such object, or one of another kind: then nothing is known.
    """
    if not isinstance(ssl_object, ssl.SSLObject | ssl.SSLSocket):
        return _extension(None, None, None)
    known = _known(ssl_object.context)
    version, cipher = ssl_object.version(), (ssl_object.cipher() or (None,))[0]
    extension = known.made.get((version, cipher))
    if extension is None:
        number = None if version is None else _VERSIONS.get(version)
        extension = _extension(known.certificate, number, _cipher_suite(ssl_object.context, cipher))
        known.made[version, cipher] = extension
    leaf = ssl_object.getpeercert(binary_form=True)
    if leaf is None:
        return extension
    return {**extension, "client_cert_chain": _chain(ssl_object, leaf), "client_cert_name": _name(leaf)}


def _extension(certificate: str | None, version: int | None, cipher: int | None) -> dict[str, Any]:
    return {
        "server_cert": certificate,
        "tls_version": version,
        "cipher_suite": cipher,
        "client_cert_chain": (),
        "client_cert_name": None,
        # A client whose certificate is not accepted has no connection: OpenSSL ends the handshake.
        "client_cert_error": None,
    }


def _known(context: ssl.SSLContext) -> _Known:
    known = _contexts.get(context)
    if known is None:
        known = _contexts[context] = _Known()
    return known


def _cipher_suite(context: ssl.SSLContext, name: str | None) -> int | None:
    """Return the number of a cipher suite, from OpenSSL's name: the lower half of OpenSSL's own."""
    numbers = {cipher["name"]: cipher["id"] for cipher in context.get_ciphers()}
    return numbers[name] & 0xFFFF if name in numbers else None


def _chain(ssl_object: ssl.SSLObject | ssl.SSLSocket, leaf: bytes) -> tuple[str, ...]:
    """Return the client's certificates in PEM: those of the chain that was verified which the client has sent.

    Others that it may have sent sign nothing, and those of authorities it need not send. A resumed session has only the
    first one.
    """
    sent = _certificates(ssl_object, "get_unverified_chain")
    verified = [der for der in _certificates(ssl_object, "get_verified_chain") if der in sent]
    return tuple(ssl.DER_cert_to_PEM_cert(der) for der in verified or [leaf])


def _certificates(ssl_object: ssl.SSLObject | ssl.SSLSocket, method: str) -> list[bytes]:
    """Call a method which is public from Python 3.13 on, and before that one of a private attribute, or missing."""
    found = getattr(ssl_object, method, None) or getattr(getattr(ssl_object, "_sslobj", None), method, None)
    return [one if isinstance(one, bytes) else one.public_bytes(_DER) for one in (found and found()) or ()]


def _name(leaf: bytes) -> str | None:
    try:
        return distinguished_name.of_certificate(leaf)
    except ValueError:
        return None
