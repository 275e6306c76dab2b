"""What `create_server()` returns: asyncio's Server with the methods of its newest version on every version.

Accepting is native. A transport tells its server when it comes and when it goes; which ones there are, the loop knows.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import base_events
from typing import TYPE_CHECKING, Any, cast

from ._native import SocketTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._native import EventLoop

# asyncio's own private parts, which typeshed does not tell of.
_Base: Any = base_events.Server


class Server(base_events.Server):
    """Listening sockets, and the connections that came through them: asyncio.Server.

    https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.Server
    """

    # An instance is born as asyncio's class and becomes one of this class before it accepts: no constructor runs.
    _connections = 0
    _foreign: weakref.WeakSet[Any] | None = None
    # What is told of handshakes that fail, if anybody wants to know: the peer's address and the exception.
    _handshake_failed: Callable[[Any, BaseException], object] | None = None

    def _attach(self, transport: Any = None) -> None:
        """A connection has come. Transports that are not the loop's own are remembered here."""
        self._connections += 1
        if type(transport) is not SocketTransport and transport is not None:
            if self._foreign is None:
                self._foreign = weakref.WeakSet()
            self._foreign.add(transport)

    def _detach(self, transport: Any = None) -> None:
        """A connection is gone. The last one of a closed server wakes those in `wait_closed()`."""
        self._connections -= 1
        if self._foreign is not None:
            self._foreign.discard(transport)
        if self._connections == 0 and _private(self)._sockets is None:
            self._wakeup()

    def _note_handshake(self, transport: Any, waiter: asyncio.Future[None]) -> None:
        """A TLS handshake is over, well or not."""
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
        """Stop accepting. Connections live on; `wait_closed()` waits for them."""
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
        """Accept until cancelled; then close, with every connection. RuntimeError if it is awaited already."""
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


def adopt(server: Any) -> Server:
    """Make one of asyncio's servers one of ours."""
    if type(server) is _Base:
        server.__class__ = Server
    return cast("Server", server)


async def started(server: Server) -> Server:
    """The server once it accepts. If the caller is cancelled meanwhile, it is closed: nobody would have it."""
    try:
        _private(server)._start_serving()
        # asyncio lets the loop turn here, so that a connection which waits already is accepted.
        await asyncio.sleep(0)
    except BaseException:
        server.close()
        raise
    return server


def _private(server: Server) -> Any:
    return server
