"""The rows that measure waiting: each body returns delays in µs.

A body knows only the loop it is given. The table in `rows.py` has the meaning of the delays and the percentile that is
shown.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

Loop = asyncio.AbstractEventLoop

SLEEP_NS: Final = 200_000
STAMP_BYTES: Final = 8
# More than can be waiting when the loop is a tenth of a second late.
READ_BYTES: Final = STAMP_BYTES * 128


def sleep_200us(loop: Loop, events: int) -> list[float]:
    """Measure how late each sleep of 200 µs ends; a negative value is early."""

    async def sleep() -> list[float]:
        late_us = []
        for _ in range(events):
            start_ns = time.monotonic_ns()
            await asyncio.sleep(SLEEP_NS / 1e9)
            late_us.append((time.monotonic_ns() - start_ns - SLEEP_NS) / 1000)
        return late_us

    return loop.run_until_complete(sleep())


def flood(loop: Loop, events: int, *, callbacks: int) -> list[float]:
    """Measure how long a socket waits to be read while that many callbacks reschedule themselves without end.

    The times come from a process of its own (`stamps.py`): a thread would have to wait for the GIL of the busy loop
    before it could write, and that wait would be charged to the loop or hidden, depending on where the clock is read.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    waits_us: list[float] = []
    is_over = False

    def again() -> None:
        if not is_over:
            loop.call_soon(again)

    def read() -> None:
        nonlocal is_over
        stamps = ours.recv(READ_BYTES)
        now_ns = time.monotonic_ns()
        for start in range(0, len(stamps), STAMP_BYTES):
            sent_ns = int.from_bytes(stamps[start : start + STAMP_BYTES], sys.byteorder)
            waits_us.append((now_ns - sent_ns) / 1000)
        if not stamps:
            is_over = True
            loop.stop()

    writer = _start_writer(theirs, events)
    try:
        # By number, so that a loop that refuses socket objects can be timed too.
        loop.add_reader(ours.fileno(), read)
        for _ in range(callbacks):
            loop.call_soon(again)
        loop.run_forever()
        loop.remove_reader(ours.fileno())
    finally:
        ours.close()
        writer.wait()
    return waits_us


def _start_writer(end: socket.socket, events: int) -> subprocess.Popen[bytes]:
    with end:
        script = str(Path(__file__).with_name("stamps.py"))
        # -I -S: nothing of the environment is imported, so the writer starts in milliseconds.
        command = [sys.executable, "-I", "-S", script, str(end.fileno()), str(events)]
        return subprocess.Popen(command, pass_fds=[end.fileno()], stdin=subprocess.DEVNULL)
