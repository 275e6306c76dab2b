"""What goes on beside the scenarios of a round: collections, thresholds, changes of thread, and looks at every loop."""

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable
from random import Random

from .context import Context, described


class Disturbance:
    """Threads that disturb a round until `end`, which restores what they changed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ends = threading.Event()
        self._threshold = gc.get_threshold()
        self._interval = sys.getswitchinterval()
        works = (self._collect, self._look)
        self._threads = [context.start(work, context.fork_random()) for work in works if context.random.random() < 0.7]

    def end(self) -> None:
        """End the threads."""
        self._ends.set()
        for thread in self._threads:
            thread.join()
        gc.set_threshold(*self._threshold)
        sys.setswitchinterval(self._interval)

    def _collect(self, random: Random) -> None:
        while not self._ends.wait(random.random() * 0.05):
            chance = random.random()
            if chance < 0.3:
                gc.set_threshold(random.choice((1, 10, 700, 10_000)))
            elif chance < 0.4:
                sys.setswitchinterval(random.choice((1e-6, 1e-4, 5e-3)))
            else:
                gc.collect(random.randint(0, 2))

    def _look(self, random: Random) -> None:
        """What an inspector in a thread may ask of a loop that runs elsewhere."""
        asked: list[Callable[[asyncio.AbstractEventLoop], object]] = [
            repr,
            asyncio.all_tasks,
            lambda loop: loop.is_running(),
            lambda loop: loop.is_closed(),
            lambda loop: loop.get_debug(),
            lambda loop: loop.time(),
            lambda loop: loop.slow_callback_duration,
            lambda loop: getattr(loop, "metrics", bool)(),
            lambda loop: [(described(task), task.get_coro()) for task in asyncio.all_tasks(loop)],
        ]
        while not self._ends.is_set():
            # A variable of this frame would keep a loop while the thread sleeps.
            list(map(random.choice(asked), self._context.loops.alive()))
            time.sleep(random.random() * 0.01)
