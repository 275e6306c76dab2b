"""The listening sockets of a server: opened together, and closed without losing who was already in line.

It knows nothing of what becomes of a connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import sockets

if TYPE_CHECKING:
    from vitok._native import HttpServer

# What connections taken out of the line have for their handshake, before it counts as their own fault.
_HANDSHAKE_SECONDS = 1.0
# A connection that came last has sent its request already, or sends it within this time: enough for a network nearby.
_FIRST_REQUEST_SECONDS = 0.02


class Listeners:
    """The listening sockets of one server, over sockets that are bound."""

    def __init__(self, http: HttpServer, bound: Sequence[sockets.Bound], context: ssl.SSLContext | None) -> None:
        self._http = http
        self._bound = bound
        self._context = context
        self._servers: list[asyncio.Server] = []

    async def open(self, backlog: int) -> None:
        """Accept connections. OSError names an address that somebody else has by now."""
        loop = asyncio.get_running_loop()
        for one in self._bound:
            try:
                server = await loop.create_server(self._http, sock=one.sock, ssl=self._context, backlog=backlog)
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

    async def _take(self, sock: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._http, sock, ssl=self._context)
        except OSError:
            # A peer that is gone, or whose handshake failed.
            sock.close()


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
