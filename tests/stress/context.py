"""What each scenario of the stress is given: random numbers, threads whose errors are kept, loops that run in threads.

A scenario makes threads and loops only by this, so that its errors are known and nothing of it is left at its end. What
the scenarios do is not known here.
"""

import asyncio
import concurrent.futures
import contextlib
import gc
import random
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

_Result = TypeVar("_Result")

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@dataclass(slots=True)
class Faults:
    """What went wrong in one round; each thread may add to it."""

    texts: list[str] = field(default_factory=list)

    def add(self, place: str, error: BaseException | str) -> None:
        """Keep an error with the place where it was noticed."""
        if isinstance(error, BaseException):
            error = "".join(traceback.format_exception(error)).rstrip()
        self.texts.append(f"{place}: {error}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for a whole run. `size` multiplies the work of each scenario, `patience` is in seconds."""

    new_loop: NewLoop
    loop_name: str
    folder: Path
    size: float
    patience: float


class Loops:
    """The loops of a round, for threads that look at all of them."""

    def __init__(self) -> None:
        self._loops: set[weakref.ref[asyncio.AbstractEventLoop]] = set()
        self._lock = threading.Lock()

    def add(self, loop: asyncio.AbstractEventLoop) -> None:
        """Add a loop, which is not kept alive by it."""
        with self._lock:
            self._loops.add(weakref.ref(loop))

    def alive(self) -> list[asyncio.AbstractEventLoop]:
        """Return the loops that exist."""
        with self._lock:
            found = [(reference, reference()) for reference in self._loops]
            self._loops.difference_update(reference for reference, loop in found if loop is None)
        return [loop for _, loop in found if loop is not None]


class Context:
    """What a scenario is given. `random` has the numbers of the scenario's first thread only; see `fork_random`."""

    def __init__(self, settings: Settings, name: str, seed: str, faults: Faults, loops: Loops) -> None:
        self.settings = settings
        self.name = name
        self.random = random.Random(seed)
        self.loops = loops
        self._faults = faults
        self._threads: list[threading.Thread] = []

    def count(self, least: int, most: int) -> int:
        """Return how much of something the scenario does: a random number, times the size of the run."""
        return max(1, int(self.random.randint(least, most) * self.settings.size))

    def fork_random(self) -> random.Random:
        """Return random numbers for another thread: threads that share a generator get what no seed says."""
        return random.Random(self.random.random())

    def fault(self, error: BaseException | str) -> None:
        """Keep an error; the round fails at its end."""
        self._faults.add(self.name, error)

    def check(self, holds: bool, text: str) -> None:
        """Keep an error unless the condition holds."""
        if not holds:
            self.fault(text)

    def start(self, function: Callable[..., object], *arguments: object) -> threading.Thread:
        """Call a function in a thread of its own. Its exception is a fault."""

        def work() -> None:
            try:
                function(*arguments)
            except BaseException as error:
                self.fault(error)

        thread = threading.Thread(target=work, name=f"{self.name}:{getattr(function, '__name__', '')}", daemon=True)
        thread.start()
        # `join` may be at work already: it joins threads that have begun only.
        self._threads.append(thread)
        return thread

    def begin(self, scenario: "Callable[[Context], None]") -> None:
        """Begin the scenario in a thread of its own."""

        def work() -> None:
            try:
                scenario(self)
            except BaseException as error:
                self.fault(error)
            self.join()

        self._main = threading.Thread(target=work, name=self.name, daemon=True)
        self._main.start()

    def wait(self) -> None:
        """Wait for the end of the scenario."""
        self._main.join()

    def join(self) -> None:
        """Wait for all threads of `start`, also those that others of them start meanwhile."""
        while self._threads:
            self._threads.pop().join()

    def make_loop(self) -> asyncio.AbstractEventLoop:
        """Return a new loop, sometimes in debug mode, whose unexpected errors are faults."""
        loop = self.settings.new_loop()
        loop.set_debug(self.random.random() < 0.25)
        # Nothing is slow, however slow the machine is: this would be a line in the log, not an error.
        loop.slow_callback_duration = self.settings.patience
        loop.set_exception_handler(self._keep_unexpected)
        self.loops.add(loop)
        return loop

    def _keep_unexpected(self, _loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
        error = about.get("exception")
        if not isinstance(error, Expected):
            self.fault(f"{about['message']}: {about!r}")
            if error is not None:
                self.fault(error)

    @contextlib.contextmanager
    def running_loop(self) -> Iterator[asyncio.AbstractEventLoop]:
        """Run a loop in a thread of its own for the block, and close it in that thread."""
        loop = self.make_loop()
        runs = threading.Event()
        loop.call_soon(runs.set)
        thread = threading.Thread(target=self._run_and_close, args=(loop,), name=f"{self.name}:loop", daemon=True)
        thread.start()
        runs.wait()
        try:
            yield loop
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _run_and_close(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            asyncio.set_event_loop(loop)
            loop.run_forever()
            finish(loop)
        except BaseException as error:
            self.fault(error)

    def run(self, main: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine on a loop of its own in this thread."""
        loop = self.make_loop()
        try:
            return loop.run_until_complete(main)
        finally:
            finish(loop)

    def result(self, future: "concurrent.futures.Future[_Result]") -> _Result:
        """Return the result of a future that another thread sets."""
        return future.result(self.settings.patience)

    def wait_until_released(self, references: "list[weakref.ref[Any]]", what: str) -> None:
        """Wait until none of these objects exists. Without the GIL a thread may release what another one made later."""
        deadline = time.monotonic() + self.settings.patience
        while left := sum(reference() is not None for reference in references):
            if time.monotonic() > deadline:
                self.fault(f"{left} {what} were not released: {next(filter(None, (r() for r in references)))!r}")
                return
            time.sleep(0.001)
            gc.collect()


class Expected(Exception):
    """An exception that a scenario raises in order to see it again."""


def finish(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left on a loop, end its executor, and close it, as asyncio.Runner does."""
    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def is_free_threaded() -> bool:
    """Whether the GIL is off now."""
    return not getattr(sys, "_is_gil_enabled", lambda: True)()


def collect() -> None:
    """Release everything that is only kept by cycles, also what the finalizers of the first pass leave."""
    for _ in range(3):
        gc.collect()


def described(task: "asyncio.Task[Any]") -> str:
    """Return how a task of another thread looks."""
    try:
        return repr(task)
    except TypeError as error:
        # asyncio reads the callbacks of a future twice, and its thread may have ended it in between: the second reading
        # gives None (CPython 3.14.7, asyncio/base_futures.py).
        if str(error) != "object of type 'NoneType' has no len()":
            raise
        return ""
