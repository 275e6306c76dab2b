"""The header of the PROXY protocol: vectors of its specification, and any other bytes. Sockets are tested elsewhere."""

import random
import socket
import struct

import pytest
from vitok.http.proxy_protocol import SIZE_AT_MOST, Header, ProxyProtocolError, parse

pytestmark = pytest.mark.vitok_only

SIGNATURE = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
FOUR = struct.pack("!4s4sHH", bytes([192, 0, 2, 1]), bytes([192, 0, 2, 9]), 4711, 443)
SIX = struct.pack(
    "!16s16sHH",
    socket.inet_pton(socket.AF_INET6, "2001:db8::1"),
    socket.inet_pton(socket.AF_INET6, "2001:db8::9"),
    65535,
    443,
)


def v2(addresses: bytes = FOUR, *, family: int = 0x11, first: int = 0x21, length: int | None = None) -> bytes:
    """A header of version 2."""
    return SIGNATURE + struct.pack("!BBH", first, family, len(addresses) if length is None else length) + addresses


# The lines are those of section 2.1, and its worst cases.
LONGEST_SIX = b"PROXY TCP6 " + b" ".join([b"ffff:f...f:ffff".replace(b"f...f", b"ffff:ffff:ffff:ffff:ffff:ffff")] * 2)
GOOD = [
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", ("255.255.255.255", 65535)),
    (LONGEST_SIX + b" 65535 65535\r\n", ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535)),
    (b"PROXY TCP6 2001:db8::1 ::1 0 443\r\n", ("2001:db8::1", 0)),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", ("192.0.2.1", 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", None),
    (v2(), ("192.0.2.1", 4711)),
    (v2(SIX, family=0x21), ("2001:db8::1", 65535)),
    # With extensions behind the addresses: a checksum, a unique ID, padding.
    (v2(FOUR + b"\x03\x00\x04\x12\x34\x56\x78" + b"\x05\x00\x02ab" + b"\x04\x00\x01\0"), ("192.0.2.1", 4711)),
    (v2(FOUR + b"x" * 65000), ("192.0.2.1", 4711)),
    # LOCAL, whatever its family; UNSPEC; datagrams; Unix sockets; families of a later version.
    (v2(b"", first=0x20, family=0), None),
    (v2(first=0x20), None),
    (v2(b"", family=0), None),
    (v2(FOUR, family=0x12), None),
    (v2(b"\0" * 216, family=0x31), None),
    (v2(b"abc", family=0xFF), None),
]


@pytest.mark.parametrize(("data", "client"), GOOD)
def test_headers(data: bytes, client: tuple[str, int] | None) -> None:
    """What they say does not depend on what follows, and is known from a part of the header; less of it is no error."""
    for rest in (b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", data):
        assert parse(data + rest) == Header(len(data), client)
        assert parse((data + rest)[:SIZE_AT_MOST]) == Header(len(data), client)
    for end in range(len(data[:SIZE_AT_MOST])):
        assert parse(data[:end]) in (None, Header(len(data), client))
    version = 1 if data.startswith(b"PROXY") else 2
    assert parse(data, (version,)) == Header(len(data), client)
    with pytest.raises(ProxyProtocolError, match="expected a PROXY header, not"):
        parse(data, (3 - version,))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"PROXX", b"proxy TCP4", b"\0", b"PROXY\r\n",
        b"PROXY \r\n", b"PROXY TCP4\r\n", b"PROXY TCP5 192.0.2.1 192.0.2.9 1 2\r\n", b"PROXY  UNKNOWN\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.9 1\r\n", b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2 3\r\n",
        b"PROXY TCP4 192.0.2.1  192.0.2.9 1 2\r\n", b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2 \r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.9 1 2\r\n", b"PROXY TCP4 192.0.02.1 192.0.2.9 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n", b"PROXY TCP6 192.0.2.1 192.0.2.9 1 2\r\n", b"PROXY TCP6 fe80::1%a ::1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.9 65536 2\r\n", b"PROXY TCP4 192.0.2.1 192.0.2.9 01 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.9 -1 2\r\n", b"PROXY TCP4 192.0.2.1 192.0.2.9 +1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.9 \u00b2 2\r\n".encode("latin-1"), b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2\n\r\n",
        b"PROXY " + b"x" * 200, b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        SIGNATURE[:-1] + b"x", v2(first=0x11), v2(first=0x22), v2(first=0x31),
        v2(FOUR[:-1]), v2(SIX[:-1], family=0x21), v2(b""), v2(length=11),
    ],
)  # fmt: skip
def test_what_is_no_header(data: bytes) -> None:
    """It is refused as soon as it is known, at the latest with all of it."""
    with pytest.raises(ProxyProtocolError, match=r"^expected "):
        parse(data)


def test_any_bytes() -> None:
    """Random and damaged ones: a header, None or the error; and a longer text never changes a header or an error."""
    chance = random.Random(6)
    starts = [b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21", *(data for data, _ in GOOD)]
    for _ in range(4000):
        data = bytearray(chance.choice(starts) + chance.randbytes(chance.randrange(40)))
        for _ in range(chance.randrange(3)):
            if data:
                data[chance.randrange(min(len(data), 60))] = chance.randrange(256)
        earlier: object = None
        for end in (*range(0, min(len(data), 240), 7), len(data)):
            try:
                found: object = parse(bytes(data[:end]))
            except ProxyProtocolError as error:
                found = type(error)
            assert earlier is None or found == earlier
            earlier = found
