"""Functions that the native loop calls once per run, failure or close, never per callback that succeeds.

`crates/python/src/imports/hooks.rs` lists them with their arguments: the import of the native module fails if the
two differ.
"""

from __future__ import annotations

import concurrent.futures
import errno
import inspect
import signal
import socket
import sys
import threading
import time
import warnings
import weakref
from asyncio import base_events as _base_events
from asyncio import format_helpers, streams, trsock, unix_events
from asyncio import futures as _futures
from typing import TYPE_CHECKING, Any

from . import _resolver
from ._sparse import Sparse

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

# The names used here are private to asyncio and unknown to typeshed.
base_events: Any = _base_events
futures: Any = _futures

# Replaces the Python handler of a signal that a loop handles.
_sighandler_noop: Any = unix_events._sighandler_noop  # type: ignore[attr-defined]

# Newer Pythons describe the arguments of a callback only in debug mode, and take the mode as an argument.
_SOURCE_TAKES_DEBUG = "debug" in inspect.signature(format_helpers._format_callback_source).parameters

# The native code feeds the stream readers of these versions; what a newer `feed_data` does is unknown.
FEEDS_READERS = sys.version_info < (3, 16)

# Newer Pythons set the position of a file after `sock_sendfile` also if nothing was sent.
_unix_loop: Any = unix_events._UnixSelectorEventLoop
_update_filepos: Any = _unix_loop._sock_sendfile_update_filepos
SENDFILE_ALWAYS_MOVES = "total_sent" not in inspect.signature(_update_filepos).parameters

# Newer Pythons let `create_task` pass any keyword on to the task.
TASKS_TAKE_KEYWORDS = "kwargs" in inspect.signature(_base_events.BaseEventLoop.create_task).parameters


def describe_failure(
    loop: AbstractEventLoop, handle: Any, callback: Any, arguments: tuple[Any, ...] | None, error: BaseException
) -> dict[str, Any]:
    """Return the context of `call_exception_handler` for an exception raised by a callback."""
    options = {"debug": loop.get_debug()} if _SOURCE_TAKES_DEBUG else {}
    source = format_helpers._format_callback_source(callback, arguments or (), **options)
    details = {"message": f"Exception in callback {source}", "exception": error, "handle": handle}
    if handle._source_traceback:
        details["source_traceback"] = handle._source_traceback
    return details


def report_slow_callback(loop: Any, handle: Any, seconds: float) -> None:
    """Pass a callback that took `slow_callback_duration` or longer to the log of debug mode, the hook and `vitok top`.

    An exception of the hook goes to the exception handler.
    """
    if seconds < loop.slow_callback_duration:
        return
    if loop.get_debug():
        base_events.logger.warning("Executing %s took %.3f seconds", base_events._format_handle(handle), seconds)
    hook, slow = loop._measurement.hook, loop._measurement.slow
    if slow is not None:
        slow.append((time.time(), seconds, base_events._format_handle(handle)))
    if hook is None:
        return
    try:
        hook(handle, seconds)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        loop.call_exception_handler(
            {"message": "Exception in slow_callback_hook", "exception": error, "handle": handle}
        )


def descriptor_of(file: Any) -> int:
    """Return the number of a descriptor or of an object with `fileno()`. ValueError for anything else."""
    try:
        number = file if isinstance(file, int) else int(file.fileno())
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"Invalid file object: {file!r}") from None
    if number < 0:
        raise ValueError(f"Invalid file descriptor: {number}")
    return number


def descriptor_or_none(file: Any) -> int | None:
    """Return the same, or None instead of ValueError: the traceback of an exception would keep the object alive."""
    try:
        return descriptor_of(file)
    except ValueError:
        return None


def in_main_thread() -> bool:
    """Return whether this thread is the one that runs signal handlers."""
    return threading.current_thread() is threading.main_thread()


def default_executor(loop: AbstractEventLoop) -> concurrent.futures.Executor:
    """Return the loop's own pool, which is made at its first use."""
    base_events.BaseEventLoop._check_default_executor(loop)
    own: Any = loop
    if own._default_executor is None:
        own._default_executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
    return own._default_executor  # type: ignore[no-any-return]


def translate_exception(error: BaseException) -> Any:
    """Return an exception of a pool's future as asyncio's futures raise it."""
    return futures._convert_future_exc(error)


_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_accept_reports: weakref.WeakKeyDictionary[AbstractEventLoop, Sparse[dict[str, Any]]] = weakref.WeakKeyDictionary()


def report_accept_failure(loop: AbstractEventLoop, sock: socket.socket, error: OSError) -> None:
    """Report a failed accept to the exception handler: once a second, with a count of others."""
    reports = _accept_reports.get(loop)
    if reports is None:
        reports = _accept_reports[loop] = Sparse(loop, _accept_reporter(loop))
    is_shortage = error.errno in _SHORTAGE
    message = "socket.accept() out of system resource" if is_shortage else "Accepting a connection failed"
    reports.add({"message": message, "exception": error, "socket": transport_socket(sock)})


def _accept_reporter(loop: AbstractEventLoop) -> Callable[[dict[str, Any], int], object]:
    known = weakref.ref(loop)

    def pass_on(details: dict[str, Any], others: int) -> None:
        if others:
            details["message"] += f" ({others} more in the last second)"
        alive = known()
        if alive is not None:
            alive.call_exception_handler(details)

    return pass_on


def transport_socket(sock: socket.socket) -> trsock.TransportSocket:
    """Return the view of a socket that `get_extra_info("socket")` returns."""
    return trsock.TransportSocket(sock)


def endpoint_info(sock: socket.socket, extra: dict[str, Any] | None) -> dict[str, Any]:
    """Return what `get_extra_info` of a datagram transport has: endpoints are few, so all of it is read at once."""
    facts = {**(extra or {}), "socket": transport_socket(sock), "sockname": _address_or_none(sock.getsockname)}
    if "peername" not in facts:
        facts["peername"] = _address_or_none(sock.getpeername)
    return facts


def _address_or_none(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except OSError:
        return None


def socket_of(socket_class: type[socket.socket], descriptor: int) -> socket.socket:
    """Return a socket object that owns this connected descriptor from now on; after an exception it does not own it."""
    sock: Any = socket_class.__new__(socket_class)
    try:
        sock.__init__(fileno=descriptor)
        sock.setblocking(False)
    except BaseException:
        # A KeyboardInterrupt, for example. The transport still owns the descriptor, and this object must not close it.
        sock.detach()
        raise
    return sock  # type: ignore[no-any-return]


def closed_socket(socket_class: type[socket.socket]) -> socket.socket:
    """Return a socket object that is closed from the start: its `fileno()` is -1."""
    sock: Any = socket_class.__new__(socket_class)
    sock._io_refs = 0
    sock._closed = True
    return sock  # type: ignore[no-any-return]


def pause_for_reader(reader: Any) -> None:
    """Pause the transport of a stream reader that holds twice its limit, as `StreamReader.feed_data` does."""
    if reader._transport is None or reader._paused:
        return
    try:
        reader._transport.pause_reading()
    except NotImplementedError:
        # The transport cannot be paused; asyncio then never tries again.
        reader._transport = None
    else:
        reader._paused = True


def reads_on(protocol: Any) -> bool:
    """Call `eof_received` at the end of what was typed on a terminal, and return whether the protocol wants more.

    A stream reader takes no data behind an end; its protocol returns a true value to keep the other direction of a
    socket open. So a program that reads a terminal by streams overrides `eof_received` if it wants more.
    """
    wants_more = bool(protocol.eof_received())
    own: object = protocol
    method = getattr(type(own), "eof_received", None)
    return wants_more and method is not streams.StreamReaderProtocol.eof_received


def warn_of_lost_writes() -> None:
    """Log that a program keeps writing to a connection that is lost."""
    base_events.logger.warning("socket.send() raised exception.")


def warn_of_lost_pipe_writes() -> None:
    """Log that a program keeps writing to a pipe that is closed."""
    base_events.logger.warning("pipe closed by peer or os.write(pipe, data) raised exception.")


def warn_of_resource(text: str, category: type[Warning], source: object) -> None:
    """Warn of a resource that was not closed."""
    warnings.warn(text, category, stacklevel=1, source=source)


def log_network_error(transport: object, message: str, error: BaseException) -> None:
    """Log the error that ended a connection, in debug mode."""
    base_events.logger.debug("%r: %s", transport, message, exc_info=error)


def close_inherited(loop: _base_events.BaseEventLoop) -> None:
    """Do the remaining steps of asyncio's `close()`: signal handlers, the default executor, the log; and the pool's."""
    _resolver.release(loop)
    _unix_loop.close(loop)


def close_again(loop: _base_events.BaseEventLoop, handlers: dict[int, Any]) -> None:
    """Repeat that after an exception: a signal handler that asyncio has forgotten may still be installed."""
    own: Any = loop
    for number in handlers.keys() - own._signal_handlers.keys():
        if signal.getsignal(number) is _sighandler_noop:
            own._signal_handlers[number] = handlers[number]
    close_inherited(loop)


def log_handshake(transport: Any, seconds: float | None) -> None:
    """Log the beginning of a TLS handshake, or its end after so many seconds, in debug mode."""
    if seconds is None:
        base_events.logger.debug("%r starts SSL handshake", transport)
    else:
        base_events.logger.debug("%r: SSL handshake took %.1f ms", transport, seconds * 1e3)


def log_end_of_peer(transport: Any) -> None:
    """Log that the peer of a TLS connection has ended its side, in debug mode."""
    base_events.logger.debug("%r received EOF", transport)


def warn_of_lost_tls_writes() -> None:
    """Log that a program goes on writing to a TLS connection that has ended."""
    base_events.logger.warning("SSL connection is closed")


def warn_of_half_open_tls() -> None:
    """Log that the result of `eof_received()` has no effect over TLS."""
    base_events.logger.warning("returning true from eof_received() has no effect when using ssl")
