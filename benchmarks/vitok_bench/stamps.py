"""Writes the time to an inherited socket, again and again: the second process of the flood rows.

Run as `stamps.py DESCRIPTOR COUNT`. It ends when it has sent its count or the reader has gone. Loops are not known
here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time

# Between 0.5 and 1.5 ms, about a thousand events a second: rare enough that each is waited for alone. The gaps differ
# and repeat only after 7, so they don't synchronize with the turns of the loop.
GAPS_S = (0.0005, 0.0012, 0.0008, 0.0015, 0.0007, 0.0011, 0.0009)


def main() -> None:
    descriptor, count = int(sys.argv[1]), int(sys.argv[2])
    _leave_the_core_of_the_loop()
    # The parent reports a reader that was killed.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for number in range(count):
            time.sleep(GAPS_S[number % len(GAPS_S)])
            os.write(descriptor, time.monotonic_ns().to_bytes(8, sys.byteorder))


def _leave_the_core_of_the_loop() -> None:
    """Move to another core: on the inherited core of the worker, each write would wait for the loop to be preempted."""
    if not hasattr(os, "sched_setaffinity"):
        return
    others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
    # On a single core, the writer shares it.
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, others)


if __name__ == "__main__":
    main()
