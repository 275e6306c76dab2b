"""The listening sockets of a server: opened together, and closed without losing connections that were in the backlog.

What happens to connections is not known here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vitok._sparse import Sparse

from . import sockets
from .log import Log

if TYPE_CHECKING:
    from vitok._native import HttpServer

# The time for the handshake of a connection from the backlog, after which its failure counts as its own.
_HANDSHAKE_SECONDS = 1.0
# The time in which the last connection sends its request, if it has not yet: enough for a network nearby.
_FIRST_REQUEST_SECONDS = 0.02


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
