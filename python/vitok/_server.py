"""The result of `create_server()`: asyncio's Server with the methods of its newest version on every version.

Accepting is native. Transports report to their server when they start and when they end: the loop's own by a native
count, others by `_attach` and `_detach`. The loop has the list of them.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import base_events
from typing import TYPE_CHECKING, Any, cast

from ._native import ConnectionCount, SocketTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._native import EventLoop

# Private attributes of asyncio's that typeshed does not have.
_Base: Any = base_events.Server


class Server(base_events.Server):
    """Listening sockets and the connections accepted by them: asyncio.Server.

    https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.Server
    """

    # The public name, which error messages and logs show.
    __module__ = "vitok"

    # An instance is created as asyncio's class and changed to this class before it accepts, so no constructor runs.
    _count: ConnectionCount
    _foreign: weakref.WeakSet[Any] | None = None
    # Called with the address of the peer and the exception of a handshake that failed, if set.
    _handshake_failed: Callable[[Any, BaseException], object] | None = None

    @property
    def _connections(self) -> int:
        return self._count.open

    def _attach(self, transport: Any = None) -> None:
        """Count a connection. Transports that are not the loop's own are kept here."""
        self._count.add()
        if type(transport) is not SocketTransport and transport is not None:
            if self._foreign is None:
                self._foreign = weakref.WeakSet()
            self._foreign.add(transport)

    def _detach(self, transport: Any = None) -> None:
        """Count a connection as ended. The last one of a closed server ends `wait_closed()`."""
        left = self._count.remove()
        if self._foreign is not None:
            self._foreign.discard(transport)
        if left == 0 and _private(self)._sockets is None:
            self._wakeup()

    def _note_handshake(self, transport: Any, waiter: asyncio.Future[None]) -> None:
        """Handle the end of a TLS handshake, successful or not."""
        error = None if waiter.cancelled() else waiter.exception()
        if error is not None and self._handshake_failed is not None:
            self._handshake_failed(transport.get_extra_info("peername"), error)

    def _wakeup(self) -> None:
        own = _private(self)
        waiters, own._waiters = own._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Stop accepting. Connections stay open; `wait_closed()` waits for them."""
        own = _private(self)
        sockets, own._sockets = own._sockets, None
        if sockets is None:
            return
        for sock in sockets:
            own._loop._stop_serving(sock)
        own._serving = False
        forever, own._serving_forever_fut = own._serving_forever_fut, None
        if forever is not None and not forever.done():
            forever.cancel()
        if self._connections == 0:
            self._wakeup()

    async def serve_forever(self) -> None:
        """Accept until cancelled, then close with every connection. RuntimeError if the method is awaited already."""
        own = _private(self)
        if own._serving_forever_fut is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        if own._sockets is None:
            raise RuntimeError(f"server {self!r} is closed")
        own._start_serving()
        own._serving_forever_fut = own._loop.create_future()
        try:
            await own._serving_forever_fut
        except asyncio.CancelledError:
            self.close()
            self.close_clients()
            await self.wait_closed()
            raise
        finally:
            own._serving_forever_fut = None

    async def wait_closed(self) -> None:
        """Wait until the server is closed and the last of its connections is gone."""
        own = _private(self)
        if own._waiters is None:
            return
        waiter = own._loop.create_future()
        own._waiters.append(waiter)
        await waiter

    def close_clients(self) -> None:
        """Close every connection: `transport.close()`."""
        for transport in self._transports():
            transport.close()

    def abort_clients(self) -> None:
        """Close every connection at once: `transport.abort()`."""
        for transport in self._transports():
            transport.abort()

    def _transports(self) -> list[asyncio.WriteTransport]:
        loop = cast("EventLoop", self.get_loop())
        return [*loop._transports_of(self), *(self._foreign or ())]


# The methods by which transports report to their server, which a program may replace.
_REPORTS: dict[str, Any] = {name: vars(Server)[name] for name in ("_attach", "_detach", "_wakeup")}


def adopt(server: Any) -> Server:
    """Change one of asyncio's servers to this class."""
    if type(server) is _Base:
        server.__class__ = Server
        server._count = ConnectionCount()
    return cast("Server", server)


def count_of(server: Any) -> ConnectionCount | None:
    """Return the count by which native transports report; None for a server that has to be told by its methods."""
    if not isinstance(server, Server) or not vars(server).keys().isdisjoint(_REPORTS):
        return None
    replaced = any(getattr(type(server), name) is not report for name, report in _REPORTS.items())
    return None if replaced else server._count


async def started(server: Server) -> Server:
    """Return the server once it accepts. If the caller is cancelled meanwhile, the server is closed."""
    try:
        _private(server)._start_serving()
        # asyncio lets the loop run a turn here, so that a connection which already waits is accepted.
        await asyncio.sleep(0)
    except BaseException:
        server.close()
        raise
    return server


def _private(server: Server) -> Any:
    return server
