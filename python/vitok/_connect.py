"""A shortcut for `create_connection` with an address that needs no look-up and no further arguments.

asyncio's own method checks a dozen arguments and builds lists of addresses; one literal address needs none of that. All
other calls go to the inherited method, so every argument keeps its meaning.
"""

from __future__ import annotations

from asyncio import base_events as _base_events
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

# The names used here are private to asyncio and unknown to typeshed. Its `socket` is looked up at each call, since
# tests replace it.
base_events: Any = _base_events


def plain_address(host: Any, port: Any, options: dict[str, Any]) -> Any:
    """Return the address info of a literal address, or None if the inherited method is needed."""
    if type(host) is not str or type(port) is not int or not 0 <= port <= 65535 or any(options.values()):
        return None
    if not options.keys() <= _WITHOUT_MEANING:
        return None
    return base_events._ipaddr_info(host, port, 0, base_events.socket.SOCK_STREAM, 0)


# Arguments that have no effect when they are false or None.
_WITHOUT_MEANING = frozenset(
    {"ssl", "family", "proto", "flags", "sock", "local_addr", "happy_eyeballs_delay", "interleave", "all_errors"}
)


async def connect(
    loop: asyncio.AbstractEventLoop, protocol_factory: Callable[[], asyncio.BaseProtocol], info: Any
) -> tuple[Any, asyncio.BaseProtocol]:
    """Connect to the address, and wait until the protocol is connected. OSError as raised by asyncio."""
    family, kind, proto, _, address = info
    sock = base_events.socket.socket(family=family, type=kind, proto=proto)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
        protocol = protocol_factory()
        waiter = loop.create_future()
        transport = _private(loop)._make_socket_transport(sock, protocol, waiter)
    except BaseException:
        sock.close()
        raise
    try:
        await waiter
    except BaseException:
        transport.close()
        raise
    return transport, protocol


def _private(loop: asyncio.AbstractEventLoop) -> Any:
    return loop
