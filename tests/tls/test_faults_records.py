"""A peer that does not speak TLS, or that sends records which are not allowed, at every point of an exchange.

What both ends see is compared with asyncio's loop, as in test_faults_cut.py.
"""

import asyncio
import ssl
import struct

import pytest
from fault_compare import Known, comparing
from fault_exchange import Plan
from fault_peer import Fault
from tls_certificates import CLIENT, OTHER_SERVER, Contexts
from tls_peer import ALERT, APPLICATION_DATA, HANDSHAKE, HEADER_SIZE
from tls_support import SIDES

pytestmark = pytest.mark.vitok_only

VERSIONS = ("TLSv1_2", "TLSv1_3")
CHANGE_CIPHER_SPEC, HEARTBEAT, UNKNOWN = 20, 24, 99
WARNING, FATAL = 1, 2
CLOSE_NOTIFY, HANDSHAKE_FAILURE, USER_CANCELED, NO_RENEGOTIATION, NOT_ASSIGNED = 0, 40, 90, 100, 200
# The most that a record holds (RFC 8446, section 5.2).
MOST = 16384 + 256


def record(kind: int, content: bytes, *, length: int | None = None, version: int = 0x0303) -> bytes:
    """A record in clear, whose header may claim another length."""
    return struct.pack(">BHH", kind, version, len(content) if length is None else length) + content


NOT_TLS = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an HTTP response": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "an SSL 2 hello": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
    "two bytes": b"\r\n",
}
RECORDS = {
    "an empty record": record(APPLICATION_DATA, b""),
    "data in clear": record(APPLICATION_DATA, b"x" * 40),
    "a record that claims too much": record(APPLICATION_DATA, b"x" * 40, length=MOST + 1),
    "a record that claims the most": record(HANDSHAKE, b"x" * 40, length=0xFFFF),
    "a record of another version": record(APPLICATION_DATA, b"x" * 40, version=0x0505),
    "a record of no type": record(UNKNOWN, b"x" * 40),
    "a heartbeat": record(HEARTBEAT, b"\x01\x00\x10" + bytes(16)),
    "a change of the cipher": record(CHANGE_CIPHER_SPEC, b"\x01"),
    "a wrong change of the cipher": record(CHANGE_CIPHER_SPEC, b"\x02"),
    "a handshake message in clear": record(HANDSHAKE, b"\x00\x00\x00\x00"),
    "a hello of a client in clear": record(HANDSHAKE, b"\x01\x00\x00\x04\x03\x03\x00\x00"),
    "a handshake message that claims much": record(HANDSHAKE, b"\x0b\xff\xff\xff" + bytes(20)),
    "half an alert": record(ALERT, bytes([FATAL])),
    "a long alert": record(ALERT, bytes([FATAL, HANDSHAKE_FAILURE, 0])),
    "close_notify in clear": record(ALERT, bytes([WARNING, CLOSE_NOTIFY])),
    "handshake_failure": record(ALERT, bytes([FATAL, HANDSHAKE_FAILURE])),
    "user_canceled": record(ALERT, bytes([WARNING, USER_CANCELED])),
    "no_renegotiation": record(ALERT, bytes([WARNING, NO_RENEGOTIATION])),
    "an unknown alert": record(ALERT, bytes([FATAL, NOT_ASSIGNED])),
    "an alert of no level": record(ALERT, bytes([7, HANDSHAKE_FAILURE])),
}


@pytest.fixture(scope="module")
def known() -> Known:
    """What asyncio's loop made of each fault."""
    return {}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NOT_TLS)
def test_not_tls(loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, name: str) -> None:
    """Issue 12, item 5: garbage in the place of a hello, of a handshake message and of data; HTTP on a port of TLS."""
    with comparing(loop, contexts, known, side=side) as compare:
        for number in range(len(compare.sound_peer().lengths)):
            for afterwards in ("on", "end", "stop"):
                compare.faults([Fault("instead", number, sent=NOT_TLS[name], afterwards=afterwards)])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("side", SIDES)
def test_records_that_are_not_allowed(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, version: str
) -> None:
    """Issue 12, item 5: oversized headers, alerts and other records, before every record and after close_notify."""
    with comparing(loop, contexts, known, side=side, version=version) as compare:
        for number in range(len(compare.sound_peer().lengths)):
            compare.faults(Fault("before", number, sent=sent) for sent in RECORDS.values())
        last = len(compare.sound_peer().lengths) - 1
        compare.faults(Fault("after", last, sent=sent) for sent in RECORDS.values())


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("afterwards", ["end", "stop", "reset"])
def test_alerts_before_an_end(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, afterwards: str
) -> None:
    """An alert in clear, which the peer's end follows in each way."""
    with comparing(loop, contexts, known, side=side) as compare:
        for number in range(len(compare.sound_peer().lengths)):
            for name in ("close_notify in clear", "handshake_failure", "user_canceled"):
                compare.faults([Fault("instead", number, sent=RECORDS[name], afterwards=afterwards)])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["no certificate", "certificate", "name", "authority", "version", "cipher", "ALPN"])
def test_disagreements(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, known: Known, *, side: str, version: str, name: str
) -> None:
    """Ends that do not agree, so that one sends an alert: each error is the one of asyncio's loop."""
    with comparing(loop, contexts, known, side=side, version=version) as compare:
        for exchanges in (compare.ours, compare.oracle):
            exchanges.server, exchanges.client = disagreeing(contexts, name, ssl.TLSVersion[version])
        compare.run(Plan(), name)


def disagreeing(contexts: Contexts, name: str, version: ssl.TLSVersion) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context and a client's that do not agree, by what they do not agree about."""
    server, client = contexts.server(), contexts.client()
    if "certificate" in name:
        server = contexts.asking_for_certificates(ssl.CERT_REQUIRED)
    if name == "certificate":
        client = contexts.client(CLIENT)
    elif name == "name":
        server = contexts.server(OTHER_SERVER)
    elif name == "authority":
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    elif name == "ALPN":
        server.set_alpn_protocols(["h2"])
        client.set_alpn_protocols(["http/1.1"])
    for context in (server, client):
        context.minimum_version = context.maximum_version = version
    if name == "version":
        other = {ssl.TLSVersion.TLSv1_2: ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3: ssl.TLSVersion.TLSv1_2}
        client = contexts.client()
        client.minimum_version = client.maximum_version = other[version]
    elif name == "cipher":
        server.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        client.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    return server, client


def test_records_are_records() -> None:
    """The table above has whole records, but for those that claim more than there is."""
    for name, sent in RECORDS.items():
        length = HEADER_SIZE + int.from_bytes(sent[3:HEADER_SIZE], "big")
        assert (length == len(sent)) is ("claims" not in name or "message" in name), name
