"""Threads that do their work at the same time, for tests of what several threads may do to one loop."""

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

import vitok

THREADS = 4


class Crew:
    """Threads that start together. `join()` raises the first exception of any of them."""

    def __init__(self, *works: Callable[[], object]) -> None:
        """Start one thread for each function."""
        self._start = threading.Barrier(len(works))
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(work,)) for work in works]
        for thread in self._threads:
            thread.start()

    def _work(self, work: Callable[[], object]) -> None:
        self._start.wait()
        try:
            work()
        except BaseException as error:
            self._errors.append(error)

    def join(self) -> None:
        """Wait for the end of all of them."""
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


@contextlib.contextmanager
def frequent_switches() -> Iterator[None]:
    """Let threads take turns often where there is a GIL."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


@contextlib.contextmanager
def loops_made() -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    """Give a function that makes loops which are not in debug mode, where some of what is tested is an error."""
    made: list[asyncio.AbstractEventLoop] = []

    def make() -> asyncio.AbstractEventLoop:
        loop = vitok.new_event_loop()
        loop.set_debug(False)
        made.append(loop)
        return loop

    try:
        yield make
    finally:
        for loop in made:
            loop.close()
