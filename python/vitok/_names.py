"""`loop.getaddrinfo()` and `loop.getnameinfo()`, for the calls that the native methods do not answer themselves.

Those answer plain literals. The rest are unusual literals, which the system answers without asking anybody, and names,
which a thread of the resolver looks up. `socket.getaddrinfo` and `socket.getnameinfo` are read at each call: a program
may replace them, and then every call goes to the replacement, in a thread.
"""

from __future__ import annotations

import socket
import types
from asyncio import base_events as _base_events
from typing import Any, Final

from ._resolver import ask

# Its `socket` is private to it and unknown to typeshed, and tests replace it.
base_events: Any = _base_events


def _own(name: str) -> Any:
    """Return a function of the module `socket`, or None if a program has already replaced it."""
    found = getattr(socket, name)
    is_own = isinstance(found, types.FunctionType) and found.__globals__ is socket.__dict__
    is_builtin = isinstance(found, types.BuiltinFunctionType) and found.__module__ == "_socket"
    return found if is_own or is_builtin else None


OWN_GETADDRINFO: Final = _own("getaddrinfo")
OWN_GETNAMEINFO: Final = _own("getnameinfo")

_NUMERIC: Final = int(socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
_NUMERIC_INFO: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
_DIGITS: Final = frozenset("0123456789")

# Errors of the arguments: the system finds them before it looks anything up, whatever the host is.
_OF_ARGUMENTS: Final = frozenset(
    {
        getattr(socket, name)
        for name in ("EAI_ADDRFAMILY", "EAI_FAMILY", "EAI_SERVICE", "EAI_SOCKTYPE")
        if hasattr(socket, name)
    }
)


async def getaddrinfo(
    self: Any,
    host: Any,
    port: Any,
    *,
    family: Any = 0,
    type: Any = 0,  # noqa: A002 - asyncio's name
    proto: Any = 0,
    flags: Any = 0,
) -> Any:
    """Look up the addresses of a host and a service. Arguments, result and errors are those of `socket.getaddrinfo`."""
    self._check_closed()
    function = base_events.socket.getaddrinfo
    if self._debug:
        function = self._getaddrinfo_debug
    elif function is OWN_GETADDRINFO and _may_be_literal(host) and _is_number(port) and isinstance(flags, int):
        try:
            return function(host, port, family, type, proto, int(flags) | _NUMERIC)
        except socket.gaierror as error:
            if error.errno in _OF_ARGUMENTS or flags & _NUMERIC == _NUMERIC:
                raise
    return await ask(self, function, host, port, family, type, proto, flags)


async def getnameinfo(self: Any, sockaddr: Any, flags: Any = 0) -> Any:
    """Look up the names of an address. Arguments, result and errors are those of `socket.getnameinfo`."""
    self._check_closed()
    function = base_events.socket.getnameinfo
    if function is OWN_GETNAMEINFO and isinstance(flags, int) and flags & _NUMERIC_INFO == _NUMERIC_INFO:
        return function(sockaddr, flags)
    return await ask(self, function, sockaddr, flags)


def _may_be_literal(host: Any) -> bool:
    """Return whether the host may be a literal. A name that looks like one is harmless."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("latin-1")
    return host is None or (isinstance(host, str) and (host[:1] in _DIGITS or ":" in host))


def _is_number(port: Any) -> bool:
    """Return whether the service is found without the system's table of services."""
    if isinstance(port, bytes):
        return port.isdigit()
    return port is None or isinstance(port, int) or (isinstance(port, str) and port.isascii() and port.isdigit())
