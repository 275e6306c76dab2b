"""Usage of other processes from the kernel: CPU time to the nanosecond, memory, threads, and parents.

Linux only, as the load generator is. The programs in the processes are not known here.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

BYTES_PER_KB: Final = 1024
# A server that has used no CPU for this long has finished its work.
STILL_S: Final = 0.1
# Servers have timers of their own and are never completely idle; one of them takes 1.6 % of a core without requests.
QUIET_SHARE: Final = 0.05
NS_PER_S: Final = 1e9
# Ten thousand connections take the slowest loop a few seconds.
STILL_LIMIT_S: Final = 30.0


def cpu_ns(process_id: int) -> int:
    """Return user and system time of all threads, in the resolution of the scheduler; /proc has ticks of 10 ms."""
    clock = ctypes.c_int()
    error = ctypes.CDLL(None).clock_getcpuclockid(process_id, ctypes.byref(clock))
    if error:
        raise OSError(error, os.strerror(error))
    return time.clock_gettime_ns(clock.value)


def resident_bytes(process_id: int) -> int:
    """Return the size of the pages in memory, shared ones included: those are the same before and after."""
    return _of_rollup(process_id, "Rss")


def own_bytes(process_ids: Iterable[int]) -> int:
    """Return the memory that the processes have allocated and use; a shared page is divided among them (PSS, proc(5)).

    Pages of files are left out: their share changes when another process maps the same library.
    """
    return sum(_of_rollup(process_id, kind) for process_id in process_ids for kind in ("Pss_Anon", "Pss_Shmem"))


def family_cpu_ns(process_ids: Iterable[int]) -> dict[int, int]:
    """Return the CPU time of each process."""
    return {process_id: cpu_ns(process_id) for process_id in process_ids}


def family(process_id: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            children.setdefault(parent_of(status.read_text()), []).append(int(status.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            # It has ended since.
            continue
    found = [process_id]
    for member in found:
        found.extend(children.get(member, ()))
    return found


def parent_of(stat: str) -> int:
    """Parse /proc/N/stat (proc(5)): the state and the parent follow the name, which may contain anything."""
    return int(stat.rpartition(")")[2].split()[1])


def wait_until_still(process_id: int) -> None:
    """Return when the process has nothing left to do; raises TimeoutError if it never is idle."""
    deadline_s = time.monotonic() + STILL_LIMIT_S
    before_ns = cpu_ns(process_id)
    while time.monotonic() < deadline_s:
        time.sleep(STILL_S)
        now_ns = cpu_ns(process_id)
        if now_ns == before_ns:
            return
        before_ns = now_ns
    raise TimeoutError(f"busy for {STILL_LIMIT_S:g} s")


def wait_until_quiet(process_ids: Sequence[int]) -> None:
    """Return when the processes are idle except for their timers; raises TimeoutError if they never are."""
    deadline_s = time.monotonic() + STILL_LIMIT_S
    before_ns, then_s = sum(family_cpu_ns(process_ids).values()), time.monotonic()
    while time.monotonic() < deadline_s:
        time.sleep(STILL_S)
        now_ns, now_s = sum(family_cpu_ns(process_ids).values()), time.monotonic()
        if now_ns - before_ns < (now_s - then_s) * NS_PER_S * QUIET_SHARE:
            return
        before_ns, then_s = now_ns, now_s
    raise TimeoutError(f"busy for {STILL_LIMIT_S:g} s")


def is_traced(process_id: int) -> bool:
    """Return whether a tracer is attached to every thread."""
    statuses = Path(f"/proc/{process_id}/task").glob("*/status")
    return all("\nTracerPid:\t0\n" not in status.read_text() for status in statuses)


def _of_rollup(process_id: int, wanted: str) -> int:
    for line in Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == wanted:
            return int(value.split()[0]) * BYTES_PER_KB
    raise OSError(f"no {wanted} for process {process_id}")
