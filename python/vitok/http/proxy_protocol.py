"""The header of the PROXY protocol, versions 1 and 2: bytes in, the client's address out.

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2. Extensions (TLVs) are skipped, and so
is the checksum among them. Sockets and trust are not known here.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from dataclasses import dataclass

VERSIONS: dict[str, tuple[int, ...]] = {"v1": (1,), "v2": (2,), "any": (1, 2)}
"""The versions that each value of the option accepts."""
SIZE_AT_MOST = 16 + 216
"""With so many bytes of a header it is known what it says."""

_V1 = b"PROXY "
_V1_AT_MOST = 107
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED = 16
_LOCAL, _PROXY = 0, 1
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_V1_ADDRESSES: dict[str, type[_Address]] = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}
# Of TCP over IPv4 and IPv6: how the block of addresses begins.
_V2_ADDRESSES: dict[int, tuple[str, type[_Address]]] = {
    0x11: ("!4s4sHH", ipaddress.IPv4Address),
    0x21: ("!16s16sHH", ipaddress.IPv6Address),
}
_PORT = re.compile(r"0|[1-9][0-9]{0,4}", re.ASCII)


class ProxyProtocolError(ValueError):
    """Bytes that are no such header. The message says what was expected."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says."""

    length: int
    """How many bytes it takes."""
    client: tuple[str, int] | None
    """Host and port of the client; None for the addresses of the connection itself."""


def parse(data: bytes, versions: tuple[int, ...] = (1, 2)) -> Header | None:
    """Return the header at the start of data, or None if more bytes are needed; at most SIZE_AT_MOST are looked at.

    ProxyProtocolError as soon as it can't become a header of one of these versions.

    >>> parse(b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 443\\r\\nGET /")
    Header(length=41, client=('192.0.2.1', 4711))
    """
    if 2 in versions and data[: len(_V2)] == _V2[: len(data)]:
        return _parse_v2(data)
    if 1 in versions and data[: len(_V1)] == _V1[: len(data)]:
        return _parse_v1(data)
    raise ProxyProtocolError(f"expected a PROXY header, not {data[:16]!r}")


def _parse_v1(data: bytes) -> Header | None:
    """Parse a line: PROXY TCP4 192.0.2.1 192.0.2.9 4711 443."""
    end = data.find(b"\r\n", 0, _V1_AT_MOST)
    if end < 0:
        if len(data) >= _V1_AT_MOST:
            raise ProxyProtocolError(f"expected the end of a PROXY line within {_V1_AT_MOST} bytes")
        return None
    family, *words = data[len(_V1) : end].decode("latin-1").split(" ")
    if family == "UNKNOWN":
        return Header(end + 2, None)
    kind = _V1_ADDRESSES.get(family)
    if kind is None or len(words) != 4 or not all(map(_is_port, words[2:])):
        raise ProxyProtocolError(f"expected PROXY TCP4 or TCP6, two addresses and two ports, not {data[:end]!r}")
    try:
        if "%" in words[0]:
            raise ValueError("a zone of another machine")
        source, _ = (kind(word) for word in words[:2])
    except ValueError:
        raise ProxyProtocolError(f"expected two addresses of {family}, not {data[:end]!r}") from None
    return Header(end + 2, (_shown(source), int(words[2])))


def _parse_v2(data: bytes) -> Header | None:
    """Parse the binary form: signature, version and command, family, length, addresses."""
    if len(data) < _V2_FIXED:
        return None
    first, family, length = struct.unpack_from("!BBH", data, len(_V2))
    version, command = first >> 4, first & 0xF
    if version != 2 or command not in (_LOCAL, _PROXY):
        raise ProxyProtocolError(f"expected version 2 and the command LOCAL or PROXY, not {version} and {command}")
    whole = _V2_FIXED + length
    known = _V2_ADDRESSES.get(family)
    if command == _LOCAL or known is None:
        # Health checks of the proxy, Unix sockets, datagrams: the connection's own addresses are as good.
        return Header(whole, None)
    layout, kind = known
    size = struct.calcsize(layout)
    if length < size:
        raise ProxyProtocolError(f"expected {size} bytes of addresses, not {length}")
    if len(data) < _V2_FIXED + size:
        return None
    source, _, port, _ = struct.unpack_from(layout, data, _V2_FIXED)
    return Header(whole, (_shown(kind(source)), port))


def _is_port(word: str) -> bool:
    return _PORT.fullmatch(word) is not None and int(word) <= 65535


def _shown(address: _Address) -> str:
    """Return an address as text: one of IPv4 in IPv6 as that of IPv4, as in other fields of proxies."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
