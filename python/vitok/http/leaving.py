"""The end of a server: the signals that ask for it, the work that it cuts short, and the end of the loop and of the
process, which nothing that an application leaves running can delay.

Tasks that swallow their cancellation, threads that never return and a loop that is blocked are waited for in bounded
time and then abandoned. Requests and lifespans are not known here.
"""

from __future__ import annotations

import asyncio
import math
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from vitok import _native
from vitok._loop import Loop

from .log import Log
from .options import Options
from .options.logs import Logs

# The exit codes of `vitok serve` and of its workers. What is not understood: an option, a variable, the name of the
# application.
EXIT_USAGE = 2
# What is understood, but impossible: an address in use, a key that can't be read, a module that raises, a failed
# startup.
EXIT_START = 3
# The time for a cancelled request or task to clean up.
CANCEL_SECONDS = 2.0
# The time that an end may take beyond its limits: for turns of a machine under load, and for the interpreter.
SLACK_SECONDS = 5.0
_TOO_LONG = "the shutdown takes too long: the process is ended"


def whole_seconds(options: Options) -> float | None:
    """Return how long an end may take: its requests, their cancellation and the lifespan. None without a limit."""
    if options.timeout_graceful_shutdown is None or options.timeout_shutdown is None:
        return None
    return options.timeout_graceful_shutdown + CANCEL_SECONDS + options.timeout_shutdown


class Leaving:
    """The time limits of the end, from the first request for it on.

    With `owns_process` the process belongs to the server, and is ended by force when it does not end in time.
    """

    def __init__(self, options: Options, *, owns_process: bool = False) -> None:
        self.log_options: Logs = options
        self._seconds = options.timeout_graceful_shutdown
        self._whole = whole_seconds(options)
        self.owns_process = owns_process
        self.threads: list[threading.Thread] = []
        """Threads with loops of their own, which have been asked to end."""
        self._deadline: float | None = None
        self._signals = 0

    def start_time(self) -> None:
        """Start the time of the end, unless it has started."""
        if self._deadline is None:
            self._deadline = time.monotonic() + (self._seconds or 0.0)

    def notice(self, number: signal.Signals) -> None:
        """Handle a signal that asks for the end. It runs wherever the main thread is, even if the loop gets no turn."""
        self._signals += 1
        if not self.owns_process:
            return
        if self._signals == 2:
            # Later signals do not start the time again.
            self._exit_after(SLACK_SECONDS, -number)
        elif self._signals == 1 and self._whole is not None:
            self._exit_after(self._whole + SLACK_SECONDS, EXIT_START)

    @contextmanager
    def starting(self, seconds: float | None) -> Generator[None]:
        """End the process if the block takes much longer than this: a loop that is blocked can't notice it itself."""
        if seconds is None or not self.owns_process:
            yield
            return
        message = f"--timeout-startup: the application did not start within {seconds:g} s: the process is ended"
        self._exit_after(seconds + SLACK_SECONDS, EXIT_START, message)
        try:
            yield
        finally:
            # A signal has set another end.
            if not self._signals:
                self._exit_after(math.inf, EXIT_START)

    def left(self) -> float | None:
        """Return the time for the rest: as much as a request would have, and at least the time to clean up."""
        if self._seconds is None:
            return None
        rest = 0.0 if self._deadline is None else self._deadline - time.monotonic()
        return max(CANCEL_SECONDS, rest)

    def join(self) -> None:
        """Wait for the threads as long as the rest in their loops may take. Those that do not end are abandoned."""
        left = self.left()
        # For their tasks and their asynchronous generators, one after the other, and for their executors.
        deadline = None if left is None else time.monotonic() + 2 * CANCEL_SECONDS + left
        for thread in self.threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        if names := [thread.name for thread in self.threads if thread.is_alive()]:
            log = Log(self.log_options, is_owner=True)
            log.logger.warning("threads that do not end are abandoned: %s", ", ".join(names))
            log.close()
        self.threads.clear()

    def leave(self, code: int) -> None:
        """End the process with this code once the work is done, even while something is still awaited."""
        left = self.left()
        if self.owns_process and left is not None:
            self._exit_after(left, code)

    def _exit_after(self, seconds: float, code: int, message: str = _TOO_LONG) -> None:
        _native.exit_after(seconds, code, f"vitok serve: {message}\n".encode())


def run_with_threads(work: Callable[[], Coroutine[Any, Any, None]], leaving: Leaving) -> None:
    """Run the work as `run` does, and then wait for the threads that it has started, in bounded time."""
    try:
        run(work, leaving)
    finally:
        leaving.join()


def run(work: Callable[[], Coroutine[Any, Any, None]], leaving: Leaving) -> None:
    """Run the work in a loop of its own, and then end what it has left running, in bounded time."""
    runner = asyncio.Runner(loop_factory=Loop)
    loop = runner.get_loop()
    left = True
    try:
        runner.run(work())
    finally:
        try:
            left = loop.run_until_complete(_end_rest(leaving))
        finally:
            # The runner would wait for the rest without a limit.
            (loop if left else runner).close()


async def until_signal(
    work: Callable[[], Coroutine[Any, Any, None]],
    stop: Callable[..., object],
    log: Log,
    *,
    notice: Callable[[signal.Signals], object] | None = None,
) -> None:
    """Do the work, and call stop(at_once=...) in the loop for SIGINT and SIGTERM: with True from the second one on.

    After a second signal the last one has its usual effect once the work is done. `notice` is that of `handled`.
    """
    seen: list[signal.Signals] = []

    def note(number: signal.Signals) -> None:
        seen.append(number)
        log.logger.info("%s: ending%s", number.name, " at once" if len(seen) > 1 else "")
        stop(at_once=len(seen) > 1)

    with handled((signal.SIGINT, signal.SIGTERM), note, notice=notice):
        await work()
    if len(seen) > 1:
        signal.raise_signal(seen[-1])
        # A handler that cancels this task, as asyncio.Runner's does, runs in this turn.
        await asyncio.sleep(0)


@contextmanager
def handled(
    numbers: Iterable[signal.Signals],
    callback: Callable[[signal.Signals], object],
    *,
    notice: Callable[[signal.Signals], object] | None = None,
) -> Generator[None]:
    """Call callback(number) in the running loop for each of these signals that arrives, until the end of the block.

    `notice` is called before that, wherever the main thread is, even if the loop gets no turn.

    Python delivers signals to the main thread only; in any other thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in numbers}
    for number in before:
        loop.add_signal_handler(number, callback, number)
        if notice is not None:
            # Instead of a handler that does nothing: the loop receives signals through the wake-up descriptor.
            signal.signal(number, lambda number, _: notice(signal.Signals(number)))
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                # None is a handler that C code installed, which Python can't restore.
                signal.signal(number, handler)


async def run_until(event: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Do the work unless the event is set first, which cancels it. Return whether the work was completed."""
    if event.is_set():
        work.close()
        return False
    task, waiter = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    both: set[asyncio.Future[Any]] = {task, waiter}
    try:
        await first_of(task, waiter)
        is_done = task.done()
    finally:
        for one in both:
            one.cancel()
        await asyncio.wait(both)
    if is_done:
        task.result()
    return is_done


async def first_of(*futures: asyncio.Future[Any], seconds: float | None = None) -> None:
    """Wait until one of them is done, at most this long."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED, timeout=seconds)


async def _end_rest(leaving: Leaving) -> bool:
    """End what runs in this loop and in the threads of its executor. Return whether anything is left."""
    loop = asyncio.get_running_loop()
    stubborn = await _cancelled(asyncio.all_tasks() - {asyncio.current_task()})
    generators = loop.create_task(loop.shutdown_asyncgens())
    stubborn |= (await asyncio.wait({generators}, timeout=CANCEL_SECONDS))[1]
    has_threads = not await _has_joined(loop, leaving.left())
    if not stubborn and not has_threads:
        return False
    for task in stubborn:
        # It is logged here; the garbage collector need not log it again.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    log = Log(leaving.log_options, is_owner=True)
    if stubborn:
        log.logger.warning("%d cancelled tasks do not end: they are abandoned", len(stubborn))
    if has_threads:
        log.logger.warning("a thread of the loop's executor does not end: it is abandoned")
    log.close()
    return True


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Cancel tasks, and return those that do not end in time. Exceptions of the others are reported."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return tasks
    ended, stubborn = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
    for task in ended:
        if not task.cancelled() and (error := task.exception()) is not None:
            context = {
                "message": "unhandled exception during the shutdown of the server",
                "exception": error,
                "task": task,
            }
            asyncio.get_running_loop().call_exception_handler(context)
    return stubborn


async def _has_joined(loop: asyncio.AbstractEventLoop, seconds: float | None) -> bool:
    """Wait this long for the threads of the loop's executor to end. Return whether they have."""
    own: Any = loop
    executor: ThreadPoolExecutor | None = own._default_executor
    if executor is None:
        return True
    joined = asyncio.Event()

    def join() -> None:
        executor.shutdown(wait=True)
        # If the loop is closed, nothing waits any more.
        if not loop.is_closed():
            loop.call_soon_threadsafe(joined.set)

    threading.Thread(target=join, name="vitok executor", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            await joined.wait()
    except TimeoutError:
        return False
    return True
