"""The WebSocket rows: the client, and the raw server that is the limit.

This is a table. It has the paths of `websocket_app.py` and the options of the load generator (`load/`), which compares
every answer with its message. Servers and measuring are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vitok_bench.http_rows import CONNECTIONS, HttpRow

# A signal, a line of a chat, an object of an API, a document.
SIZES: Final = {"64": 64, "256": 256, "1k": 1 << 10, "16k": 1 << 14}
BINARY: Final = ("256", "16k")
# Most servers send shorter messages as they are.
DEFLATED: Final = ("1k", "16k")
QUICK: Final = "ws_text_256"
MEMBERS: Final = 100
# A broadcast takes the slowest server some milliseconds.
BROADCASTS_BEFORE: Final = 8
# Enough to tell a kilobyte for each from the noise of a process; a slow server opens a thousand in a second.
IDLE: Final = 2000
RAW: Final = ("--mode", "websocket")
DEFLATE: Final = "--deflate"


def rows() -> tuple[HttpRow, ...]:
    """Every row, in the order of the table."""
    return (*_echoes(), *_broadcasts(), *_memory())


def _echoes() -> Iterator[HttpRow]:
    for name, size in SIZES.items():
        yield _echo(f"ws_text_{name}", f"echo of {size} bytes of text", size)
    for name in BINARY:
        yield _echo(f"ws_binary_{name}", f"echo of {SIZES[name]} bytes", SIZES[name], "--binary")
    for name in DEFLATED:
        title = f"echo of {SIZES[name]} bytes of text, compressed both ways"
        yield _echo(f"ws_deflate_{name}", title, SIZES[name], DEFLATE)


def _echo(name: str, title: str, size: int, *options: str) -> HttpRow:
    sized = ("--size", str(size), *options)
    return HttpRow(
        name=name,
        title=f"{title}, {CONNECTIONS} connections",
        path="/echo",
        client=("websocket", "--connections", str(CONNECTIONS), *sized),
        raw=RAW,
        check=("websocket", *sized),
        operation="echo",
        is_quick=name == QUICK,
    )


def _broadcasts() -> Iterator[HttpRow]:
    for name, title, sized in (
        ("ws_broadcast_256", f"{SIZES['256']} bytes of text", ("--size", "256")),
        ("ws_broadcast_deflate_1k", f"{SIZES['1k']} bytes of text, compressed", ("--size", "1024", DEFLATE)),
    ):
        client = ("websocket", "--broadcast", *sized)
        yield HttpRow(
            name=name,
            title=f"a message to all of {MEMBERS} connections, {title}",
            path="/broadcast",
            client=(*client, "--connections", str(MEMBERS)),
            raw=(*RAW, "--broadcast"),
            check=client,
            operation="broadcast",
            warm_up=BROADCASTS_BEFORE,
        )


def _memory() -> Iterator[HttpRow]:
    for name, title, options in (
        ("ws_memory", "memory of an idle connection without a message", ()),
        ("ws_memory_used", "the same, after 4 echoes of 1024 bytes", ("--greet", "1024")),
        ("ws_memory_deflate", "the same, with the echoes compressed both ways", ("--greet", "1024", DEFLATE)),
    ):
        client = ("idle", "--websocket", *options)
        yield HttpRow(
            name=name,
            title=f"{title}, {IDLE} connections",
            kind="memory",
            path="/echo",
            client=(*client, "--connections", str(IDLE)),
            raw=RAW,
            check=client,
            operation="connection",
            idle=IDLE,
        )
