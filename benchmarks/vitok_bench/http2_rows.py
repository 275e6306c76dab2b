"""The HTTP/2 rows: the requests of `http_rows.py`, on streams of a few connections, in clear text and over TLS.

This is a table. In clear text the client begins with the preface, over TLS with ALPN; no server is asked by HTTP/1.1.
Servers and measuring are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from vitok_bench.http_rows import CONNECTIONS, HttpRow
from vitok_bench.http_rows import rows as http_rows

# What a browser, a proxy or a client of gRPC keeps under way on one connection, and a few of them.
STREAMS: Final = 16
CONNECTIONS_OF_STREAMS: Final = 8
# A connection that is used by one stream at a time has the number of HTTP/1.1, so that both suites can be compared.
NAMES: Final = {"plaintext": "get", "json": "json", "body_out": "body_out", "body_in": "body_in", "stream": "stream"}
QUICK: Final = ("h2_get", "h2_get_tls")
IDLE: Final = 2000


def rows() -> tuple[HttpRow, ...]:
    """Every row, in the order of the table."""
    return (*_clear(), *(_secure(row) for row in _clear()), _memory())


def _clear() -> Iterator[HttpRow]:
    for row in http_rows():
        if row.name in NAMES:
            yield _row(row, f"h2_{NAMES[row.name]}", CONNECTIONS_OF_STREAMS, STREAMS)
            yield _row(row, f"h2_{NAMES[row.name]}_1", CONNECTIONS, 1)


def _row(row: HttpRow, name: str, connections: int, streams: int) -> HttpRow:
    _, _, _, *options = row.client
    each = f"{streams} streams" if streams > 1 else "a stream"
    what = row.title.rpartition(", ")[0].replace(", in chunks", "")
    return replace(
        row,
        name=name,
        title=f"{what}, {connections} connections of {each}",
        client=("http2", "--connections", str(connections), "--streams", str(streams), *options),
        raw=_raw(row),
        is_chunked=False,
        is_http2=True,
        is_quick=name in QUICK,
    )


def _raw(row: HttpRow) -> tuple[str, ...]:
    """The options of the raw server, which finds the length of content by itself."""
    _, _, *options = row.raw
    if "--body" in options:
        at = options.index("--body")
        del options[at : at + 2]
    return ("--mode", "http2", *options)


def _secure(row: HttpRow) -> HttpRow:
    name = f"{row.name}_tls"
    return replace(
        row,
        name=name,
        title=f"{row.title}, over TLS",
        client=(*row.client, "--tls"),
        is_secure=True,
        is_quick=name in QUICK,
    )


def _memory() -> HttpRow:
    [row] = [row for row in http_rows() if row.name == "plaintext"]
    return replace(
        row,
        name="h2_memory",
        title=f"memory of a connection of HTTP/2 that rests after a request, {IDLE} connections",
        kind="memory",
        client=("idle", "--http2", "--connections", str(IDLE)),
        raw=_raw(row),
        is_http2=True,
        is_quick=False,
        operation="connection",
        idle=IDLE,
    )
