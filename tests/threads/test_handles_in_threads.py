"""Handles that several threads have: each is called or cancelled, never both, and what it holds is released.

What `cancel()` of a thread-safe handle waits for is tested in test_call_soon_threadsafe.py.
"""

import asyncio
import functools
import gc
import itertools
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest
from support import private
from thread_crews import THREADS, Crew, frequent_switches

pytestmark = pytest.mark.vitok_only

HANDLES = 2000


class Part:
    """An argument of a callback, to which there can be a weak reference."""


def take_any(*_arguments: object) -> None:
    """Do nothing with any arguments."""


@pytest.fixture(autouse=True)
def _frequent_switches() -> Iterator[None]:
    with frequent_switches():
        yield


def run_beside(loop: asyncio.AbstractEventLoop, *works: Callable[[], object]) -> None:
    """Run a loop in this thread until each of the functions, in threads, has returned."""
    left = itertools.count(1)

    def ended(work: Callable[[], object]) -> None:
        try:
            work()
        finally:
            if next(left) == len(works):
                loop.call_soon_threadsafe(loop.stop)

    crew = Crew(*[functools.partial(ended, work) for work in works])
    loop.run_forever()
    crew.join()


def test_a_thread_cancels_what_it_has_just_posted(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: `call_soon_threadsafe(...).cancel()`; after `cancel()` has returned the callback never runs."""
    calls = [0] * (THREADS * HANDLES)
    changed: list[int] = []

    def call(number: int) -> None:
        calls[number] += 1

    def work(first: int) -> None:
        seen = []
        for number in range(first, first + HANDLES):
            loop.call_soon_threadsafe(call, number).cancel()
            seen.append(calls[number])
        posted[first] = seen

    posted: dict[int, list[int]] = {}
    run_beside(loop, *[functools.partial(work, part * HANDLES) for part in range(THREADS)])
    for first, seen in posted.items():
        changed += [number for number, before in enumerate(seen, first) if calls[number] != before]
    assert set(calls) <= {0, 1}
    if sys.version_info >= (3, 14):
        assert changed == []


def test_each_posted_handle_is_called_or_cancelled_once(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: handles of some threads are cancelled by others, each by two of them, while the loop runs them."""
    calls: list[int] = []
    handles: list[queue.SimpleQueue[asyncio.Handle | None]] = [queue.SimpleQueue() for _ in range(2)]
    every: list[asyncio.Handle] = []

    def post() -> None:
        for number in range(HANDLES):
            handle = loop.call_soon_threadsafe(calls.append, number)
            every.append(handle)
            for canceller in handles:
                canceller.put(handle)
        for canceller in handles:
            canceller.put(None)

    def cancel(mine: queue.SimpleQueue[asyncio.Handle | None]) -> None:
        while handle := mine.get():
            handle.cancel()
            assert handle.cancelled()

    run_beside(loop, post, *[functools.partial(cancel, mine) for mine in handles])
    assert len(set(calls)) == len(calls)
    assert calls == sorted(calls)
    assert all(handle.cancelled() for handle in every)


def test_handles_that_nobody_cancels_are_called_in_order(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`call_soon_threadsafe`": callbacks of one thread keep their order, and none is lost."""
    calls: list[tuple[int, int]] = []

    def post(thread: int) -> None:
        for number in range(HANDLES):
            loop.call_soon_threadsafe(calls.append, (thread, number))

    run_beside(loop, *[functools.partial(post, thread) for thread in range(THREADS)])
    for thread in range(THREADS):
        assert [number for caller, number in calls if caller == thread] == list(range(HANDLES))


def test_other_threads_look_at_handles_that_run_and_end(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: attributes and representations of a handle while it is called, cancelled and collected."""
    handles: list[asyncio.Handle] = []
    done = False

    def post() -> None:
        nonlocal done
        for number in range(HANDLES):
            handle = loop.call_soon_threadsafe(take_any, *([Part()] * (number % 5)))
            handles[:] = [*handles[-4:], handle]
            if number % 2:
                handle.cancel()
        done = True

    def look() -> None:
        while not done:
            for handle in handles.copy():
                own = private(handle)
                assert own._callback in {take_any, None}
                assert own._args is None or len(own._args) < 5
                assert "Handle" in repr(handle)
                assert own._context is not None
                assert own._loop is loop

    def collect() -> None:
        while not done:
            gc.collect()

    run_beside(loop, post, look, look, collect)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_what_handles_hold_is_released(loop: asyncio.AbstractEventLoop, count: int) -> None:
    """Issue 19: arguments of posted, called and cancelled handles have no references left afterwards."""
    references: list[weakref.ref[Part]] = []

    def post() -> None:
        for number in range(HANDLES // 4):
            parts = [Part() for _ in range(count)]
            references.extend(weakref.ref(part) for part in parts)
            handle = loop.call_soon_threadsafe(take_any, *parts)
            if number % 2:
                handle.cancel()

    run_beside(loop, *[post] * THREADS)
    gc.collect()
    assert [reference for reference in references if reference() is not None] == []


def test_chains_of_handles_end_in_any_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a long chain of handles": handles that hold one another are released without deep recursion, anywhere."""
    length = 20 * HANDLES
    chains: list[asyncio.Handle] = []
    ended: list[int] = []

    def link() -> None:
        handle = loop.call_soon(take_any)
        weakref.finalize(handle, ended.append, threading.get_ident())
        for _ in range(length):
            handle = loop.call_soon(take_any, handle)
        chains.append(handle)

    def release() -> None:
        chains.pop()
        ended.append(0)

    Crew(link).join()
    # The queue lets go of them, in an order in which each is still held by the next one.
    Crew(loop.close).join()
    Crew(release).join()
    gc.collect()
    assert sorted(ended)[0] == 0
    assert len(ended) == 2


def test_other_threads_cancel_timers(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: not in debug mode; none breaks the heap, and those that nobody cancels are called, in order."""
    calls: list[int] = []
    timers: queue.SimpleQueue[asyncio.TimerHandle | None] = queue.SimpleQueue()
    kept = 0

    async def schedule() -> None:
        nonlocal kept
        for number in range(HANDLES):
            timer = loop.call_later(number % 7 / 10_000, calls.append, number)
            if number % 3:
                timers.put(timer)
            else:
                kept += 1
            if number % 50 == 0:
                await asyncio.sleep(0)
        for _ in range(THREADS):
            timers.put(None)
        await asyncio.sleep(0.01)

    def cancel() -> None:
        while timer := timers.get():
            timer.cancel()

    crew = Crew(*[cancel] * THREADS)
    loop.run_until_complete(schedule())
    crew.join()
    assert len(set(calls)) == len(calls)
    assert len([number for number in calls if number % 3 == 0]) == kept
    assert private(loop)._scheduled == []
