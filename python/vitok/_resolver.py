"""The threads that ask the system for names: one bounded pool for the process, apart from the executors of loops.

asyncio asks in the loop's default executor, where a look-up waits behind whatever a program runs there. The threads of
this pool are made when a name is looked up and end after `IDLE_SECONDS` without work, or when the last loop that used
them is closed. They are daemonic: a name server that does not answer delays no exit. A process that was forked has none
of them and makes its own. Which calls need no thread is not known here.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import weakref
from asyncio.log import logger
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

# Look-ups that wait for the network at the same time. Each is a thread that sleeps, and the system's own limit per name
# server is lower than what a program starts at once; asyncio's executor has between 5 and 32 threads.
DEFAULT_THREADS: Final = 8

# How long a thread waits for the next look-up: longer than a burst of connections, shorter than a quiet minute.
IDLE_SECONDS: Final = 20.0

THREADS_VARIABLE: Final = "VITOK_RESOLVER_THREADS"
TIMEOUT_VARIABLE: Final = "VITOK_RESOLVER_TIMEOUT"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many threads there may be, and how many seconds a look-up may take; None stands for any."""

    max_threads: int = DEFAULT_THREADS
    timeout: float | None = None


def configure_resolver(max_threads: int = DEFAULT_THREADS, timeout: float | None = None) -> None:
    """Set the limits of name look-ups in this process: how many threads, and how many seconds for each look-up.

    The time begins with the call of `loop.getaddrinfo()` or `loop.getnameinfo()`, and includes the wait for a thread. A
    look-up that takes longer fails with `socket.gaierror` (`EAI_AGAIN`); its thread is free again once the system has
    answered. The limits hold for look-ups that begin from now on. TypeError or ValueError for anything but a positive
    number.
    """
    global _limits
    _limits = Limits(_threads("max_threads", max_threads), _seconds("timeout", timeout))


async def ask(loop: asyncio.AbstractEventLoop, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in a thread of the pool and return its result. gaierror if that takes longer than the limit."""
    limits = _limits
    look_up = LookUp(loop, function, arguments)
    pool = _pool_of_process()
    timer = None if limits.timeout is None else loop.call_later(limits.timeout, look_up.expire, limits.timeout)
    try:
        pool.add(look_up, limits.max_threads)
        await look_up.done
        value, error = look_up.take()
    finally:
        if timer is not None:
            timer.cancel()
        pool.discard(look_up)
    if error is None:
        return value
    try:
        raise error
    finally:
        # The exception refers to this frame.
        del error


Outcome: TypeAlias = tuple[Any, BaseException | None]


class LookUp:
    """One call, in a thread, whose outcome goes to a loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self.done: asyncio.Future[None] = loop.create_future()
        self.loop = loop
        self._function = function
        self._arguments = arguments
        # What the thread has got, and then what the coroutine gets. An exception refers to a frame that refers to this
        # object, so neither is kept longer than needed.
        self._made: Outcome = (None, None)
        self._settled: Outcome = (None, None)

    def make(self) -> None:
        """Call the function. A thread of the pool does this."""
        try:
            self._made = self._function(*self._arguments), None
        except BaseException as error:
            self._made = None, error

    def post(self) -> None:
        """Pass the outcome to the loop's thread."""
        made, self._made = self._made, (None, None)
        try:
            self.loop.call_soon_threadsafe(self.settle, made)
        except RuntimeError:
            # A closed loop has nobody who waits.
            pass
        except Exception:
            # A program's own method; the thread goes on, for it is counted.
            logger.exception("the outcome of a look-up did not reach %r", self.loop)
        del made

    def settle(self, outcome: Outcome) -> None:
        """Wake the coroutine with the outcome, unless it was cancelled."""
        if not self.done.done():
            self._settled = outcome
            self.done.set_result(None)

    def take(self) -> Outcome:
        """Return the outcome to the coroutine."""
        outcome, self._settled = self._settled, (None, None)
        return outcome

    def expire(self, seconds: float) -> None:
        """Fail because no answer has come within the limit."""
        text = f"no answer within {seconds:g} seconds, the timeout of vitok.configure_resolver()"
        self.settle((None, socket.gaierror(socket.EAI_AGAIN, text)))


class Place:
    """The place of one thread in the counts of a pool."""

    is_counted = False
    is_taken = False


class Pool:
    """The threads of one process, and the look-ups that wait for one."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[LookUp, None] = OrderedDict()
        # Held for a few steps only, in which the garbage collector may close a loop. Waiting threads are woken by it.
        # It is entered directly: a signal handler may raise within `Condition.__enter__()`, with the lock held.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._users: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()
        self._is_unused = False
        self._threads = 0
        self._idle = 0
        self._max_threads = 0

    def add(self, look_up: LookUp, max_threads: int) -> None:
        """Make the look-up as soon as a thread is free. RuntimeError if there is none and none can be started."""
        place = Place()
        try:
            if self._needs_thread(look_up, max_threads, place):
                threading.Thread(target=self._work, args=(place,), name="vitok-resolver", daemon=True).start()
        except BaseException as error:
            # A signal handler may have raised at any step, also in `start()` while the thread begins.
            with self._lock:
                self._take_back(place)
                is_made_later = self._threads > 0 and look_up in self._waiting
            if not (is_made_later and isinstance(error, Exception)):
                raise

    def _needs_thread(self, look_up: LookUp, max_threads: int, place: Place) -> bool:
        """Queue the look-up. Return whether it needs another thread, which then counts as idle and has the place."""
        with self._lock:
            self._users.add(look_up.loop)
            self._is_unused = False
            self._max_threads = max_threads
            self._waiting[look_up] = None
            if self._idle >= len(self._waiting) or self._threads >= max_threads:
                self._changed.notify()
                return False
            place.is_counted = True
            self._threads += 1
            self._idle += 1
            return True

    def _take_back(self, place: Place) -> None:
        """Count a thread no longer if it has not begun. It ends when it does."""
        if place.is_counted and not place.is_taken:
            place.is_counted = False
            self._threads -= 1
            self._idle -= 1

    def discard(self, look_up: LookUp) -> None:
        """Forget a look-up that no thread has taken.

        The lock is not taken: the garbage collector may end a coroutine of this thread that holds it, and in a child
        after a fork it may be held by a thread that is not there.
        """
        self._waiting.pop(look_up, None)

    def release(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forget a loop that is closed. Idle threads end with the last one."""
        with self._lock:
            self._users.discard(loop)
            if not self._users:
                self._is_unused = True
                self._changed.notify_all()

    def _work(self, place: Place) -> None:
        with self._lock:
            if not place.is_counted:
                return
            place.is_taken = True
        while (look_up := self._next()) is not None:
            look_up.make()
            with self._lock:
                # Before the loop knows, which may go on with another look-up at once.
                self._idle += 1
            look_up.post()
            # An idle thread keeps nothing of its last look-up alive.
            del look_up

    def _next(self) -> LookUp | None:
        """Wait for a look-up and take it. None if this thread, which counts as idle until then, is to end."""
        with self._lock:
            self._changed.wait_for(self._has_news, IDLE_SECONDS)
            self._idle -= 1
            if self._threads <= self._max_threads:
                with suppress(KeyError):
                    return self._waiting.popitem(last=False)[0]
            self._threads -= 1
            # For the look-up that this thread was woken for, if the limit was lowered.
            self._changed.notify()
            return None

    def _has_news(self) -> bool:
        return bool(self._waiting) or self._is_unused or self._threads > self._max_threads


# The pools by the process that made them: after a fork the threads are the parent's.
_pools: dict[int, Pool] = {}


def _pool_of_process() -> Pool:
    process = os.getpid()
    # Of two threads that get here at once one wins, and both use its pool. A lock could stay locked in a forked child.
    return _pools.get(process) or _pools.setdefault(process, Pool())


def release(loop: asyncio.AbstractEventLoop) -> None:
    """Forget a loop that is closed."""
    pool = _pools.get(os.getpid())
    if pool is not None:
        pool.release(loop)


def _from_environment(environment: Mapping[str, str]) -> Limits:
    """Return the limits that the variables set. ImportError for a value that is no limit."""
    threads, seconds = environment.get(THREADS_VARIABLE), environment.get(TIMEOUT_VARIABLE)
    name, value = THREADS_VARIABLE, threads
    try:
        max_threads = _threads(name, int(threads)) if threads else DEFAULT_THREADS
        name, value = TIMEOUT_VARIABLE, seconds
        return Limits(max_threads, _seconds(name, float(seconds)) if seconds else None)
    except ValueError:
        raise ImportError(f"{name}={value!r}: expected a positive number") from None


def _threads(name: str, value: int) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{name}: expected an int, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name}: expected at least 1, not {value}")
    return value


def _seconds(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise TypeError(f"{name}: expected a number of seconds or None, not {type(value).__name__}")
    if not 0 < value < math.inf:
        raise ValueError(f"{name}: expected a positive number of seconds, not {value}")
    return float(value)


_limits = _from_environment(os.environ)
