"""What runs once per TLS connection: its `ssl.SSLObject`, the choice of the engine, and `start_tls()`.

Both engines work on a real `ssl.SSLObject`, made by the user's own `ssl.SSLContext`. `direct` reads and writes data by
the functions of the libssl that the interpreter has loaded, `memory` through the object. `VITOK_TLS` chooses: `auto`
(direct where it is possible), `direct`, `memory`. A connection for which `direct` is not possible has `memory`; if
`VITOK_TLS` asked for `direct`, the log says why, once.
"""

from __future__ import annotations

import logging
import os
from asyncio import constants
from typing import TYPE_CHECKING, Any, Final

from ._native import tls_obstacle

if TYPE_CHECKING:
    from ._native import EventLoop

CHOICES: Final = ("auto", "direct", "memory")
_VARIABLE: Final = "VITOK_TLS"

# The engine of new connections: one of CHOICES.
wanted = os.environ.get(_VARIABLE) or "auto"
if wanted not in CHOICES:
    raise ImportError(f"{_VARIABLE}={wanted!r}: not one of {', '.join(CHOICES)}")

_logger = logging.getLogger("vitok")
_said: set[str] = set()


def engine() -> tuple[str, str | None]:
    """Return the name of the engine that new connections get, and why it is not `direct`, if it is not."""
    if wanted == "memory":
        return "memory", f"{_VARIABLE}=memory"
    obstacle = tls_obstacle()
    return ("direct", None) if obstacle is None else ("memory", obstacle)


def open_transport(
    loop: EventLoop,
    protocol: Any,
    sslcontext: Any,
    waiter: Any,
    *,
    server_side: bool,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
    is_upgrade: bool = False,
) -> Any:
    """Return a TLS transport, the protocol of a transport to be made. ValueError for bad arguments."""
    import ssl

    limits = [
        _seconds("ssl_handshake_timeout", handshake_timeout, constants.SSL_HANDSHAKE_TIMEOUT),
        _seconds("ssl_shutdown_timeout", shutdown_timeout, constants.SSL_SHUTDOWN_TIMEOUT),
    ]
    context = sslcontext or _default_context(server_side, server_hostname)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    name = server_hostname if server_hostname and not server_side else None
    made = context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=name)
    transport, obstacle = loop._open_tls(
        protocol,
        [context, made, incoming, outgoing],
        waiter,
        roles=[server_side, is_upgrade],
        is_direct=wanted != "memory" and _may_be_direct(context),
        timeouts=limits,
    )
    if obstacle is None and not _may_be_direct(context):
        obstacle = "the context has a message callback"
    if obstacle is not None and wanted == "direct" and obstacle not in _said:
        _said.add(obstacle)
        _logger.warning("TLS uses the engine 'memory' instead of 'direct': %s", obstacle)
    return transport


async def upgrade(
    loop: EventLoop,
    transport: Any,
    protocol: Any,
    sslcontext: Any,
    *,
    server_side: bool,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> Any:
    """Return a TLS transport over one that has a connection, after the handshake. TypeError for what can't have TLS."""
    import ssl

    if not isinstance(sslcontext, ssl.SSLContext):
        raise TypeError(f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}")
    if not getattr(transport, "_start_tls_compatible", False):
        raise TypeError(f"transport {transport!r} is not supported by start_tls()")
    waiter = loop.create_future()
    made = open_transport(
        loop,
        protocol,
        sslcontext,
        waiter,
        server_side=server_side,
        server_hostname=server_hostname,
        handshake_timeout=handshake_timeout,
        shutdown_timeout=shutdown_timeout,
        is_upgrade=True,
    )
    _take_unread(protocol, made)
    # No ciphertext may arrive before `connection_made`.
    transport.pause_reading()
    transport.set_protocol(made)
    callbacks = [loop.call_soon(made.connection_made, transport), loop.call_soon(transport.resume_reading)]
    try:
        await waiter
    except BaseException:
        transport.close()
        for callback in callbacks:
            callback.cancel()
        raise
    return made


def _take_unread(protocol: Any, made: Any) -> None:
    """Pass what the protocol's reader has received and not read to TLS: it arrived behind what asked for TLS."""
    reader = getattr(protocol, "_stream_reader", None)
    unread = getattr(reader, "_buffer", None)
    if unread:
        made.data_received(bytes(unread))
        unread.clear()


def _seconds(name: str, given: float | None, default: float) -> float:
    if given is None:
        return default
    if given <= 0:
        raise ValueError(f"{name} should be a positive number, got {given}")
    return given


def _default_context(server_side: bool, server_hostname: str | None) -> Any:
    """Return the context of `ssl=True`."""
    import ssl

    if server_side:
        raise ValueError("Server side SSL needs a valid SSLContext")
    context = ssl.create_default_context()
    if not server_hostname:
        context.check_hostname = False
    return context


def _may_be_direct(context: Any) -> bool:
    """Return whether no callback of the context may raise in the middle of the transport's own calls of OpenSSL."""
    return getattr(context, "_msg_callback", None) is None
