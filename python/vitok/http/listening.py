"""The listening sockets of a server: opened together, with TLS if that is asked for, and closed without losing the
connections in the backlog.

The handling of connections is not known here; the loop's own transports do the rest of TLS (`create_server(ssl=...)`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitok._sparse import Sparse

from . import sockets
from .log import Log
from .options import OptionError, Options

if TYPE_CHECKING:
    from vitok._native import HttpServer

# The time for the handshake of a connection from the backlog, after which its failure counts as its own.
_HANDSHAKE_SECONDS = 1.0
# The time in which the last connection sends its request, if it has not yet: enough for a network nearby.
_FIRST_REQUEST_SECONDS = 0.02
_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
# RFC 7301: the protocols of this server.
_PROTOCOLS = ["http/1.1"]


def tls_context(options: Options) -> ssl.SSLContext | None:
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


class Listeners:
    """The listening sockets of one server, made from sockets that are bound."""

    def __init__(
        self,
        http: HttpServer,
        bound: Sequence[sockets.Bound],
        context: ssl.SSLContext | None,
        *,
        handshake_seconds: float | None,
        log: Log,
    ) -> None:
        """`handshake_seconds` limits each TLS handshake; with None, asyncio's limit applies."""
        self._http = http
        self._bound = bound
        self._context = context
        self._tls: dict[str, Any] = {}
        if context is not None:
            self._tls = {"ssl": context, "ssl_handshake_timeout": handshake_seconds}
        self._log = log
        self._failures: Sparse[str] = Sparse(asyncio.get_running_loop(), self._log_failure)
        self._servers: list[asyncio.Server] = []

    async def open(self, backlog: int) -> None:
        """Start accepting. OSError names an address that another process has taken meanwhile."""
        loop = asyncio.get_running_loop()
        for one in self._bound:
            try:
                server: Any = await loop.create_server(self._http, sock=one.sock, backlog=backlog, **self._tls)
                server._handshake_failed = self._note_failure
            except OSError as error:
                raise sockets.failure(error, one.url(tls=self._context is not None)) from None
            self._servers.append(server)

    async def close(self) -> None:
        """Stop accepting.

        The kernel resets the connections in the backlog of a socket when the socket is closed, so they are accepted
        before; then all new connections may still send a request. The backlog of a socket that another process shares
        is left to that process.
        """
        waiting = [sock for one in self._bound if self._servers and one.is_ours for sock in _line(one.sock)]
        for server in self._servers:
            server.close()
        if waiting:
            await asyncio.wait(
                [asyncio.ensure_future(self._accept_waiting(sock)) for sock in waiting], timeout=_HANDSHAKE_SECONDS
            )
        if self._servers:
            await asyncio.sleep(_FIRST_REQUEST_SECONDS)
        self._servers.clear()
        self._failures.close()

    async def _accept_waiting(self, sock: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._http, sock, **self._tls)
        except OSError as error:
            # The peer has left, or its handshake failed.
            sock.close()
            if self._tls:
                self._note_failure(None, error)

    def _note_failure(self, peer: Any, error: BaseException) -> None:
        """Log a TLS handshake that failed, unless one was logged just now, or the peer has only left."""
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            return
        self._failures.add(f"TLS handshake with {_shown(peer)} failed: {_reason(error)}")

    def _log_failure(self, line: str, others: int) -> None:
        self._log.logger.info("%s%s", line, f" ({others} more in the last second)" if others else "")


def _shown(peer: Any) -> str:
    """Format an address as in the access log."""
    if not isinstance(peer, tuple):
        return "-"
    host, port, *_ = peer
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: BaseException) -> str:
    """Return the reason of a failure, in OpenSSL's words if there are any."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error) or type(error).__name__


def _line(sock: socket.socket) -> list[socket.socket]:
    """Return the connections in the backlog."""
    found: list[socket.socket] = []
    while True:
        try:
            connection, _ = sock.accept()
        except OSError:
            # The backlog is empty, or there are no descriptors left.
            return found
        connection.setblocking(False)
        found.append(connection)


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
