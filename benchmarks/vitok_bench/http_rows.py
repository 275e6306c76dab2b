"""The HTTP rows: the request, the expected answer, the client, and the raw server that is the limit.

This is a table. It has the paths of `http_app.py` and the options of the load generator (`load/`). Servers and
measuring are not known here.
"""

from __future__ import annotations

import json
import resource
from dataclasses import dataclass, replace
from typing import Final

from vitok_bench.http_app import LARGE, MESSAGE, PART, PARTS, TEXT
from vitok_bench.results import Kind

CONNECTIONS: Final = 64
# As many as the usual benchmarks of servers send at once.
DEPTH: Final = 16
UPLOAD_BYTES: Final = 10_240
# Requests per second. The slowest server seen here answers three thousand at most and most of them more than ten
# thousand: at the first rate no server has a queue, at the second only the slowest.
RATES: Final = (1000, 5000)
# Ten thousand, or what a process may open, less the descriptors that a server needs otherwise.
IDLE: Final = 10_000
OTHER_DESCRIPTORS: Final = 256


@dataclass(frozen=True, kw_only=True)
class HttpRow:
    """One thing that is measured on every server."""

    name: str
    title: str
    kind: Kind = "cpu"
    path: str
    # The command of the load generator, and its options except address and path.
    client: tuple[str, ...]
    # The options of the raw server that does the same.
    raw: tuple[str, ...]
    # The answer of the application; empty where the client compares answers itself.
    answer: bytes = b""
    # The body of the request; a request with one is a POST.
    body: bytes = b""
    # The media type of that body.
    media_type: str = "application/octet-stream"
    is_chunked: bool = False
    # The command that checks an answer once, of a client that compares answers itself.
    check: tuple[str, ...] = ()
    # Operations before a sample, uncounted: every connection is accepted and has had its first request.
    warm_up: int = 4 * CONNECTIONS
    # Asked over TLS.
    is_secure: bool = False
    # Asked by HTTP/2.
    is_http2: bool = False
    # The unit that is counted.
    operation: str = "request"
    is_quick: bool = False
    # The number of connections held, for a row of memory.
    idle: int = 0

    @property
    def is_memory(self) -> bool:
        return self.kind == "memory"


def rows() -> tuple[HttpRow, ...]:
    """Every row, in the order of the table."""
    return (*_small(), *_large(), *_others(), *_latency(), _memory(idle_connections()))


def secure_rows() -> tuple[HttpRow, ...]:
    """Those of the suite over TLS: a small answer, and one of almost a record."""
    return tuple(
        replace(row, name=name, title=f"{row.title}, over TLS", client=(*row.client, "--tls"), is_secure=True)
        for name, row in (("https_get", _small()[0]), ("https_body_out", replace(_large()[0], is_quick=False)))
    )


def _small() -> tuple[HttpRow, ...]:
    message = json.dumps(MESSAGE).encode()
    return (
        HttpRow(
            name="plaintext",
            title=f"GET, {len(TEXT)} bytes out, {CONNECTIONS} connections",
            path="/text",
            client=_keep_alive(),
            raw=_raw(TEXT),
            answer=TEXT,
            is_quick=True,
        ),
        HttpRow(
            name="json",
            title=f"GET, {len(message)} bytes of JSON out, encoded each time, {CONNECTIONS} connections",
            path="/json",
            client=_keep_alive(),
            raw=_raw(message),
            answer=message,
        ),
    )


def _large() -> tuple[HttpRow, ...]:
    received = b"%d" % UPLOAD_BYTES
    return (
        HttpRow(
            name="body_out",
            title=f"GET, {len(LARGE)} bytes out, {CONNECTIONS} connections",
            path="/large",
            client=_keep_alive(),
            raw=_raw(LARGE),
            answer=LARGE,
        ),
        HttpRow(
            name="body_in",
            title=f"POST, {UPLOAD_BYTES} bytes in, {len(received)} out, {CONNECTIONS} connections",
            path="/upload",
            client=_keep_alive("--body", str(UPLOAD_BYTES)),
            raw=_raw(received, "--body", str(UPLOAD_BYTES)),
            answer=received,
            body=b"b" * UPLOAD_BYTES,
        ),
        HttpRow(
            name="stream",
            title=f"GET, {PARTS} parts of {len(PART)} bytes out, in chunks, {CONNECTIONS} connections",
            path="/stream",
            client=_keep_alive(),
            raw=_raw(PART, "--parts", str(PARTS)),
            answer=PART * PARTS,
            is_chunked=True,
        ),
    )


def _others() -> tuple[HttpRow, ...]:
    return (
        HttpRow(
            name="pipelined",
            title=f"plaintext with {DEPTH} requests under way on each of {CONNECTIONS} connections",
            path="/text",
            client=_keep_alive("--pipeline", str(DEPTH)),
            raw=_raw(TEXT),
            answer=TEXT,
        ),
        HttpRow(
            name="connection",
            title=f"plaintext, a connection for each request, {CONNECTIONS} at a time",
            path="/text",
            client=("visit", "--concurrency", str(CONNECTIONS)),
            raw=_raw(TEXT, "--close"),
            answer=TEXT,
        ),
    )


def _latency() -> tuple[HttpRow, ...]:
    return tuple(
        HttpRow(
            name=f"latency_{rate}",
            title=f"wait for plaintext at {rate} requests/s by an open loop, p50 and p99, {CONNECTIONS} connections",
            kind="wait",
            path="/text",
            client=_keep_alive("--rate", str(rate)),
            raw=_raw(TEXT),
            answer=TEXT,
        )
        for rate in RATES
    )


def _memory(count: int) -> HttpRow:
    return HttpRow(
        name="idle_memory",
        title=f"memory of a connection that rests after a request, {count} connections",
        kind="memory",
        path="/text",
        client=("idle", "--connections", str(count)),
        raw=_raw(TEXT),
        answer=TEXT,
        operation="connection",
        idle=count,
    )


def idle_connections() -> int:
    """The number of connections that a server and a client can hold here."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    return IDLE if allowed == resource.RLIM_INFINITY else min(IDLE, allowed - OTHER_DESCRIPTORS)


def _keep_alive(*options: str) -> tuple[str, ...]:
    return ("http", "--connections", str(CONNECTIONS), *options)


def _raw(answer: bytes, *options: str) -> tuple[str, ...]:
    return ("--mode", "http", "--answer", str(len(answer)), *options)
