"""Connections that begin with a header of the PROXY protocol: accepting them, reading the header, handing them on.

A trusted peer sends one, before TLS if there is any; the bytes of others are left to the server. A header is looked at
before it is taken, so that what follows it in the same packet stays in the socket. HTTP is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from vitok._accepting import GuardedSocket
from vitok._sparse import Sparse

from . import sockets
from .narrowing import is_tuple
from .proxies import Trusted
from .proxy_protocol import SIZE_AT_MOST, VERSIONS, ProxyProtocolError, parse

if TYPE_CHECKING:
    from vitok._native import HttpServer, HttpTotals

    from .log import Log
    from .options import Options

# The most connections accepted for one event: other connections, and other workers at the same socket, get their turn.
_ACCEPTED_AT_ONCE = 8
# Bytes of a header that are of no interest are taken in pieces.
_PIECE = 4096


class ProxyConnections:
    """What all connections of one server have in common: who is trusted, the version, and the limits."""

    def __init__(
        self, http: HttpServer, options: Options, trusted: Trusted, log: Log, totals: HttpTotals | None = None
    ) -> None:
        """`totals` counts the connections that the servers of all threads have."""
        self.http = http
        self._totals = totals
        self.beginning: int = 0
        """How many connections have not been handed on."""
        self.limit: int | None = options.limit_connections
        """The most connections at a time, with those that the server has; None for any number."""
        self._versions = VERSIONS[options.proxy_protocol]
        self._seconds = options.timeout_header
        self._trusted = trusted
        self._log = log
        self._refusals: Sparse[str] = Sparse(asyncio.get_running_loop(), self._log_refusal)

    async def connect(self, sock: socket.socket, tls: dict[str, Any]) -> None:
        """Read the header of an accepted connection, and hand it on. The socket is closed if that fails.

        OSError for a peer that has left, or a handshake that failed: with the attribute `peer`, the client's address.
        """
        self.beginning += 1
        peer: Any = None
        try:
            peer = _peer(sock)
            client = await self._client(sock, peer)
            factory: Callable[[], Any] = self.http
            if client is not None:
                peer = client
                factory = partial(self.http.protocol_between, client, sock.getsockname())
            await asyncio.get_running_loop().connect_accepted_socket(factory, sock, **tls)
        except (ProxyProtocolError, TimeoutError) as error:
            sock.close()
            reason = str(error) or f"no PROXY header within {self._seconds:g} s"
            self._refusals.add(f"--proxy-protocol: connection of {sockets.peer_text(peer)} refused: {reason}")
        except BaseException as error:
            sock.close()
            error.peer = peer  # type: ignore[attr-defined]
            raise
        finally:
            self.beginning -= 1

    def is_full(self) -> bool:
        """Return whether there are as many connections as the options allow."""
        return self.limit is not None and self.beginning + self._open() >= self.limit

    def _open(self) -> int:
        return self.http.connections if self._totals is None else self._totals.connections

    def close(self) -> None:
        """Log what waits to be logged."""
        self._refusals.close()

    async def _client(self, sock: socket.socket, peer: Any) -> tuple[str, int] | None:
        """Return the client's address, or None for that of the connection."""
        if not self._trusted.has(peer[0] if is_tuple(peer) else None):
            return None
        async with asyncio.timeout(self._seconds):
            return await read_header(sock, self._versions)

    def _log_refusal(self, line: str, others: int) -> None:
        self._log.logger.warning("%s%s", line, f" ({others} more in the last second)" if others else "")


class ProxyServer:
    """Accepts on one listening socket, with the methods of asyncio's Server that the owner of the sockets calls."""

    def __init__(self, connections: ProxyConnections, sock: socket.socket, backlog: int, tls: dict[str, Any]) -> None:
        """Start accepting. OSError if that is not possible."""
        self._handshake_failed: Callable[[Any, BaseException], object] | None = None
        self._common = connections
        self._sock = sock
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            # Accepted sockets inherit it.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.listen(backlog)
        self._guarded = GuardedSocket(self._loop, sock, pause=self._pause, resume=self._resume)
        self._resume()

    @property
    def _connections(self) -> int:
        """How many connections have not been handed on."""
        return len(self._tasks)

    def close(self) -> None:
        """Stop accepting. Connections that have begun go on."""
        if self._sock.fileno() >= 0:
            self._pause()
            self._sock.close()

    def abort_clients(self) -> None:
        """Close the connections that have not been handed on."""
        for task in self._tasks:
            task.cancel()

    def _pause(self) -> None:
        self._loop.remove_reader(self._sock)

    def _resume(self) -> None:
        self._loop.add_reader(self._sock, self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, _ = self._guarded.accept()
            except (BlockingIOError, InterruptedError):
                return
            if self._common.is_full():
                sock.close()
                continue
            sock.setblocking(False)
            task = self._loop.create_task(self._connect(sock))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, sock: socket.socket) -> None:
        try:
            await self._common.connect(sock, self._tls)
        except OSError as error:
            if self._handshake_failed is not None and self._tls:
                self._handshake_failed(getattr(error, "peer", None), error)


def _peer(sock: socket.socket) -> Any:
    """Return the address of the peer. ConnectionResetError if it has left."""
    try:
        return sock.getpeername()
    except OSError as error:
        raise ConnectionResetError("the peer has left before its connection was accepted") from error


async def read_header(sock: socket.socket, versions: tuple[int, ...]) -> tuple[str, int] | None:
    """Take a header from a non-blocking socket, and nothing of what follows. Return the client's address in it, if any.

    ProxyProtocolError for bytes that are none, ConnectionResetError for a peer that leaves within it.
    """
    taken = b""
    while True:
        seen = await _peek(sock, SIZE_AT_MOST)
        if not seen:
            raise ConnectionResetError("the peer has left before the end of its PROXY header")
        found = parse(taken + seen, versions)
        # A part of a header is taken, too: what was seen would be reported again and again.
        count = len(seen) if found is None else min(len(seen), found.length - len(taken))
        taken += sock.recv(count)
        if found is not None:
            break
    left = found.length - len(taken)
    while left:
        piece = await asyncio.get_running_loop().sock_recv(sock, min(left, _PIECE))
        if not piece:
            raise ConnectionResetError("the peer has left before the end of its PROXY header")
        left -= len(piece)
    return found.client


async def _peek(sock: socket.socket, size: int) -> bytes:
    """Return bytes that stay in the socket, once there are any; none at its end."""
    while True:
        with contextlib.suppress(BlockingIOError, InterruptedError):
            return sock.recv(size, socket.MSG_PEEK)
        await _readable(sock)


async def _readable(sock: socket.socket) -> None:
    """Wait until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    arrived = asyncio.Event()
    loop.add_reader(sock, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(sock)
