"""The field Forwarded (RFC 7239), and addresses as it and X-Forwarded-For have them: text in, values out.

A field is read from its end: the last element is that of the nearest proxy, and what a client has sent before it can't
change how it is read. Trust is not known here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Possessive repetitions try nothing twice: the time for a hop grows with the length of the field, not with its square.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_PAIR = re.compile(rf"({_TOKEN})=({_TOKEN}|{_QUOTED})", re.DOTALL)
_PAIRS = rf"(?:{_PAIR.pattern})?(?:[ \t]*+;[ \t]*+(?:{_PAIR.pattern})?)*+"
# The last element, at the end of what is left of a field, with the comma before it.
_LAST = re.compile(rf"(?:^|,)[ \t]*+({_PAIRS})[ \t]*+$", re.DOTALL)
# How much of a field is looked at first: most elements are shorter.
_WINDOW = 256
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PORT = re.compile(r":([0-9]{1,5})")


def elements_from_last(fields: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the elements of all fields of a message from the last to the first, each as its parameters by name.

    It ends at one that is malformed or has a parameter twice: what stands before it says nothing.

    >>> list(elements_from_last(['for=192.0.2.7;Proto=https, for="[2001:db8::1]:80"']))
    [{'for': '[2001:db8::1]:80'}, {'for': '192.0.2.7', 'proto': 'https'}]
    """
    for field in reversed(fields):
        rest = field
        # Lists may have empty members.
        while rest := rest.rstrip(" \t,"):
            found = _last(rest)
            pairs = [(name.lower(), _unquoted(value)) for name, value in _PAIR.findall(found[1])] if found else []
            if found is None or not pairs or len(dict(pairs)) != len(pairs):
                return
            yield dict(pairs)
            rest = rest[: found.start()]


def _last(field: str) -> re.Match[str] | None:
    """Find the last element. A field of many has to be read at its end only: no other match begins elsewhere, because a
    comma either is within a quoted string or is not, as the number of quotes behind it says.
    """
    size = _WINDOW
    while True:
        start = max(0, len(field) - size)
        found = _LAST.search(field, start)
        if found is not None or start == 0:
            return found
        size *= 16


def address_and_port(text: str) -> tuple[Address, int] | None:
    """Parse an address: 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80. None for anything else.

    The port is 0 if it is not there or none. Both are how RFC 7239 (section 6) and X-Forwarded-For have a node.
    """
    host, after = text, ""
    if text.startswith("["):
        host, bracket, after = text[1:].partition("]")
        if not bracket:
            return None
    elif text.count(":") == 1:
        host, colon, after = text.partition(":")
        after = colon + after
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    # An IPv4 peer of a socket for both families.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    port = _PORT.fullmatch(after)
    return mapped or address, port_of(port[1] if port else "")


def port_of(text: str) -> int:
    """Return the number of a port, or 0 for what is none."""
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) is None:
        return 0
    number = int(text)
    return number if number <= 65535 else 0


def _unquoted(value: str) -> str:
    """Return the value of a token or of a quoted string."""
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
