"""The rows over TLS: echoes, handshakes, and the memory of idle connections.

This is a table. It has the names of the servers (`tls_servers.py`), the options of the raw server (`tls_raw.c`) and
those of the load generator (`load/`). Running and measuring are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitok_bench.stream_rows import StreamRow

# A message of a chat, of an API, a full record, and several records.
SIZES: Final = {"64": 64, "1k": 1 << 10, "16k": 1 << 14, "64k": 1 << 16}
CONNECTIONS: Final = (8, 100)
QUICK: Final = "tls_echo_1k_100"
# The client keeps eight tickets for a server, and each connection under way takes one.
HANDSHAKING: Final = 8
# Enough to tell a kilobyte for each from the noise of a process; a slow loop opens a thousand in a second.
IDLE: Final = 2000

FAMILY: Final = "tls_echo"
RAW: Final = ("--mode", "echo")


def rows() -> tuple[StreamRow, ...]:
    """Every row, in the order of the table."""
    return (*_echoes(), *_handshakes(), *_memory())


def _echoes() -> Iterator[StreamRow]:
    for size_name, size in SIZES.items():
        for count in CONNECTIONS:
            name = f"tls_echo_{size_name}_{count}"
            yield StreamRow(
                name=name,
                title=f"echo by Protocol over TLS, {size} bytes, {count} connections",
                family=FAMILY,
                raw=RAW,
                client=("echo", "--tls", "--size", str(size), "--connections", str(count)),
                is_quick=name == QUICK,
            )


def _handshakes() -> Iterator[StreamRow]:
    for name, title, options in (
        ("tls_handshake", "a full handshake", ()),
        ("tls_resumption", "a handshake that resumes a session", ("--resume",)),
    ):
        yield StreamRow(
            name=name,
            title=f"{title}: accept, handshake, a byte and its echo, close; {HANDSHAKING} at a time",
            family=FAMILY,
            raw=RAW,
            client=("handshake", "--concurrency", str(HANDSHAKING), *options),
            operation="connection",
        )


def _memory() -> Iterator[StreamRow]:
    for name, title, greeting in (
        ("tls_memory", "memory of an idle connection over TLS", 0),
        ("tls_memory_used", "the same, after a round trip of 1024 bytes", 1024),
    ):
        yield StreamRow(
            name=name,
            title=f"{title}, by Protocol, {IDLE} connections",
            family=FAMILY,
            raw=RAW,
            client=("idle", "--tls", "--connections", str(IDLE), "--greet", str(greeting)),
            operation="connection",
            idle=IDLE,
        )
