"""`create_connection` to a host: names, several addresses, happy eyeballs, local addresses, TLS.

The most frequent call, with one literal address and no options, is native. Here addresses are tried one after another
or, with `happy_eyeballs_delay`, side by side (RFC 8305): each attempt is a task, and only the caller's task starts and
ends them, so that it makes no difference whether the loop's task factory is an eager one. Sockets that are passed in,
and arguments that do not go together, are left to asyncio's own method.
"""

from __future__ import annotations

import asyncio
import inspect
from asyncio import base_events as _base_events
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    _Exceptions = list[list[Exception]]

# The names used here are private to asyncio and unknown to typeshed. Its `socket` is looked up at each call, since
# tests replace it.
base_events: Any = _base_events
_Base: Any = _base_events.BaseEventLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """The options of `create_connection`, with asyncio's defaults."""

    ssl: Any = None
    family: int = 0
    proto: int = 0
    flags: int = 0
    sock: None = None
    local_addr: Any = None
    server_hostname: str | None = None
    ssl_handshake_timeout: float | None = None
    ssl_shutdown_timeout: float | None = None
    happy_eyeballs_delay: float | None = None
    interleave: int | None = None
    all_errors: bool = False

    def belong_together(self, host: Any) -> bool:
        """Return whether asyncio would accept the options for TLS."""
        if self.ssl:
            return self.server_hostname is not None or bool(host)
        tls_only = (self.server_hostname, self.ssl_handshake_timeout, self.ssl_shutdown_timeout)
        return all(option is None for option in tls_only)


# Attempts side by side by asyncio's own code. A program that replaces it, as tests do, has it called.
_staggered: Any = base_events.staggered
_staggered_race = _staggered.staggered_race

# Options of a newer Python are left to its own method, as are those that this one does not have.
_KNOWN = {field.name for field in fields(_Options)} & set(inspect.signature(_Base.create_connection).parameters)


async def create_connection(
    self: Any, protocol_factory: Callable[[], asyncio.BaseProtocol], host: Any = None, port: Any = None, **options: Any
) -> tuple[Any, Any]:
    """Connect to a stream server. Arguments, result and errors are those of asyncio's method."""
    is_address = (host is not None or port is not None) and options.get("sock") is None
    if is_address and options.keys() <= _KNOWN:
        given = _Options(**options)
        is_raced_by_others = given.happy_eyeballs_delay is not None and _staggered.staggered_race is not _staggered_race
        if given.belong_together(host) and not is_raced_by_others:
            return await _create_connection(self, protocol_factory, (host, port), given)
    created: tuple[Any, Any] = await _Base.create_connection(self, protocol_factory, host, port, **options)
    return created


# The names that asyncio's method has in the texts of errors and warnings, with the loop's class.
create_connection.__qualname__ = "Loop.create_connection"


async def _create_connection(
    loop: Any, protocol_factory: Callable[[], asyncio.BaseProtocol], address: tuple[Any, Any], options: _Options
) -> tuple[Any, Any]:
    infos = await _look_up(loop, address, options)
    local = None if options.local_addr is None else await _look_up(loop, options.local_addr, options)
    interleave = options.interleave
    if options.happy_eyeballs_delay is not None and interleave is None:
        interleave = 1
    if interleave:
        infos = base_events._interleave_addrinfos(infos, interleave)
    sock = await _connect(loop, infos, local, options)
    transport, protocol = await _open(loop, sock, protocol_factory, address[0], options)
    if loop.get_debug():
        shown = transport.get_extra_info("socket")
        base_events.logger.debug("%r connected to %s:%r: (%r, %r)", shown, *address, transport, protocol)
    return transport, protocol


async def _look_up(loop: Any, address: Any, options: _Options) -> Sequence[Any]:
    """Return the addresses of a host. OSError if there are none."""
    infos: Sequence[Any] = await loop._ensure_resolved(
        address,
        family=options.family,
        type=base_events.socket.SOCK_STREAM,
        proto=options.proto,
        flags=options.flags,
        loop=loop,
    )
    if not infos:
        raise OSError("getaddrinfo() returned empty list")
    return infos


async def _connect(loop: Any, infos: Sequence[Any], local: Sequence[Any] | None, options: _Options) -> socket.socket:
    """Return a socket that is connected to one of the addresses."""
    exceptions: _Exceptions = []
    try:
        if options.happy_eyeballs_delay is None:
            sock = await _one_after_another(loop, infos, local, exceptions)
        else:
            sock = await _side_by_side(loop, infos, local, exceptions, options.happy_eyeballs_delay)
        if sock is None:
            raise _failure([error for one in exceptions for error in one], options.all_errors)
        return sock
    finally:
        # The exceptions refer to frames that refer to this list.
        exceptions.clear()


async def _one_after_another(
    loop: Any, infos: Sequence[Any], local: Sequence[Any] | None, exceptions: _Exceptions
) -> socket.socket | None:
    for info in infos:
        try:
            sock: socket.socket = await loop._connect_sock(exceptions, info, local)
        except OSError:
            continue
        return sock
    return None


async def _side_by_side(
    loop: Any, infos: Sequence[Any], local: Sequence[Any] | None, exceptions: _Exceptions, delay: float
) -> socket.socket | None:
    """Try the next address when the last attempt has failed, or after so many seconds; the first connection wins."""
    attempts: list[asyncio.Task[socket.socket]] = []
    winner = None
    try:
        for info in infos:
            attempts.append(loop.create_task(loop._connect_sock(exceptions, info, local)))
            winner = await _first_connected(attempts, lambda: attempts[-1].done(), loop.time() + delay)
            if winner is not None:
                return winner.result()
        winner = await _first_connected(attempts, lambda: all(attempt.done() for attempt in attempts), None)
        return None if winner is None else winner.result()
    finally:
        await _end(attempts, winner)
        attempts.clear()


async def _first_connected(
    attempts: list[asyncio.Task[socket.socket]], is_over: Callable[[], bool], deadline: float | None
) -> asyncio.Task[socket.socket] | None:
    """Wait for a connection, and return its task; None when none is expected any more, or at the deadline."""
    loop = asyncio.get_running_loop()
    while True:
        for attempt in attempts:
            if _is_connected(attempt):
                return attempt
        seconds = None if deadline is None else deadline - loop.time()
        if is_over() or (seconds is not None and seconds <= 0):
            return None
        running = [attempt for attempt in attempts if not attempt.done()]
        await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def _is_connected(attempt: asyncio.Task[socket.socket]) -> bool:
    return attempt.done() and not attempt.cancelled() and attempt.exception() is None


async def _end(attempts: list[asyncio.Task[socket.socket]], winner: asyncio.Task[socket.socket] | None) -> None:
    """Cancel the attempts that are left, wait until they have ended, and close all connections but the winner's.

    If this is cancelled, nobody gets the winner's, which is closed as well.
    """
    interrupted: asyncio.CancelledError | None = None
    while running := [attempt for attempt in attempts if not attempt.done()]:
        for attempt in running:
            attempt.cancel()
        try:
            await asyncio.wait(running)
        except asyncio.CancelledError as error:
            interrupted = error
    for attempt in attempts:
        if _is_connected(attempt) and (attempt is not winner or interrupted is not None):
            attempt.result().close()
    if interrupted is not None:
        raise interrupted


def _failure(exceptions: list[Exception], all_errors: bool) -> Exception:
    """Return the exception for attempts that have all failed."""
    if all_errors:
        return ExceptionGroup("create_connection failed", exceptions)
    if not exceptions:
        return TimeoutError("create_connection failed")
    texts = [str(error) for error in exceptions]
    if all(text == texts[0] for text in texts):
        return exceptions[0]
    return OSError(f"Multiple exceptions: {', '.join(texts)}")


async def _open(
    loop: Any, sock: socket.socket, protocol_factory: Callable[[], asyncio.BaseProtocol], host: Any, options: _Options
) -> tuple[Any, Any]:
    """Make the protocol and the transport of a connected socket."""
    is_made = False

    def factory() -> asyncio.BaseProtocol:
        nonlocal is_made
        protocol = protocol_factory()
        is_made = True
        return protocol

    hostname = host if options.ssl and options.server_hostname is None else options.server_hostname
    try:
        opened: tuple[Any, Any] = await loop._create_connection_transport(
            sock,
            factory,
            options.ssl,
            hostname,
            ssl_handshake_timeout=options.ssl_handshake_timeout,
            ssl_shutdown_timeout=options.ssl_shutdown_timeout,
        )
    except BaseException:
        if not is_made:
            # Before Python 3.14 asyncio leaves it open.
            sock.close()
        raise
    return opened
