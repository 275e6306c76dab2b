"""The end of the loop and of the process behind a server, which nothing that an application leaves running may hold up.

Tasks that swallow their cancellation, threads that never return and a loop that is blocked are waited for in bounded
time and then left behind. It knows nothing of requests and of lifespans, whose end is the server's (ending.py).
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from vitok import _native
from vitok._loop import Loop

from .ending import CANCEL_SECONDS
from .errors import EXIT_START
from .log import Log
from .options import Options

# What an end may take beyond the times that it is allowed: for the turns of a machine under load, and the interpreter.
SLACK_SECONDS = 5.0


class Leaving:
    """How long the end may take, from the first request for it on.

    With `owns_process` the process is the server's, and is ended when it does not end.
    """

    def __init__(self, options: Options, *, owns_process: bool = False) -> None:
        self.log_level = options.log_level
        self._seconds = options.timeout_graceful_shutdown
        self._owns_process = owns_process
        self._deadline: float | None = None
        self._signals = 0

    def begin(self) -> None:
        """The end was asked for, for the first time or again."""
        if self._deadline is None:
            self._deadline = time.monotonic() + (self._seconds or 0.0)

    def notice(self, number: signal.Signals) -> None:
        """A signal asks for the end; called wherever the main thread is, also where the loop gets no turn."""
        self._signals += 1
        if not self._owns_process:
            return
        if self._signals == 2:
            # Those after it do not begin the time anew.
            self._exit_after(SLACK_SECONDS, -number)
        elif self._signals == 1 and self._seconds is not None:
            # Once for requests and once for the lifespan.
            self._exit_after(2 * self._seconds + CANCEL_SECONDS + SLACK_SECONDS, EXIT_START)

    def left(self) -> float | None:
        """What is left for what still runs: as long as a request would have, and time for its clean-up at least."""
        if self._seconds is None:
            return None
        rest = 0.0 if self._deadline is None else self._deadline - time.monotonic()
        return max(CANCEL_SECONDS, rest)

    def leave(self, code: int) -> None:
        """The work is done: the process ends with this code, be it in the middle of what it still waits for."""
        left = self.left()
        if self._owns_process and left is not None:
            self._exit_after(left, code)

    def _exit_after(self, seconds: float, code: int) -> None:
        message = b"vitok serve: something does not end: the process is ended\n"
        _native.exit_after(seconds, code, message)


def run(work: Callable[[], Coroutine[Any, Any, None]], leaving: Leaving) -> None:
    """Run it to its end in a loop of its own, and what it has left behind to an end in bounded time."""
    runner = asyncio.Runner(loop_factory=Loop)
    loop = runner.get_loop()
    left = True
    try:
        runner.run(work())
    finally:
        try:
            left = loop.run_until_complete(_end_rest(leaving))
        finally:
            # The runner would wait without a limit for what is left.
            (loop if left else runner).close()


async def _end_rest(leaving: Leaving) -> bool:
    """End what runs in this loop and in the threads of its executor. Whether anything is left, which the log says."""
    loop = asyncio.get_running_loop()
    stubborn = await _cancelled(asyncio.all_tasks() - {asyncio.current_task()})
    generators = loop.create_task(loop.shutdown_asyncgens())
    stubborn |= (await asyncio.wait({generators}, timeout=CANCEL_SECONDS))[1]
    has_threads = not await _has_joined(loop, leaving.left())
    if not stubborn and not has_threads:
        return False
    for task in stubborn:
        # The log says it; the collector need not.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    log = Log(level=leaving.log_level, is_owner=True)
    if stubborn:
        log.logger.warning("%d tasks do not end although they were cancelled: they are left behind", len(stubborn))
    if has_threads:
        log.logger.warning("a thread of the loop's executor does not end: it is left behind")
    log.close()
    return True


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Cancel tasks. Gives those that have not ended after some time; what others raised is told as by asyncio.run()."""
    for task in tasks:
        task.cancel()
    if not tasks:
        return tasks
    ended, stubborn = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
    for task in ended:
        if not task.cancelled() and (error := task.exception()) is not None:
            context = {"message": "unhandled exception while the server ended", "exception": error, "task": task}
            asyncio.get_running_loop().call_exception_handler(context)
    return stubborn


async def _has_joined(loop: asyncio.AbstractEventLoop, seconds: float | None) -> bool:
    """Wait so long for the threads of the loop's executor to end. Whether they have."""
    executor: ThreadPoolExecutor | None = loop._default_executor  # type: ignore[attr-defined]
    if executor is None:
        return True
    joined = asyncio.Event()

    def join() -> None:
        executor.shutdown(wait=True)
        # Nobody waits any more if the loop is closed.
        if not loop.is_closed():
            loop.call_soon_threadsafe(joined.set)

    threading.Thread(target=join, name="vitok executor", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            await joined.wait()
    except TimeoutError:
        return False
    return True
