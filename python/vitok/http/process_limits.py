"""The limits of a process that serves: requests, age and memory. A process that reaches one is due for replacement.

What follows from that is decided elsewhere. A limit holds from the moment when the process accepts connections.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import resource
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .log_guard import GuardedLogger
from .options import Options

# How often the memory is looked at, in seconds.
LOOK_SECONDS = 1.0
# Workers that were started together don't reach their age together: each gets up to this part of it less.
LIFETIME_JITTER = 0.1
# Resident memory of this process, in pages: the second number. Only Linux has it.
_STATM = Path("/proc/self/statm")


class Counting(Protocol):
    """A server that counts its requests."""

    def served(self, count: int, /) -> Awaitable[object]:
        """Return a future that is done once so many requests have ended."""
        ...


@dataclass(frozen=True, slots=True)
class Reached:
    """A limit that was reached: a word for metrics, and a message for logs."""

    label: str
    message: str


async def reached(options: Options, server: Counting, logger: logging.Logger | GuardedLogger) -> Reached:
    """Wait until one of the limits is reached, and return which; without limits, for ever.

    A limit of memory that is too low from the start is an error in the log, and no limit.
    """
    waiting: list[asyncio.Future[Reached]] = []
    if options.limit_max_requests is not None:
        count = options.limit_max_requests + random.randint(0, options.limit_max_requests_jitter)
        waiting.append(asyncio.ensure_future(_requests(server, count)))
    if options.limit_max_lifetime is not None:
        waiting.append(asyncio.ensure_future(_lifetime(options.limit_max_lifetime)))
    if options.limit_max_memory is not None:
        waiting.append(asyncio.ensure_future(_memory(options.limit_max_memory, logger)))
    if not waiting:
        waiting.append(asyncio.get_running_loop().create_future())
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for one in waiting:
            one.cancel()


def resident_bytes() -> int:
    """Return the resident memory of this process. Where the system tells only the largest it ever was, that."""
    try:
        return int(_STATM.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        # macOS counts bytes, others KiB.
        return peak if sys.platform == "darwin" else peak * 1024


async def _requests(server: Counting, count: int) -> Reached:
    await server.served(count)
    return Reached("requests", f"{count} requests have ended")


async def _lifetime(seconds: float) -> Reached:
    await asyncio.sleep(seconds * (1 - LIFETIME_JITTER * random.random()))
    return Reached("lifetime", f"an age of {seconds:g} s is near")


async def _memory(limit: int, logger: logging.Logger | GuardedLogger) -> Reached:
    if (used := resident_bytes()) >= limit:
        # Its successor would have as much, and so on for ever.
        logger.error("--limit-max-memory: %d bytes are fewer than the %d in use at the start: no limit", limit, used)
        await asyncio.get_running_loop().create_future()
    while (used := resident_bytes()) < limit:
        await asyncio.sleep(LOOK_SECONDS)
    return Reached("memory", f"{used} bytes of memory are in use, of at most {limit}")
