"""The listening sockets of a server: opened together, and closed without losing who was already in line.

It knows nothing of what becomes of a connection.
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

# What connections taken out of the line have for their handshake, before it counts as their own fault.
_HANDSHAKE_SECONDS = 1.0
# A connection that came last has sent its request already, or sends it within this time: enough for a network nearby.
_FIRST_REQUEST_SECONDS = 0.02


class Listeners:
    """The listening sockets of one server, over sockets that are bound."""

    def __init__(
        self,
        http: HttpServer,
        bound: Sequence[sockets.Bound],
        context: ssl.SSLContext | None,
        *,
        handshake_seconds: float | None,
        log: Log,
    ) -> None:
        """`handshake_seconds` limits each TLS handshake; None leaves it at asyncio's limit."""
        self._http = http
        self._bound = bound
        self._context = context
        self._tls: dict[str, Any] = {}
        if context is not None:
            self._tls = {"ssl": context, "ssl_handshake_timeout": handshake_seconds}
        self._log = log
        self._failures: Sparse[str] = Sparse(asyncio.get_running_loop(), self._tell_failure)
        self._servers: list[asyncio.Server] = []

    async def open(self, backlog: int) -> None:
        """Accept connections. OSError names an address that somebody else has by now."""
        loop = asyncio.get_running_loop()
        for one in self._bound:
            try:
                server: Any = await loop.create_server(self._http, sock=one.sock, backlog=backlog, **self._tls)
                server._handshake_failed = self._note_failure
            except OSError as error:
                raise sockets.failure(error, one.url(tls=self._context is not None)) from None
            self._servers.append(server)

    async def close(self) -> None:
        """Accept no more.

        Connections that wait in the line of a socket are reset by the kernel when the socket closes, so they are taken
        out of it before; then all that have just come may send a request. The line of a socket that somebody else has
        as well is left to them.
        """
        waiting = [sock for one in self._bound if self._servers and one.is_ours for sock in _line(one.sock)]
        for server in self._servers:
            server.close()
        if waiting:
            await asyncio.wait(
                [asyncio.ensure_future(self._take(sock)) for sock in waiting], timeout=_HANDSHAKE_SECONDS
            )
        if self._servers:
            await asyncio.sleep(_FIRST_REQUEST_SECONDS)
        self._servers.clear()
        self._failures.close()

    async def _take(self, sock: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._http, sock, **self._tls)
        except OSError as error:
            # A peer that is gone, or whose handshake failed.
            sock.close()
            if self._tls:
                self._note_failure(None, error)

    def _note_failure(self, peer: Any, error: BaseException) -> None:
        """A TLS handshake has failed: a line of the log, unless there was one just now, or the peer has only left."""
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            return
        self._failures.say(f"TLS handshake with {_shown(peer)} failed: {_reason(error)}")

    def _tell_failure(self, line: str, others: int) -> None:
        self._log.logger.info("%s%s", line, f" ({others} more in the last second)" if others else "")


def _shown(peer: Any) -> str:
    """An address as in the access log."""
    if not isinstance(peer, tuple):
        return "-"
    host, port, *_ = peer
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _reason(error: BaseException) -> str:
    """Why, in OpenSSL's words where they are its."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return str(error) or type(error).__name__


def _line(sock: socket.socket) -> list[socket.socket]:
    """The connections that wait to be accepted."""
    found: list[socket.socket] = []
    while True:
        try:
            connection, _ = sock.accept()
        except OSError:
            # Nobody waits, or there are no descriptors left.
            return found
        connection.setblocking(False)
        found.append(connection)
