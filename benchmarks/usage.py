"""What the kernel says about another process: its CPU time to the nanosecond, its memory, its threads.

Linux only, as the load generator is. Knows process numbers and nothing of what runs in them.
"""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Final

BYTES_PER_KB: Final = 1024
# A server that has used no CPU for this long has done what it had to do.
STILL_S: Final = 0.1
# Ten thousand connections take the slowest loop a few seconds.
STILL_LIMIT_S: Final = 30.0


def cpu_ns(process_id: int) -> int:
    """User and system time of all threads. /proc has it in ticks of 10 ms; the clock has what the scheduler has."""
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(process_id, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return time.clock_gettime_ns(clock.value)


def resident_bytes(process_id: int) -> int:
    """The pages that are in memory, shared ones included: those are the same before and after."""
    for line in Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Rss":
            return int(value.split()[0]) * BYTES_PER_KB
    raise OSError(f"no Rss for process {process_id}")


def wait_until_still(process_id: int) -> None:
    """Return when the process has nothing left to do; raises TimeoutError where it never rests."""
    deadline_s = time.monotonic() + STILL_LIMIT_S
    before_ns = cpu_ns(process_id)
    while time.monotonic() < deadline_s:
        time.sleep(STILL_S)
        now_ns = cpu_ns(process_id)
        if now_ns == before_ns:
            return
        before_ns = now_ns
    raise TimeoutError(f"busy for {STILL_LIMIT_S:g} s")


def is_traced(process_id: int) -> bool:
    """Whether a tracer has hold of every thread."""
    statuses = Path(f"/proc/{process_id}/task").glob("*/status")
    return all("\nTracerPid:\t0\n" not in status.read_text() for status in statuses)
