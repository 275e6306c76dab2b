"""The slot of one worker: it keeps a worker there, starts another when one ends, and exchanges one that is due.

A successor starts first, and the old worker leaves when it is ready. Processes are started and ended by the pool of all
workers; why a worker is due is known to the worker.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from .leaving import EXIT_START, EXIT_USAGE, first_of
from .log import Log
from .process import Process, description

# The first pause before a worker that ended soon after its start is replaced; each further pause is twice as long.
# Other workers are replaced at once.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 15.0
# A worker that has run this long had a good start: the next pause is the first again.
STEADY_SECONDS = 10.0
# After this many successive workers that end before they are ready, the supervisor gives up unless others serve: 1.5 s
# of pauses, and the time of the starts.
START_ATTEMPTS = 5


class WorkersError(RuntimeError):
    """The workers do not start. `code` is the exit code for that."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        """The exit code."""


class WorkerPool(Protocol):
    """All workers together, as one slot needs them."""

    def start(self) -> Process:
        """Start one more worker."""
        ...

    def retire(self, process: Process) -> asyncio.Task[None]:
        """End a worker that has a successor."""
        ...

    def is_serving(self) -> bool:
        """Return whether any worker accepts connections."""
        ...

    def count_restart(self, reason: str) -> None:
        """Count a worker that is replaced, by the reason in a word."""


class WorkerSlot:
    """The slot of one worker."""

    def __init__(self, pool: WorkerPool, log: Log) -> None:
        loop = asyncio.get_running_loop()
        self.filled: asyncio.Future[None] = loop.create_future()
        """Done when the first worker here accepts connections, or the slot is given up."""
        self._pool = pool
        self._log = log
        self._failures = 0
        self._pauses = 0
        self._restart_request = _RestartRequest()
        self._worker: Process | None = None
        self._starting: Process | None = None
        self._closed: asyncio.Future[None] = loop.create_future()

    async def keep(self) -> None:
        """Keep a worker here for ever. WorkersError when several successive workers end before they are ready."""
        while True:
            worker = self._worker = await self._fill()
            while not worker.ended.done():
                await first_of(worker.ended, worker.due, self._restart_request.called)
                if not worker.ended.done():
                    worker = self._worker = await self._exchange(worker)
            self._log.logger.warning("worker %d ended (%s): starting another", worker.pid, _how(worker))
            self._pool.count_restart("hang" if worker.is_hung else "signal" if worker.ended.result() < 0 else "exit")
            if asyncio.get_running_loop().time() - worker.began < STEADY_SECONDS:
                await self._pause()
            else:
                self._pauses = 0

    async def renew(self) -> bool:
        """Replace the worker. Return whether that succeeded, once the old one has ended; if not, the old one stays.

        A slot that is given up meanwhile has no old worker.
        """
        restart_request = self._restart_request
        if not restart_request.called.done():
            restart_request.called.set_result(None)
        await first_of(restart_request.answer, self._closed)
        return self._closed.done() or restart_request.answer.result()

    def close(self) -> list[Process]:
        """Give the slot up, once the task that keeps it is cancelled. Return its workers, which have to be ended."""
        for future in (self._closed, self.filled):
            if not future.done():
                future.set_result(None)
        return [one for one in (self._worker, self._starting) if one is not None and not one.ended.done()]

    async def _fill(self) -> Process:
        """Start workers until one is ready."""
        while True:
            worker = await self._ready_worker()
            if worker is not None:
                # A request that was made meanwhile has its new worker.
                if self._restart_request.called.done():
                    self._take_restart_request().fulfil(True)
                return worker
            await self._pause()

    async def _exchange(self, worker: Process) -> Process:
        """Start a successor, and end the worker when it is ready. Return the worker of the slot afterwards."""
        restart_request = self._take_restart_request()
        successor = await self._ready_worker()
        if successor is not None:
            if worker.ended.done():
                self._log.logger.warning("worker %d ended (%s) before it was replaced", worker.pid, _how(worker))
            if asyncio.get_running_loop().time() - worker.began >= STEADY_SECONDS:
                self._pauses = 0
            self._pool.count_restart(worker.due_label or "hangup")
            self._pool.retire(worker).add_done_callback(lambda _: restart_request.fulfil(True))
            return successor
        self._log.logger.error("worker %d is not replaced", worker.pid)
        restart_request.fulfil(False)
        if worker.due.done():
            await self._pause()
        return worker

    async def _ready_worker(self) -> Process | None:
        """Start a worker and wait until it is ready. None if it ended before, WorkersError if that is too often."""
        try:
            worker = self._pool.start()
        except OSError as error:
            self._fail(f"a worker can't be started: {error.strerror}", None)
            return None
        self._starting = worker
        # There is no limit: it may have much to load.
        await first_of(worker.ready, worker.ended)
        self._starting = None
        if not worker.ready.done():
            self._fail(f"worker {worker.pid} ended before it was ready ({_how(worker)})", worker.ended.result())
            return None
        self._log.logger.debug("worker %d is ready", worker.pid)
        self._failures = 0
        if not self.filled.done():
            self.filled.set_result(None)
        return worker

    def _fail(self, message: str, code: int | None) -> None:
        """Log the failure, or raise WorkersError if another attempt is useless."""
        self._failures += 1
        if not self._pool.is_serving():
            if not self.filled.done() and code in (EXIT_USAGE, EXIT_START):
                # The worker has logged the reason, and the next one would log the same.
                raise WorkersError("the workers do not start", code)
            if self._failures >= START_ATTEMPTS:
                raise WorkersError(f"giving up after {self._failures} attempts: {message}", EXIT_START)
        self._log.logger.warning("%s", message)

    def _take_restart_request(self) -> _RestartRequest:
        """Return the request made so far; later requests lead to another worker again."""
        restart_request, self._restart_request = self._restart_request, _RestartRequest()
        return restart_request

    async def _pause(self) -> None:
        seconds = min(FIRST_PAUSE_SECONDS * 2 ** min(self._pauses, 16), LONGEST_PAUSE_SECONDS)
        self._pauses += 1
        await asyncio.sleep(seconds)


class _RestartRequest:
    """A request for another worker, and its result."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.called: asyncio.Future[None] = loop.create_future()
        self.answer: asyncio.Future[bool] = loop.create_future()

    def fulfil(self, is_renewed: bool) -> None:
        if not self.answer.done():
            self.answer.set_result(is_renewed)


def _how(worker: Process) -> str:
    return description(worker.ended.result())
