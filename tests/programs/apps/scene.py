"""The shared parts of the programs in this folder: the loop that they run on, and the actions of their HTTP routes.

PROGRAM_LOOP names a module, asyncio or vitok: both have `run` and `new_event_loop`, so a program selects its loop once,
as its user would.
"""

import asyncio
import importlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType

HOST = "127.0.0.1"
KIB = 1024
MIB = 1024 * KIB
# A body that fits into no buffer on the way and is still sent in an instant.
LARGE_BODY = bytes(range(256)) * (MIB // 256)
# More than both kernels' ends of a connection hold, so that a reader who waits makes the writer wait.
FLOOD_CHUNKS = 64
FLOOD_CHUNK_BYTES = 256 * KIB
# Requests that wait for each other: they are answered only if all of them are being served at once.
MEETING = 8
# The file that `/file` sends; the test makes it.
FILE = Path(os.environ.get("PROGRAM_FILE", "no-file"))


class Scene:
    """What the routes of one server share."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.meeting = asyncio.Barrier(MEETING)
        self.chunks_sent = 0

    async def meet(self) -> str:
        """`/meet`: answers when as many requests are here as a meeting takes."""
        await self.meeting.wait()
        return "met"

    async def stream(self) -> AsyncIterator[bytes]:
        """`/stream`: a first line, and the rest when `/release` was asked for."""
        yield b"first\n"
        await self.gate.wait()
        self.gate.clear()
        yield LARGE_BODY
        yield b"last\n"

    def release(self) -> str:
        """`/release`: lets the stream go on."""
        self.gate.set()
        return "released"

    async def flood(self) -> AsyncIterator[bytes]:
        """`/flood`: 16 MiB, each chunk filled with its number."""
        self.chunks_sent = 0
        for number in range(FLOOD_CHUNKS):
            yield bytes([number]) * FLOOD_CHUNK_BYTES
            self.chunks_sent += 1

    def sent(self) -> str:
        """`/sent`: how many chunks of the flood the framework has taken so far."""
        return str(self.chunks_sent)


def chosen() -> ModuleType:
    """The module whose loop the program runs on."""
    return importlib.import_module(os.environ["PROGRAM_LOOP"])


def loop_name() -> str:
    """`/loop`: the class of the running loop, with its module."""
    kind = type(asyncio.get_running_loop())
    return f"{kind.__module__}.{kind.__qualname__}"


def announce(port: int, scheme: str = "http") -> None:
    """Tell whoever started the program where it listens."""
    print(f"{scheme}://{HOST}:{port}", flush=True)


async def told_to_stop() -> None:
    """Wait for the signal by which a service manager ends a program."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
