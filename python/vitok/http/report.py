"""The numbers of one process for its metrics, and their sums over several processes.

A report can be sent as JSON: `counts` only grow while the process lives, `values` are those of the moment. Their names
in the metrics, and how reports travel, are not known here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitok import _metrics

from .limits import DURATION_BOUNDS
from .narrowing import is_dict, is_list
from .process_limits import resident_bytes

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from vitok._native import HttpServer

Numbers = dict[str, Any]
"""Numbers by name; some are lists of numbers."""

# The numbers of `HttpServer.metrics()` and of a loop that only grow; the rest are values.
_HTTP_COUNTS = (
    "requests",
    "durations",
    "duration_ns",
    "received_bytes",
    "sent_bytes",
    "connections_total",
    "websockets_total",
)
_HTTP_VALUES = ("connections", "running", "websockets")
# The times of a loop are not among them: the loop would have to read the clock for each callback.
_LOOP_COUNTS = ("turns", "callbacks", "polls", "wakeups", "events", "bytes_received", "bytes_sent")
_LOOP_VALUES = ("ready", "timers")
# The numbers that are lists: of classes of statuses, and of the buckets of durations.
_LENGTHS = {"requests": 6, "durations": len(DURATION_BOUNDS) + 1}
# The time that workers and threads have for a fresh report: a scrape is to take less than a second, even if one of them
# hangs. Then its last report is used; that of a worker is a second older than the moment in which it began to hang, or
# younger.
FRESH_SECONDS = 0.5
_UNBOUNDED = 2**64
_STAT = Path("/proc/self/stat")
# By the number of the process, since a program may fork.
_start_times: dict[int, float | None] = {}


def process_report(
    loop: AbstractEventLoop | None = None, http: HttpServer | None = None, others: Iterable[Mapping[str, Numbers]] = ()
) -> dict[str, Numbers]:
    """Return the numbers of this process: its own, and the sums of those of this loop and server, and of other threads.

    `others` are what `loop_report` has returned in those threads.
    """
    counts: Numbers = {"cpu_seconds": time.process_time()}
    values: Numbers = {"resident_bytes": resident_bytes()}
    reports = [loop_report(loop, http), *others]
    return {
        "counts": total([counts, *(report.get("counts", {}) for report in reports)]),
        "values": total([values, *(report.get("values", {}) for report in reports)]),
    }


def loop_report(loop: AbstractEventLoop | None, http: HttpServer | None) -> dict[str, Numbers]:
    """Return the numbers of this loop, which is vitok's and runs in this thread, and of its server."""
    counts: Numbers = {}
    values: Numbers = {}
    if loop is not None:
        told = _metrics.observe(loop)
        counts |= {f"loop_{name}": told[name] for name in _LOOP_COUNTS}
        values |= {f"loop_{name}": told[name] for name in _LOOP_VALUES}
        values |= {f"loop_transports_{kind}": number for kind, number in told["transports"].items()}
    if http is not None:
        told = http.metrics()
        counts |= {name: told[name] for name in _HTTP_COUNTS}
        values |= {name: told[name] for name in _HTTP_VALUES}
    return {"counts": counts, "values": values}


def checked(report: Mapping[str, Any]) -> dict[str, Numbers]:
    """Return what is a report of another process in this: known numbers, none of them negative.

    That process may have been taken over; it must not spoil the numbers of others.
    """
    return {part: _checked(report.get(part), part) for part in ("counts", "values")}


def _checked(numbers: Any, part: str) -> Numbers:
    if not is_dict(numbers):
        return {}
    return {name: number for name, number in numbers.items() if _is_known(part, name) and _is_right(name, number)}


def _is_known(part: str, name: str) -> bool:
    if part == "counts":
        return name == "cpu_seconds" or name in _HTTP_COUNTS or name.removeprefix("loop_") in _LOOP_COUNTS
    is_of_loop = name.removeprefix("loop_") in _LOOP_VALUES or name.startswith("loop_transports_")
    return name == "resident_bytes" or name in _HTTP_VALUES or is_of_loop


def _is_right(name: str, number: Any) -> bool:
    """Return whether this is a number, or where a list is due one of the right length."""
    if (length := _LENGTHS.get(name)) is not None:
        return is_list(number) and len(number) == length and all(_is_right("", one) for one in number)
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < _UNBOUNDED


def total(numbers: Iterable[Mapping[str, Any]]) -> Numbers:
    """Return the sum of each number; lists are added element by element."""
    sums: Numbers = {}
    for one in numbers:
        for name, number in one.items():
            if name not in sums:
                sums[name] = number
            elif is_list(number):
                sums[name] = [a + b for a, b in zip(sums[name], number, strict=True)]
            else:
                sums[name] += number
    return sums


def start_time() -> float | None:
    """Return when this process was started, in seconds since 1970, None if the kernel does not tell it."""
    number = os.getpid()
    if number not in _start_times:
        # The two clocks are not read at the same moment: it is read once, so that it does not change.
        _start_times[number] = _read_start_time()
    return _start_times[number]


def _read_start_time() -> float | None:
    try:
        fields = _STAT.read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # The 22nd field, in ticks since the machine was started (proc_pid_stat(5)); the first two are cut off.
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - age
