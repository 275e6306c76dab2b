"""The client as reported by a proxy, if the proxy is trusted.

Only `client` and `scheme` of a scope change: no path, no host. Connections are not known here; the peer is in the
scope.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from .application import Application
from .options import OptionError

# The most addresses to check: the client of the outermost trusted proxy may follow others that the proxy passed on.
_HOPS_AT_MOST = 32
_SCHEMES = frozenset({"http", "https"})
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Trusted:
    """The trusted peers: addresses, networks, `unix` for peers on Unix sockets, `*` for all."""

    def __init__(self, words: Iterable[str]) -> None:
        """OptionError names a word that is none of these."""
        words = set(words)
        self.everyone = "*" in words
        self.unix = self.everyone or "unix" in words
        try:
            self.networks = [ipaddress.ip_network(word, strict=False) for word in words - {"*", "unix"}]
        except ValueError as error:
            raise OptionError(f"--forwarded-allow-ips: {error}") from None

    def has(self, host: str | None) -> bool:
        """Return whether this peer is trusted. A peer without an address came through a Unix socket."""
        if self.everyone or host is None:
            return self.unix
        address = _address(host)
        return address is not None and any(address in network for network in self.networks)


class ProxyHeaders:
    """An application that sees the client of the proxy (X-Forwarded-For, X-Forwarded-Proto)."""

    def __init__(self, app: Application, trusted: Trusted) -> None:
        self.app = app
        self.forwarded = Forwarded(trusted)

    def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        """Return the application's result for the corrected scope."""
        if scope["type"] != "lifespan":
            self.forwarded.correct(scope)
        return self.app(scope, receive, send)


class Forwarded:
    """What trusted proxies say of their clients."""

    def __init__(self, trusted: Trusted) -> None:
        self.trusted = trusted

    def correct(self, scope: dict[str, Any]) -> None:
        """Set client and scheme of a scope, if its peer is trusted. The native server calls this, too: with the scope
        of a mounted application or a WebSocket, and with what it needs of one (type, client, scheme, headers) when a
        native request is asked for its client or its scheme.
        """
        client = scope.get("client")
        if not self.trusted.has(client[0] if client else None):
            return
        hops = _values(scope, b"x-forwarded-for")
        host = self._client(hops[-_HOPS_AT_MOST:])
        if host is not None:
            # The port is unknown; other servers use 0.
            scope["client"] = (host, 0)
        schemes = _values(scope, b"x-forwarded-proto")
        if schemes and (scheme := schemes[-1].lower()) in _SCHEMES:
            is_websocket = scope["type"] == "websocket"
            scope["scheme"] = scheme.replace("http", "ws") if is_websocket else scheme

    def _client(self, hops: list[str]) -> str | None:
        """Return the last address that is not a trusted proxy: each proxy appends its own peer to the list."""
        client = None
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                break
            client = str(address)
            if not self.trusted.has(client):
                break
        return client


def _values(scope: dict[str, Any], wanted: bytes) -> list[str]:
    """Return the members of a header that is a list (RFC 9110, section 5.6.1), from all its fields."""
    found = [value.decode("latin-1") for name, value in scope["headers"] if name == wanted]
    return [word.strip() for word in ",".join(found).split(",") if word.strip()]


def _address(text: str) -> _Address | None:
    """Parse one member: 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80. None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # An IPv4 peer of a socket for both families.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
