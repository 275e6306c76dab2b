"""The HTTP rows: what is asked, what must be answered, which client asks, and which raw server is the limit.

A table. It knows the paths of `http_app.py` and the options of the load generator (`load/`), and neither the servers
nor how anything is measured.
"""

from __future__ import annotations

import json
import resource
from dataclasses import dataclass
from typing import Final

from http_app import LARGE, MESSAGE, PART, PARTS, TEXT
from results import Kind

CONNECTIONS: Final = 64
# As many as the usual benchmarks of servers send at once.
DEPTH: Final = 16
UPLOAD_BYTES: Final = 10_240
# By the second. The slowest server seen here answers three thousand at most and most of them more than ten thousand: in
# the first of the two nobody has a queue, in the second only the slowest.
RATES: Final = (1000, 5000)
# Ten thousand, or what a process may open; the rest of the descriptors is for what else a server has open.
IDLE: Final = 10_000
OTHER_DESCRIPTORS: Final = 256


@dataclass(frozen=True, kw_only=True)
class HttpRow:
    """One thing that is measured on every server."""

    name: str
    title: str
    kind: Kind = "cpu"
    path: str
    # The command of the load generator, and its options but for address and path.
    client: tuple[str, ...]
    # The options of the raw server that does the same.
    raw: tuple[str, ...]
    # What the application answers.
    answer: bytes
    # Of the request; with any, it is a POST.
    body: bytes = b""
    is_chunked: bool = False
    # What is counted.
    operation: str = "request"
    is_quick: bool = False
    # How many connections are held, for a row of memory.
    idle: int = 0

    @property
    def is_memory(self) -> bool:
        return self.kind == "memory"


def rows() -> tuple[HttpRow, ...]:
    """Every row, in the order of the table."""
    return (*_small(), *_large(), *_others(), *_latency(), _memory(idle_connections()))


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
    """How many connections a server and a client can hold here."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    return IDLE if allowed == resource.RLIM_INFINITY else min(IDLE, allowed - OTHER_DESCRIPTORS)


def _keep_alive(*options: str) -> tuple[str, ...]:
    return ("http", "--connections", str(CONNECTIONS), *options)


def _raw(answer: bytes, *options: str) -> tuple[str, ...]:
    return ("--mode", "http", "--answer", str(len(answer)), *options)
