"""The threads of a server beside its main one: each has a loop of its own, and accepts from the same addresses.

They start after the lifespan's startup and end after its shutdown. All methods are for the main loop; what a thread
does is posted to it, and what it tells is posted back. The lifespan, signals and limits are not known here.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import errno
import ssl
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from . import sockets
from .leaving import CANCEL_SECONDS, Leaving, run, run_until
from .report import Numbers, loop_report
from .serving_loop import ABORT_SECONDS, Served, ServingLoop

# The extra time for a thread that has to tell that its connections have ended: one that is blocked never does.
_SLACK_SECONDS = 2.0 + ABORT_SECONDS
# The time for a thread to use other certificates. One that is blocked does that when it goes on.
_REPLACE_SECONDS = 5.0


class ServerThreads:
    """All of them. Without threads nothing is done."""

    def __init__(self, leaving: Leaving, on_failure: Callable[[], object]) -> None:
        """`on_failure` is called when a thread has ended with an exception, which `raise_failure` raises."""
        self._leaving = leaving
        self._on_failure = on_failure
        self._threads: list[_ServerThread] = []

    async def start(self, served: Served, bound: Sequence[sockets.Bound], count: int) -> None:
        """Start so many threads, and wait until all of them accept.

        OSError for a thread that can't be started, or an address that it can't use. The caller stops the others.
        """
        for number in range(2, count + 2):
            thread = _ServerThread(number, served, self._leaving, self._on_failure)
            thread.start(bound)
            self._threads.append(thread)
        if self._threads:
            await asyncio.wait([thread.opened for thread in self._threads])
        self.raise_failure()

    def stop(self, *, restarts: bool) -> None:
        """Ask for the end of accepting and of all connections. `restarts` is that of `ServingLoop.end`."""
        for thread in self._threads:
            thread.stop(restarts=restarts)

    def stop_at_once(self) -> None:
        """Ask that nothing is waited for any more."""
        for thread in self._threads:
            thread.stop_at_once()

    async def drained(self, at_once: asyncio.Event, seconds: float | None) -> None:
        """Wait until no thread has a connection. `seconds` is the time that requests have, None for any.

        A thread that does not get there in time, because its loop is blocked, is abandoned.
        """
        if not self._threads:
            return
        all_drained = [thread.drained for thread in self._threads]
        # A thread cancels its requests after the time.
        limit = None if seconds is None else seconds + CANCEL_SECONDS + _SLACK_SECONDS
        if not await run_until(at_once, asyncio.wait(all_drained, timeout=limit)):
            await asyncio.wait(all_drained, timeout=CANCEL_SECONDS + _SLACK_SECONDS)
        for thread in self._threads:
            if not thread.drained.done():
                thread.log.logger.warning("server thread %d is blocked: it is abandoned", thread.number)

    def release(self) -> None:
        """Let the threads end with what is left in them, now that the lifespan is over."""
        for thread in self._threads:
            thread.release()
            if thread.drained.done():
                self._leaving.threads.append(thread.thread)

    def raise_failure(self) -> None:
        """Raise the exception with which a thread has ended, if one has."""
        for thread in self._threads:
            if thread.error is not None:
                raise thread.error

    async def replace(self, context: ssl.SSLContext) -> None:
        """Use another context of TLS for new connections in all threads. OSError if one of them can't."""
        replaced = [thread.replace(context) for thread in self._threads]
        if not replaced:
            return
        done, _ = await asyncio.wait(replaced, timeout=_REPLACE_SECONDS)
        for one in done:
            one.result()

    async def answer(self) -> None:
        """Wait until each thread has run a callback: none of them is blocked."""
        answers = [thread.ask() for thread in self._threads if thread.thread.is_alive()]
        if answers:
            await asyncio.wait(answers)

    def reports(self) -> list[dict[str, Numbers]]:
        """Return the numbers that each thread has told last, also one that has ended."""
        return [thread.report for thread in self._threads]

    def silent(self, seconds: float) -> list[str]:
        """Return the names of the threads that were asked so long ago and have not answered."""
        latest = self._now() - seconds
        return [thread.thread.name for thread in self._threads if thread.is_silent_since(latest)]

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _ServerThread:
    """One thread. What it does itself is in methods that begin with `_in_thread`."""

    def __init__(self, number: int, served: Served, leaving: Leaving, on_failure: Callable[[], object]) -> None:
        self.number = number
        self.log = served.log
        self.error: BaseException | None = None
        """The exception with which it has ended."""
        self.report: dict[str, Numbers] = {}
        """The numbers that it has told last, if there are metrics."""
        self._questions: list[float] = []
        self._main: Any = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = self._main.create_future()
        """Done when it accepts connections, or has ended."""
        self.drained: asyncio.Future[None] = self._main.create_future()
        """Done when no connection is left, or it has ended."""
        self._served = served
        self._leaving = leaving
        self._on_failure = on_failure
        # A program that changes them in its lifespan means the loop that serves.
        main = self._main
        self._settings = (main.slow_callback_duration, main.get_exception_handler(), main.get_task_factory())
        self._is_debugged: bool = main.get_debug()
        # The thread takes calls from here once its loop runs.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._early: list[Callable[[], object]] = []
        self._bound: list[sockets.Bound] = []
        self._serving: ServingLoop | None = None
        self._restarts = False
        self._asked = asyncio.Event()
        self._at_once = asyncio.Event()
        self._released = asyncio.Event()
        # Its callbacks see the context variables of the caller, as those of the main loop do.
        work = partial(contextvars.copy_context().run, self._in_thread)
        # A daemon: one that is blocked does not keep the process from ending.
        self.thread = threading.Thread(target=work, name=f"vitok server {number}", daemon=True)

    def start(self, bound: Sequence[sockets.Bound]) -> None:
        """Start it with copies of these sockets, whose files are the main loop's. OSError if that is impossible."""
        try:
            for one in bound:
                self._bound.append(dataclasses.replace(one, sock=one.sock.dup(), file=None))
            self.thread.start()
        except (OSError, RuntimeError) as error:
            sockets.close(self._bound)
            number = error.errno if isinstance(error, OSError) else None
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            message = f"--threads: server thread {self.number} can't be started: {reason}"
            raise OSError(number or errno.EAGAIN, message) from None

    def stop(self, *, restarts: bool) -> None:
        def stop() -> None:
            self._restarts = restarts
            self._asked.set()

        self._post(stop)

    def stop_at_once(self) -> None:
        self._post(self._at_once.set)

    def release(self) -> None:
        self._post(self._released.set)

    def ask(self) -> asyncio.Future[None]:
        """Return a future that is done once the thread has run a callback, which tells its numbers."""
        answer: asyncio.Future[None] = self._main.create_future()
        question = self._main.time()
        self._questions.append(question)

        def take(report: dict[str, Numbers]) -> None:
            self.report = report
            self._questions.remove(question)
            _complete(answer)

        if not self._post(lambda: self._tell(partial(take, self._in_thread_report()))):
            # It has ended.
            take(self.report)
        return answer

    def is_silent_since(self, time: float) -> bool:
        """Return whether it was asked at this time of the main loop, or before, and has not answered, nor ended."""
        return self.thread.is_alive() and bool(self._questions) and self._questions[0] <= time

    def replace(self, context: ssl.SSLContext) -> asyncio.Future[None]:
        """Return a future that is done once the thread uses this context: with an OSError if it can't.

        A thread that has ended needs none.
        """
        replaced: asyncio.Future[None] = self._main.create_future()
        # The error may come when it is not waited for any more.
        replaced.add_done_callback(lambda one: one.exception())
        tasks: set[asyncio.Task[None]] = set()

        async def work() -> None:
            error: OSError | None = None
            try:
                if self._serving is not None and not self._asked.is_set():
                    await self._serving.replace(context)
            except OSError as caught:
                reason = caught.strerror or str(caught)
                error = OSError(caught.errno, f"server thread {self.number} keeps its certificates: {reason}")
            self._tell(lambda: _complete(replaced, error))

        def begin() -> None:
            task = asyncio.get_running_loop().create_task(work())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        if not self._post(begin):
            _complete(replaced)
        return replaced

    def _post(self, call: Callable[[], object]) -> bool:
        """Make a call in the thread's loop. Return whether that will be made: not if the thread has ended."""
        with self._lock:
            if self._loop is None:
                self._early.append(call)
                return True
        return _posted(self._loop, call)

    def _tell(self, call: Callable[[], object]) -> None:
        """Make a call in the main loop, unless that has ended."""
        _posted(self._main, call)

    def _in_thread(self) -> None:
        error: BaseException | None = None
        try:
            run(self._in_thread_serve, self._leaving)
        except BaseException as caught:
            error = caught
        finally:
            sockets.close(self._bound)
        self._tell(partial(self._on_end, error))

    async def _in_thread_serve(self) -> None:
        self._in_thread_begin()
        serving = self._serving = ServingLoop(self._served, self._bound, has_threads=True)
        try:
            await serving.open()
            self._tell(lambda: _complete(self.opened))
            await self._asked.wait()
        finally:
            await serving.end(self._at_once, restarts=self._restarts)
            self._tell(partial(self._on_drained, self._in_thread_report()))
        await self._released.wait()

    def _in_thread_report(self) -> dict[str, Numbers]:
        if self._served.options.metrics is None or self._serving is None:
            return {}
        return loop_report(asyncio.get_running_loop(), self._serving.http)

    def _in_thread_begin(self) -> None:
        """Prepare the loop, and make the calls that have come already."""
        loop: Any = asyncio.get_running_loop()
        loop.set_debug(self._is_debugged)
        loop.slow_callback_duration, handler, factory = self._settings
        loop.set_exception_handler(handler)
        loop.set_task_factory(factory)
        with self._lock:
            self._loop = loop
            early, self._early = self._early, []
        for call in early:
            call()

    def _on_drained(self, report: dict[str, Numbers]) -> None:
        # Its last numbers: what it has counted must not be missing from the sums.
        self.report = report
        _complete(self.drained)

    def _on_end(self, error: BaseException | None) -> None:
        self.error = error
        for future in (self.opened, self.drained):
            _complete(future)
        if error is not None:
            self.log.logger.error("server thread %d has ended: %s", self.number, _told(error))
            self._on_failure()


def _posted(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> bool:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        # It is closed.
        return False
    return True


def _complete(future: asyncio.Future[None], error: Exception | None = None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _told(error: BaseException) -> str:
    """Return an exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
