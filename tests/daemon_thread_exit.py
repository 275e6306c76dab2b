"""Ends interpreters while a daemon thread is in Python code that native code called: `PROGRAM RUNS [PLACE...]`.

Each run is a forked child, whose main thread ends the interpreter so slowly that the other thread asks for the GIL
meanwhile. Below Python 3.14 the interpreter then ends that thread by `pthread_exit`. The output is JSON: the number of
children of each place with each exit status, or minus the number of a signal. A thousand runs of every place take some
minutes.
"""

import gc
import json
import os
import resource
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable

import vitok
from daemon_thread_places import PLACES, inside

# Children at the same time: a child sleeps most of the time.
AT_ONCE = 8
# The thread sleeps half a millisecond between two times that it holds the GIL.
ENDING_SECONDS = 0.02
# A child that hangs is ended by a signal.
CHILD_SECONDS = 20


class SlowToDelete:
    """Kept in `sys.modules`, where it is deleted after the interpreter has begun to end threads."""

    def __del__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        sleep(ENDING_SECONDS)


def go_to(place: str) -> None:
    """Take this thread to its place."""
    loop = vitok.new_event_loop()
    PLACES[place](loop)
    loop.run_forever()


def enter(place: str) -> None:
    """Start the thread and wait until it has reached its place."""
    signal.alarm(CHILD_SECONDS)
    sys.modules["slow"] = SlowToDelete()  # type: ignore[assignment]
    threading.Thread(target=go_to, args=(place,), daemon=True).start()
    inside.wait()


def main(runs: int, places: list[str]) -> None:
    """Run the children, and print how they ended; in a child, continue to the end of the program."""
    # Otherwise the children would copy shared memory in their last garbage collection.
    gc.freeze()
    # Children may abort thousands of times.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
    running: dict[int, str] = {}

    def reap(remaining: int) -> None:
        while len(running) > remaining:
            process, status = os.wait()
            statuses[running.pop(process)][os.waitstatus_to_exitcode(status)] += 1

    for place in (places or list(PLACES)) * runs:
        reap(AT_ONCE - 1)
        if (process := os.fork()) == 0:
            enter(place)
            return
        running[process] = place
    reap(0)
    print(json.dumps(statuses))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
