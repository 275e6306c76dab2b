"""The client as reported by a proxy, if the proxy is trusted.

Only client, scheme and the port of the server change in a scope: no path, no host. Connections are not known here; the
peer is in the scope.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .application import Application
from .forwarded import address_and_port, elements_from_last, port_of
from .options import OptionError

# The most addresses to check: the client of the outermost trusted proxy may follow others that the proxy passed on.
_HOPS_AT_MOST = 32
_SCHEMES = frozenset({"http", "https"})


class Trusted:
    """The trusted peers: addresses, networks, `unix` for peers on Unix sockets, `*` for all."""

    def __init__(self, words: Iterable[str]) -> None:
        """OptionError names a word that is none of these."""
        words = set(words)
        self.everyone: bool = "*" in words
        self.unix: bool = self.everyone or "unix" in words
        self.networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = [
            _network(word) for word in words - {"*", "unix"}
        ]

    def has(self, host: str | None) -> bool:
        """Return whether this peer is trusted. A peer without an address came through a Unix socket."""
        if self.everyone or host is None:
            return self.unix
        found = address_and_port(host)
        return found is not None and any(found[0] in network for network in self.networks)


class ProxyHeaders:
    """An application that sees the client of the proxy, as `Forwarded` has it."""

    def __init__(self, app: Application, trusted: Trusted, style: str = "x-forwarded") -> None:
        self.app = app
        self.forwarded: Forwarded = Forwarded(trusted, style)

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Return the application's result for the corrected scope."""
        if scope["type"] != "lifespan":
            self.forwarded.correct(scope)
        return self.app(scope, receive, send)


class Forwarded:
    """What trusted proxies say of their clients: in X-Forwarded-For and the like, or in Forwarded (RFC 7239)."""

    def __init__(self, trusted: Trusted, style: str = "x-forwarded") -> None:
        """`style` is that of the options: x-forwarded or forwarded."""
        self.trusted = trusted
        self._told = self._by_rfc_7239 if style == "forwarded" else self._by_x_fields

    def correct(self, scope: dict[str, Any]) -> None:
        """Set client, scheme and the port of the server in a scope, if its peer is trusted. The native server calls
        this, too: with the scope of a mounted application or a WebSocket, and with what it needs of one (type, client,
        headers, and scheme or server) when a native request is asked for one of them.
        """
        client = scope.get("client")
        if not self.trusted.has(client[0] if client else None):
            return
        self._told(scope)

    def _by_x_fields(self, scope: dict[str, Any]) -> None:
        found = self._client(reversed(_values(scope, b"x-forwarded-for")))
        if found is not None:
            scope["client"] = found
        schemes = _values(scope, b"x-forwarded-proto")
        if schemes:
            _set_scheme(scope, schemes[-1])
        ports = _values(scope, b"x-forwarded-port")
        server = scope.get("server")
        if ports and server and server[1] is not None and (port := port_of(ports[-1])):
            scope["server"] = (server[0], port)

    def _by_rfc_7239(self, scope: dict[str, Any]) -> None:
        """Take the scheme from the element with the client: the others tell how proxies connected to each other."""
        schemes: list[str] = []

        def hops() -> Iterator[str]:
            for element in elements_from_last(_fields(scope, b"forwarded")):
                schemes.append(element.get("proto", ""))
                yield element.get("for", "")

        found = self._client(hops())
        if found is not None:
            scope["client"] = found
        if schemes:
            _set_scheme(scope, schemes[-1])

    def _client(self, hops: Iterable[str]) -> tuple[str, int] | None:
        """Return the first address, from the last hop on, that is not a trusted proxy: each proxy appends its own peer
        to the list. The port is 0 if it is not told, as with other servers.
        """
        client = None
        for hop in islice(hops, _HOPS_AT_MOST):
            # A zone (fe80::1%eth0) has a meaning on one machine only, and may be any text.
            found = address_and_port(hop) if "%" not in hop else None
            if found is None:
                break
            client = (str(found[0]), found[1])
            if not self.trusted.has(client[0]):
                break
        return client


def _network(word: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return the network that a word names; an address is one of a single peer. OptionError for anything else."""
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        message = f"--forwarded-allow-ips: {word!r} is not an address, a network, unix or *"
        raise OptionError(message) from None


def _set_scheme(scope: dict[str, Any], scheme: str) -> None:
    """Set the scheme, if it is one of HTTP."""
    scheme = scheme.lower()
    if scheme in _SCHEMES:
        scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme


def _fields(scope: dict[str, Any], wanted: bytes) -> list[str]:
    """Return the values of all fields of a name, in order."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]


def _values(scope: dict[str, Any], wanted: bytes) -> list[str]:
    """Return the members of a header that is a list (RFC 9110, section 5.6.1), from all its fields."""
    return [word.strip() for word in ",".join(_fields(scope, wanted)).split(",") if word.strip()]
