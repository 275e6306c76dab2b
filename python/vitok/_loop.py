"""The class of the loop: CPython's own, with the native one before it in the order of the bases.

Native methods take precedence; everything else is inherited from the Python that runs. This module has only what joins
the two: the self-pipe, which does not exist, and signals.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import socket
import weakref
from asyncio import base_events as _base_events
from asyncio import constants, futures, tasks, unix_events
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from . import _compat, _pipes, _processes, _tls
from ._accepting import GuardedSocket
from ._connect import create_connection
from ._hooks import descriptor_of, endpoint_info
from ._measuring import MeasuredLoop
from ._native import EventLoop, is_plain_socket, know_loop_class
from ._poller_view import PollerView, WakeupEnd
from ._server import Server, adopt, count_of, started

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable

_T = TypeVar("_T")
_Base: Any = unix_events._UnixSelectorEventLoop

# typeshed does not let it have a generator.
_ensure_future: Any = tasks.ensure_future
# The callback of a future that stops its loop. anyio finds the root task by this very function.
_stop_when_done: Any = _base_events._run_until_complete_cb  # type: ignore[attr-defined]

# From Python 3.13 on a server unlinks the file of its Unix socket when it closes.
_UNLINKS_SOCKETS = "cleanup_socket" in inspect.signature(_Base.create_unix_server).parameters

# Families whose transports are native; others (Bluetooth, vsock) keep asyncio's own transports.
_NATIVE_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6, socket.AF_UNIX})

# Families whose addresses may contain a host name.
_NAMED_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6})


class Loop(MeasuredLoop, unix_events._UnixSelectorEventLoop):
    """An event loop with native scheduling and polling, which implements all of asyncio.AbstractEventLoop.

    It is a subclass of the class of `asyncio.SelectorEventLoop`: a method that has no native implementation is that of
    the Python that runs. The caller closes it. https://docs.python.org/3/library/asyncio-eventloop.html
    """

    # The public name, which error messages, logs and pickles show.
    __module__ = "vitok"

    # Attributes that asyncio's constructors assign have slots, so that the instance gets a dict only when a user
    # assigns another attribute: the interpreter calls methods of an instance without a dict faster, by
    # LOAD_ATTR_METHOD_LAZY_DICT.
    __slots__ = (*_compat.LOOP_ATTRIBUTES, "_measurement")

    if TYPE_CHECKING:
        # An attribute of asyncio's that typeshed does not have.
        _internal_fds: int
        _signal_handlers: dict[int, asyncio.Handle]

        def _check_closed(self) -> None: ...
        def _check_running(self) -> None: ...

    def __init__(self) -> None:
        """Create an open loop. OSError if the process has no descriptors left."""
        self._prepare_measurement()
        view: Any = PollerView(weakref.ref(self))
        super().__init__(view)
        if type(self).time is not EventLoop.time:
            self._follow_own_time()

    def __repr__(self) -> str:
        """Return asyncio's text, with the name of the package: several packages call their loop `Loop`."""
        text: str = super().__repr__()
        return text.replace("<Loop ", "<vitok.Loop ", 1) if type(self) is Loop else text

    def run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T:
        """Run until the future is done and return its result or raise its exception. A coroutine becomes a task."""
        self._check_closed()
        self._check_running()
        is_new = not futures.isfuture(future)
        awaited: Any = _ensure_future(future, loop=self)
        if is_new:
            # A task that did not complete is reported below.
            awaited._log_destroy_pending = False
        try:
            try:
                awaited.add_done_callback(_stop_when_done)
                self.run_forever()
                awaited.remove_done_callback(_stop_when_done)
            except BaseException:
                self._abandon_run(awaited, is_new)
                raise
        except BaseException:
            # Again, because a KeyboardInterrupt may have ended the first call.
            self._abandon_run(awaited, is_new)
            raise
        if not awaited.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return awaited.result()  # type: ignore[no-any-return]

    def _abandon_run(self, future: Any, is_new: bool) -> None:
        """Keep the future of a run that an exception has ended from stopping a later run."""
        future.remove_done_callback(_stop_when_done)
        ready: Iterable[Any] = self._ready
        handles = [it for it in ready if it._callback is _stop_when_done and it._args[0] is future]
        if (is_new or handles) and future.done() and not future.cancelled():
            # It counts as retrieved: the caller cannot ask a new task, and the callback would have asked any other.
            future.exception()
        for handle in handles:
            handle.cancel()

    @property
    def _csock(self) -> WakeupEnd | None:
        """Return what asyncio's signal methods pass to `signal.set_wakeup_fd`."""
        return None if self.is_closed() else WakeupEnd(self)

    @property
    def _ssock(self) -> WakeupEnd | None:
        return self._csock

    def _make_self_pipe(self) -> None:
        # The native waker replaces the pair of sockets: one descriptor, made with the poller.
        self._internal_fds = 1

    def _close_self_pipe(self) -> None:
        self._internal_fds = 0

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]
        """Call callback(*args) in the loop when the signal arrives. RuntimeError outside the main thread."""
        self._hold_wakeup_descriptor()
        try:
            super().add_signal_handler(sig, callback, *args)
        finally:
            self._update_wakeup_descriptor(bool(self._signal_handlers))

    def remove_signal_handler(self, sig: int) -> bool:
        """Remove the handler of a signal. Return whether there was one."""
        if self._signal_handlers and not self.is_closed():
            self._hold_wakeup_descriptor()
        try:
            return super().remove_signal_handler(sig)
        finally:
            self._update_wakeup_descriptor(bool(self._signal_handlers))

    # Streams and datagrams: asyncio's own methods end in these hooks, which make native transports and listeners.

    if not TYPE_CHECKING:
        # The arguments differ between versions of Python; a type checker sees the inherited methods.

        async def create_server(self, *args: Any, start_serving: bool = True, **kwargs: Any) -> Server:
            """Listen on TCP sockets. Arguments, result and errors are those of asyncio's method."""
            server = await super().create_server(*args, start_serving=False, **kwargs)
            return await started(adopt(server)) if start_serving else adopt(server)

        async def create_unix_server(self, *args: Any, start_serving: bool = True, **kwargs: Any) -> Server:
            """Listen on a Unix socket. Arguments, result and errors are those of asyncio's method."""
            if _UNLINKS_SOCKETS and kwargs.get("sock") is not None:
                # Whoever made the socket owns its file, too.
                kwargs.setdefault("cleanup_socket", False)
            server = await super().create_unix_server(*args, start_serving=False, **kwargs)
            return await started(adopt(server)) if start_serving else adopt(server)

        async def sock_connect(self, sock: Any, address: Any) -> None:
            """Connect a socket that does not block. Arguments, result and errors are those of asyncio's method."""
            if not is_plain_socket(sock):
                return await super().sock_connect(sock, address)
            if self.get_debug() and sock.gettimeout() != 0:
                raise ValueError("the socket must be non-blocking")
            if sock.family in _NAMED_FAMILIES:
                kind = {"family": sock.family, "type": sock.type, "proto": sock.proto}
                *_, address = (await self._ensure_resolved(address, **kind, loop=self))[0]
            return await self._sock_connect_resolved(sock, address)

        # The native `create_connection` calls this unless a literal address is all that it is given.
        _create_connection = create_connection
        create_server.__signature__ = inspect.signature(_Base.create_server)
        create_unix_server.__signature__ = inspect.signature(_Base.create_unix_server)

    def _make_socket_transport(
        self,
        sock: Any,
        protocol: Any,
        waiter: Any = None,
        *,
        extra: Any = None,
        server: Any = None,
        context: contextvars.Context | None = None,
    ) -> Any:
        self._ensure_fd_no_transport(descriptor_of(sock))
        if _is_native_stream(sock):
            return self._open_stream(sock, protocol, waiter, extra, server, context)
        options = {} if context is None else {"context": context}
        return _Base._make_socket_transport(self, sock, protocol, waiter, extra=extra, server=server, **options)

    def _make_datagram_transport(
        self, sock: Any, protocol: Any, address: Any = None, waiter: Any = None, extra: Any = None
    ) -> Any:
        self._ensure_fd_no_transport(descriptor_of(sock))
        if _is_native(sock, socket.SOCK_DGRAM):
            return self._open_datagram(sock, protocol, address, waiter, endpoint_info(sock, extra))
        return _Base._make_datagram_transport(self, sock, protocol, address, waiter, extra)

    def _make_ssl_transport(
        self,
        rawsock: Any,
        protocol: Any,
        sslcontext: Any,
        waiter: Any = None,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        extra: Any = None,
        server: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        context: contextvars.Context | None = None,
    ) -> Any:
        made = _tls.open_transport(
            self,
            protocol,
            sslcontext,
            waiter,
            server_side=server_side,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        transport = self._make_socket_transport(rawsock, made, extra=extra, server=server, context=context)
        if isinstance(server, Server) and waiter is not None:
            waiter.add_done_callback(partial(server._note_handshake, transport))
        return made

    async def start_tls(
        self,
        transport: Any,
        protocol: Any,
        sslcontext: Any,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        """Make an open connection a TLS connection. Arguments, result and errors are those of asyncio's method."""
        return await _tls.upgrade(
            self,
            transport,
            protocol,
            sslcontext,
            server_side=server_side,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )

    def _start_serving(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        sock: Any,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = constants.SSL_HANDSHAKE_TIMEOUT,
        ssl_shutdown_timeout: float | None = constants.SSL_SHUTDOWN_TIMEOUT,
        context: contextvars.Context | None = None,
    ) -> None:
        if server is not None:
            adopt(server)
        if sslcontext is None and _is_native_stream(sock):
            self._listen(protocol_factory, sock, server, count_of(server), context or contextvars.copy_context())
            return
        options = () if context is None else (context,)
        is_shared = self._is_shared_listener(sock.fileno())
        # asyncio accepts as many connections at once as the backlog may have.
        rest = (sslcontext, server, 1 if is_shared else backlog, ssl_handshake_timeout, ssl_shutdown_timeout, *options)

        def begin() -> None:
            _Base._start_serving(self, protocol_factory, guarded, *rest)

        def pause() -> None:
            self._remove_reader(sock.fileno())

        guarded = GuardedSocket(self, sock, pause=pause, resume=begin, is_shared=is_shared)
        begin()

    def _stop_serving(self, sock: Any) -> None:
        if _is_native_stream(sock):
            self._unlisten(sock.fileno())
        _Base._stop_serving(self, sock)

    # Pipes: `connect_read_pipe`, `connect_write_pipe` and the pipes of subprocesses end in these.

    def _make_read_pipe_transport(self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        descriptor = _pipes.prepare_reader(pipe)
        return self._open_read_pipe(pipe, descriptor, protocol, waiter, _pipes.extra_info(pipe, extra))

    def _make_write_pipe_transport(self, pipe: Any, protocol: Any, waiter: Any = None, extra: Any = None) -> Any:
        descriptor, hears_reader = _pipes.prepare_writer(pipe)
        return self._open_write_pipe(pipe, descriptor, protocol, waiter, _pipes.extra_info(pipe, extra), hears_reader)

    _make_subprocess_transport = _processes.make_transport

    def _ensure_fd_no_transport(self, fd: Any) -> None:
        # Called first: it refuses what is not a descriptor, and accepts a closed socket, as the native code expects.
        _Base._ensure_fd_no_transport(self, fd)
        transport = self._transport_of(fd if isinstance(fd, int) else int(fd.fileno()))
        if transport is not None and not transport.is_closing():
            raise RuntimeError(f"File descriptor {fd!r} is used by transport {transport!r}")

    async def _sendfile_native(self, transp: Any, file: Any, offset: int, count: int | None) -> Any:
        """Send a file by the kernel, once the queue of the transport is sent."""
        sock = transp._sock
        resume = transp.is_reading()
        transp.pause_reading()
        try:
            await transp._make_empty_waiter()
            return await self.sock_sendfile(sock, file, offset, count, fallback=False)
        finally:
            if sock is not None and sock.fileno() >= 0:
                # After a failure asyncio's code leaves the descriptor watched, and could not remove it any more.
                self._remove_writer(sock)
            transp._reset_empty_waiter()
            if resume:
                transp.resume_reading()


know_loop_class(Loop)


def _is_native_stream(sock: Any) -> bool:
    return _is_native(sock, socket.SOCK_STREAM)


def _is_native(sock: Any, kind: int) -> bool:
    """Return whether the kernel moves the bytes of this socket: a subclass may do that in its own methods.

    The name `socket.socket` is not used, since tests and libraries replace it.
    """
    return is_plain_socket(sock) and sock.type == kind and sock.family in _NATIVE_FAMILIES
