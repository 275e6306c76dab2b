"""Asks a server once by HTTP/2 (RFC 9113), to compare its answer before anything is measured.

It has one stream and the windows of a connection that has just begun, which the answers of the rows do not use up.
Statuses are read in the forms that servers use for 200 (RFC 7541). Rows and servers are not known here.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ALPN: Final = "h2"
HEAD_BYTES: Final = 9
FRAME_BYTES: Final = 16_384
STREAM: Final = 1
# Kinds of frames, and flags.
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM = ACK = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20
# `:status` of the static table, and an entry of it for each of these.
STATUSES: Final = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
LITERALS: Final = (0x08, 0x18, 0x48)
SIZE_OF_TABLE: Final = 0x20


class Http2Error(Exception):
    """The server does not speak HTTP/2, or has refused the request; the text says which."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of a server."""

    # 0 if it is in a form that is not read here.
    status: int
    content: bytes


def ask(address: tuple[str, int], path: str, body: bytes, media_type: str, *, tls: bool, limit_s: float) -> Answer:
    """Send a request and return its answer. Raises Http2Error, TimeoutError and OSError."""
    with socket.create_connection(address, timeout=limit_s) as connection:
        if not tls:
            return _ask(connection, address, path, body, media_type)
        # The certificate is made for the run.
        context = ssl._create_unverified_context()
        context.set_alpn_protocols([ALPN])
        with context.wrap_socket(connection) as secure:
            if secure.selected_alpn_protocol() != ALPN:
                raise Http2Error("the server does not choose h2 in TLS")
            return _ask(secure, address, path, body, media_type)


def _ask(connection: socket.socket, address: tuple[str, int], path: str, body: bytes, media_type: str) -> Answer:
    scheme = "https" if isinstance(connection, ssl.SSLSocket) else "http"
    fields = [(":method", "POST" if body else "GET"), (":scheme", scheme), (":path", path)]
    fields.append((":authority", "{}:{}".format(*address)))
    if body:
        fields += [("content-type", media_type), ("content-length", str(len(body)))]
    block = b"".join(literal(name, value) for name, value in fields)
    request = frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), STREAM, block)
    for start in range(0, len(body), FRAME_BYTES):
        end = END_STREAM if start + FRAME_BYTES >= len(body) else 0
        request += frame(DATA, end, STREAM, body[start : start + FRAME_BYTES])
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + request)
    status, content = 0, b""
    for kind, flags, stream, payload in frames(connection):
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            connection.sendall(frame(PING, ACK, 0, payload))
        elif kind in (RST_STREAM, GOAWAY):
            raise Http2Error(f"{'RST_STREAM' if kind == RST_STREAM else 'GOAWAY'} with code {_code(kind, payload)}")
        elif stream == STREAM and kind in (HEADERS, DATA):
            part = _without_padding(kind, flags, payload)
            if kind == DATA:
                content += part
            elif not status:
                status = _status(part)
            if flags & END_STREAM:
                return Answer(status=status, content=content)
    raise Http2Error("the server closed the connection before its answer had ended")


def frames(connection: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield kind, flags, stream and payload, until the server closes. Raises Http2Error."""
    received = b""
    while True:
        length = int.from_bytes(received[:3], "big")
        if len(received) >= HEAD_BYTES and length > FRAME_BYTES:
            raise Http2Error(f"the server does not speak HTTP/2: {received[:40]!r}")
        if len(received) >= HEAD_BYTES + length and len(received) >= HEAD_BYTES:
            head, payload = received[:HEAD_BYTES], received[HEAD_BYTES : HEAD_BYTES + length]
            received = received[HEAD_BYTES + length :]
            yield head[3], head[4], int.from_bytes(head[5:9], "big"), payload
            continue
        more = connection.recv(1 << 16)
        if not more:
            return
        received += more


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """The bytes of a frame."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name: str, value: str) -> bytes:
    """A field that the server does not keep; names and values are short."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def _without_padding(kind: int, flags: int, payload: bytes) -> bytes:
    start = 1 if flags & PADDED else 0
    end = len(payload) - (payload[0] if flags & PADDED else 0)
    return payload[start + (5 if kind == HEADERS and flags & PRIORITY else 0) : end]


def _status(block: bytes) -> int:
    """Return the status of a response, 0 for an interim one or another form."""
    while block and block[0] & 0xE0 == SIZE_OF_TABLE:
        more = 1
        if block[0] & 0x1F == 0x1F:
            while block[more] & 0x80:
                more += 1
            more += 1
        block = block[more:]
    if block[:1] and block[0] in LITERALS and block[2:5].isdigit():
        status = int(block[2:5])
        return 0 if status < 200 else status
    return STATUSES.get(block[0], 0) if block else 0


def _code(kind: int, payload: bytes) -> int:
    return int.from_bytes(payload[4:8] if kind == GOAWAY else payload[:4], "big")
