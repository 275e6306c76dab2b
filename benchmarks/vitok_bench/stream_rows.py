"""The stream rows: the server, the client, and the raw server that is the limit of both.

This is a table. It has the names of the servers (`stream_servers.py`) and the options of the load generator (`load/`).
Running and measuring are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SIZES: Final = {"1k": 1 << 10, "64k": 1 << 16}
CONNECTIONS: Final = (1, 10, 100, 500)
# The rows of a first look are those with targets.
QUICK_SUFFIX: Final = "_1k_100"

ECHOES: Final = {
    "echo_protocol": "echo by Protocol",
    "echo_buffered": "echo by BufferedProtocol",
    "echo_streams": "echo by start_server, reader and writer",
    "echo_sock": "echo by sock_accept, sock_recv, sock_sendall",
}

# The writes that answer one request of `small_writes`, in one callback.
WRITES: Final = 50
WRITE_BYTES: Final = 100
# Enough for several requests in each turn of the loop, as in the echo rows, with fifty times the writes.
WRITERS: Final = 10
# As many as a proxy in front of a server opens at once; with one at a time, the row would measure the client.
CONNECTING: Final = 32
DATAGRAM_SOCKETS: Final = 100
IDLE: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class StreamRow:
    """One thing that is measured on every loop."""

    name: str
    title: str
    # A key of stream_servers.FAMILIES.
    family: str
    # The options of `vitok-load raw` for a server that does the same.
    raw: tuple[str, ...]
    # The command of the load generator, and its options except the address.
    client: tuple[str, ...]
    # The unit that is counted.
    operation: str = "round trip"
    is_quick: bool = False
    # The number of connections held, for a row about memory and not about CPU.
    idle: int = 0

    @property
    def is_memory(self) -> bool:
        return self.idle > 0

    @property
    def unit(self) -> str:
        return f"bytes per {self.operation}" if self.is_memory else f"ns of CPU per {self.operation}"


def rows() -> tuple[StreamRow, ...]:
    """Every row, in the order of the table."""
    return (*_echoes(), *_others(), *_memory())


def _echoes() -> Iterator[StreamRow]:
    for family, title in ECHOES.items():
        for size_name, size in SIZES.items():
            for count in CONNECTIONS:
                name = f"{family}_{size_name}_{count}"
                yield StreamRow(
                    name=name,
                    title=f"{title}, {size} bytes, {count} connections",
                    family=family,
                    raw=("--mode", "echo"),
                    client=("echo", "--size", str(size), "--connections", str(count)),
                    is_quick=name.endswith(QUICK_SUFFIX),
                )


def _others() -> Iterator[StreamRow]:
    answer = str(WRITES * WRITE_BYTES)
    yield StreamRow(
        name="small_writes",
        title=f"{WRITES} writes of {WRITE_BYTES} bytes for each request, {WRITERS} connections",
        family="small_writes",
        raw=("--mode", "answer", "--answer", answer),
        client=("echo", "--size", "1", "--answer", answer, "--connections", str(WRITERS)),
        operation="request",
        is_quick=True,
    )
    for name, title, mode, client in (
        ("bulk_out", "bulk transfer to the client", "source", "pull"),
        ("bulk_in", "bulk transfer to the server", "sink", "push"),
    ):
        yield StreamRow(name=name, title=title, family=name, raw=("--mode", mode), client=(client,), operation="MiB")
    yield StreamRow(
        name="connect",
        title=f"accept, and abort() in connection_made; {CONNECTING} at a time",
        family="connect",
        raw=("--mode", "close"),
        client=("connect", "--concurrency", str(CONNECTING)),
        operation="connection",
        is_quick=True,
    )
    yield StreamRow(
        name="udp_1k",
        title=f"datagram echo, 1024 bytes, {DATAGRAM_SOCKETS} clients",
        family="udp",
        raw=("--mode", "udp"),
        client=("udp", "--size", "1024", "--sockets", str(DATAGRAM_SOCKETS)),
    )


def _memory() -> Iterator[StreamRow]:
    for name, title, greeting in (
        ("memory", "memory of an idle connection", 0),
        ("memory_used", "the same, after a round trip of 1024 bytes", 1024),
    ):
        yield StreamRow(
            name=name,
            title=f"{title}, by Protocol, {IDLE} connections",
            family="echo_protocol",
            raw=("--mode", "echo"),
            client=("idle", "--connections", str(IDLE), "--greet", str(greeting)),
            operation="connection",
            idle=IDLE,
        )
