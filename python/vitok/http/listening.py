"""The listening sockets of a server: opened together, with TLS if that is asked for, and closed without losing the
connections in the backlog.

The handling of connections is not known here; the loop's own transports do the rest of TLS (`create_server(ssl=...)`).
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
from .proxy_accepting import ProxyConnections, ProxyServer

if TYPE_CHECKING:
    from vitok._native import HttpServer

# The time for the handshakes that have begun, and for those of connections from the backlog, when a server ends.
_HANDSHAKE_SECONDS = 1.0
# How often it is checked whether these handshakes are complete.
_LOOK_SECONDS = 0.01
# How often a loop looks for connections for which another one was woken: a client waits so long at most.
LOOK_AGAIN_SECONDS = 1.0
# The time in which the last connection sends its request, if it has not yet: enough for a network nearby.
_FIRST_REQUEST_SECONDS = 0.02
# The transport's limit on the end of a connection counts from `close()`, when the response may still be on its way to a
# slow reader. It is out of the way here: the server has limits of its own, on a client that does not read
# (`timeout_body`), and on one that has read everything and does not end the connection (`linger_seconds`).
_SHUTDOWN_SECONDS = 24 * 60 * 60.0


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
        proxy: ProxyConnections | None = None,
        has_threads: bool = False,
    ) -> None:
        """`handshake_seconds` limits each TLS handshake; with None, asyncio's limit applies. With `proxy`, connections
        begin with a header of the PROXY protocol. With `has_threads` other threads accept from copies of the sockets.
        """
        self._http = http
        self._bound = bound
        self._has_threads = has_threads
        self._is_tls = context is not None
        self._tls: dict[str, Any] = {}
        if context is not None:
            self._tls = {"ssl": context, "ssl_handshake_timeout": handshake_seconds}
            self._tls["ssl_shutdown_timeout"] = _SHUTDOWN_SECONDS
        self._log = log
        self._proxy = proxy
        self._failures: Sparse[str] = Sparse(asyncio.get_running_loop(), self._log_failure)
        self._backlog = 0
        self._is_closed = False
        self._servers: list[Any] = []
        # Those that do not accept any more, and have connections.
        self._former: list[Any] = []
        # The last handshakes, and how many connections from the backlog have completed theirs.
        self._handshakes: list[asyncio.Task[None]] = []
        self._accepted = 0
        self._looking: asyncio.TimerHandle | None = None

    async def open(self, backlog: int) -> None:
        """Start accepting. OSError names an address that another process has taken meanwhile."""
        self._backlog = backlog
        self._servers = await self._open(self._tls)
        if any(map(self._is_shared, self._bound)):
            self._look_again()

    async def replace(self, context: ssl.SSLContext) -> None:
        """Use another context for connections that are accepted from here on. OSError if that is not possible.

        Connections and handshakes keep theirs. A context that is changed, or replaced by a callback for names, would
        keep some of its settings, and accept the sessions of clients whose certificates it does not accept any more.
        """
        servers = await self._open({**self._tls, "ssl": context})
        if self._is_closed:
            self._close(servers)
            return
        former, self._servers = self._servers, servers
        self._tls["ssl"] = context
        self._close(former)

    async def close(self, *, restarts: bool = False) -> None:
        """Stop accepting.

        The kernel resets the connections in the backlog of a socket when the socket is closed, so they are accepted
        before; then all new connections may still send a request. The backlog of a socket that stays open elsewhere is
        left to the processes there: that of a socket which this server has inherited, and with `restarts` that of one
        which it shares.
        """
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
        last = [one for one in self._bound if one.is_ours and not (one.is_shared and restarts)]
        waiting = [sock for one in last if self._servers for sock in _line(one.sock)]
        servers, self._servers = self._servers, []
        self._close(servers)
        for one in self._bound:
            one.sock.close()
        self._handshakes = [asyncio.ensure_future(self._accept_waiting(sock)) for sock in waiting]
        if self._is_tls or self._proxy is not None:
            self._handshakes.append(asyncio.ensure_future(self._handshakes_end()))
        if self._handshakes:
            await asyncio.wait(self._handshakes, timeout=_HANDSHAKE_SECONDS)
        if servers:
            await asyncio.sleep(_FIRST_REQUEST_SECONDS)
        self._failures.close()
        if self._proxy is not None:
            self._proxy.close()

    def abort(self) -> None:
        """Close the connections whose handshake is not complete."""
        for task in self._handshakes:
            task.cancel()
        for server in self._former:
            server._handshake_failed = None
            server.abort_clients()
        self._former.clear()

    async def _open(self, tls: dict[str, Any]) -> list[Any]:
        """Accept on all sockets. Over TLS a copy of each is used, so that another context can take its place."""
        loop: Any = asyncio.get_running_loop()
        servers: list[Any] = []
        for one in self._bound:
            sock = one.sock
            try:
                sock = sock.dup() if tls else sock
                server: Any
                if self._proxy is not None:
                    server = ProxyServer(self._proxy, sock, self._backlog, tls)
                else:
                    if self._is_shared(one):
                        loop._share_listener(sock.fileno())
                    server = await loop.create_server(self._http, sock=sock, backlog=self._backlog, **tls)
            except OSError as error:
                loop._unlisten(sock.fileno())
                if sock is not one.sock:
                    sock.close()
                self._close(servers)
                raise sockets.failure(error, one.url(tls=self._is_tls)) from None
            server._handshake_failed = self._note_failure
            servers.append(server)
        return servers

    def _is_shared(self, one: sockets.Bound) -> bool:
        """Return whether other processes or threads accept the same connections."""
        return one.is_shared or self._has_threads

    def _look_again(self) -> None:
        """Look for waiting connections on shared sockets, from time to time: the kernel wakes one loop for each, and
        that one may have been killed or stopped before it accepted, or have other work first.
        """
        loop: Any = asyncio.get_running_loop()
        self._looking = loop.call_later(LOOK_AGAIN_SECONDS, self._look_again)
        for server in self._servers:
            for sock in getattr(server, "sockets", ()):
                if loop._is_shared_listener(sock.fileno()):
                    try:
                        loop._share_listener(sock.fileno())
                    except OSError as error:
                        # The kernel has no memory to watch it; the next attempt may find some.
                        self._log.logger.warning("a listening socket can't be watched: %s", error)

    def _close(self, servers: list[Any]) -> None:
        for server in servers:
            server.close()
        self._former = [server for server in (*self._former, *servers) if server._connections]

    async def _handshakes_end(self) -> None:
        """Wait until every connection has completed its handshake, so that it may send its request."""
        while self._has_handshakes():
            await asyncio.sleep(_LOOK_SECONDS)

    def _has_handshakes(self) -> bool:
        """Return whether there are connections that were not handed on to HTTP."""
        if self._proxy is not None:
            return self._proxy.beginning > 0
        begun: int = sum(server._connections for server in self._former) + self._accepted
        return begun > self._http.connections

    async def _accept_waiting(self, sock: socket.socket) -> None:
        try:
            if self._proxy is not None:
                await self._proxy.connect(sock, self._tls)
            else:
                await asyncio.get_running_loop().connect_accepted_socket(self._http, sock, **self._tls)
            self._accepted += 1
        except OSError as error:
            # The peer has left, or its handshake failed.
            sock.close()
            if self._is_tls:
                self._note_failure(None, error)

    def _note_failure(self, peer: Any, error: BaseException) -> None:
        """Log a TLS handshake that failed, unless one was logged just now, or the peer has only left."""
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            return
        self._failures.add(f"TLS handshake with {sockets.peer_text(peer)} failed: {_reason(error)}")

    def _log_failure(self, line: str, others: int) -> None:
        self._log.logger.info("%s%s", line, f" ({others} more in the last second)" if others else "")


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
