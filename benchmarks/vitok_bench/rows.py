"""The scheduling rows: the cost of a loop when no byte moves.

Each body runs the given number of operations on the given loop and nothing else; it does not measure, and knows neither
samples nor which loop it runs on. The rows that measure waiting instead of CPU have their bodies in `latency.py`. The
table is at the top, the bodies follow in its order.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

from vitok_bench import latency
from vitok_bench.row import Row

Loop = asyncio.AbstractEventLoop

# Enough that the turn around the batch is a thousandth of each operation, few enough that the queue stays in cache.
BATCH: Final = 1000
# The callbacks that a thread sends before it waits: a batch of results passed to the loop at once.
BURST: Final = 100
# The connections of a small server.
WATCHED: Final = 100
# A task group of ordinary size.
GATHERED: Final = 100


def rows() -> tuple[Row, ...]:
    """Every row, in the order of the table."""
    bursts, single = (partial(_threadsafe_from_thread, burst=burst) for burst in (BURST, 1))
    flood, flood_one = (partial(latency.flood, callbacks=callbacks) for callbacks in (1000, 1))
    return (
        Row(name="call_soon_0", title="call_soon without arguments", body=_call_soon_0, batch=BATCH, counted=4_000),
        Row(name="call_soon_3", title="call_soon with 3 arguments", body=_call_soon_3, batch=BATCH, counted=4_000),
        Row(name="turn", title="a turn with one callback", body=_turn, counted=2_000),
        Row(
            name="turn_watched",
            title="the same, 100 descriptors watched, none ready",
            body=_turn_watched,
            counted=2_000,
        ),
        Row(
            name="threadsafe_own",
            title="call_soon_threadsafe from the loop's own thread",
            body=_threadsafe_own,
            batch=BATCH,
            counted=4_000,
        ),
        Row(name="threadsafe_burst", title="the same from another thread, 100 a wake-up", body=bursts, batch=BURST),
        Row(name="threadsafe_wake", title="the same from another thread, a wake-up each", body=single),
        Row(name="timer_cancel", title="call_later + cancel", body=_timer_cancel, batch=BATCH, counted=4_000),
        Row(name="timer_fire", title="a timer that fires, 1000 due at once", body=_timer_fire, batch=BATCH),
        Row(name="timer_0", title="call_later(0), and run it", body=_timer_0, batch=BATCH, counted=4_000),
        Row(name="sleep_0", title="sleep(0)", body=_sleep_0, counted=2_000),
        Row(name="future", title="create_future, call_soon(set_result), await", body=_future, counted=1_000),
        Row(name="gather_100", title="gather of 100 coroutines", body=_gather, counted=20),
        Row(name="task", title="create_task and await it", body=_task, counted=1_000),
        Row(
            name="eager_factory",
            title="the same under asyncio.eager_task_factory",
            body=_task_by_eager_factory,
            since=(3, 12),
            counted=1_000,
        ),
        Row(
            name="eager_start",
            title="the same by create_task(eager_start=True)",
            body=_task_eager_start,
            since=(3, 14),
            counted=1_000,
        ),
        Row(name="executor", title="run_in_executor of a trivial function", body=_executor),
        Row(name="sleep_200us", title="how late a sleep of 200 µs is", body=latency.sleep_200us, events=100),
        Row(name="flood", title="wait of a socket, 1000 busy callbacks", body=flood, events=200, tail_percent=99),
        Row(name="flood_one", title="wait of a socket, 1 busy callback", body=flood_one, events=200, tail_percent=99),
    )


def _call_soon_0(loop: Loop, operations: int) -> None:
    """Schedule a batch from within one callback, and run it in the next turn."""

    def schedule() -> None:
        call_soon = loop.call_soon
        for _ in range(BATCH):
            call_soon(_nothing)

    _in_batches(loop, operations, schedule=schedule)


def _call_soon_3(loop: Loop, operations: int) -> None:
    def schedule() -> None:
        call_soon = loop.call_soon
        for _ in range(BATCH):
            call_soon(_nothing_of_three, 1, 2, 3)

    _in_batches(loop, operations, schedule=schedule)


def _turn(loop: Loop, operations: int) -> None:
    left = operations

    def again() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(again)
        else:
            loop.stop()

    loop.call_soon(again)
    loop.run_forever()


def _turn_watched(loop: Loop, operations: int) -> None:
    pairs = [socket.socketpair() for _ in range(WATCHED)]
    for ours, _ in pairs:
        loop.add_reader(ours, _nothing)
    try:
        _turn(loop, operations)
    finally:
        for ours, theirs in pairs:
            loop.remove_reader(ours)
            ours.close()
            theirs.close()


def _threadsafe_own(loop: Loop, operations: int) -> None:
    def schedule() -> None:
        call_soon_threadsafe = loop.call_soon_threadsafe
        for _ in range(BATCH):
            call_soon_threadsafe(_nothing)

    _in_batches(loop, operations, schedule=schedule)


def _threadsafe_from_thread(loop: Loop, operations: int, *, burst: int) -> None:
    """Schedule bursts from a thread. The thread waits until its burst has run, and then for the GIL, which the loop
    releases only by going to sleep: so each burst finds the loop asleep and has to wake it.
    """
    has_run = threading.Lock()
    has_run.acquire()

    def send() -> None:
        for _ in range(operations // burst):
            for _ in range(burst - 1):
                loop.call_soon_threadsafe(_nothing)
            loop.call_soon_threadsafe(has_run.release)
            has_run.acquire()
        loop.call_soon_threadsafe(loop.stop)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    loop.run_forever()
    sender.join()


def _timer_cancel(loop: Loop, operations: int) -> None:
    def schedule() -> None:
        call_later = loop.call_later
        for _ in range(BATCH):
            # A minute is like the time limit of a request: far away, and nearly always cancelled.
            call_later(60, _nothing).cancel()

    _in_batches(loop, operations, schedule=schedule)


def _timer_fire(loop: Loop, operations: int) -> None:
    """Fire a thousand deadlines 1 µs apart, made in scattered order, all due when the loop checks next.

    The callback that makes them sleeps until they are due: without that, a loop with exact timers would be charged for
    waking up between them, and a loop with timers of 1 ms would not. The deadlines are in the future when they are
    made, because some loops turn a timer that is already due into a plain `call_soon`.
    """
    step_s, lead_s, coarse_clock_s = 1e-6, 2e-3, 1e-3
    # 617 has no factor in common with the batch, so every place is taken once.
    offsets = [step_s * (place * 617 % BATCH) for place in range(BATCH)]
    left = operations

    def schedule() -> None:
        nonlocal left
        if left <= 0:
            loop.stop()
            return
        left -= BATCH
        first = loop.time() + lead_s
        for offset in offsets:
            loop.call_at(first + offset, _nothing)
        loop.call_at(first + step_s * BATCH, schedule)
        time.sleep(max(0.0, first + step_s * BATCH + coarse_clock_s - loop.time()))

    loop.call_soon(schedule)
    loop.run_forever()


def _timer_0(loop: Loop, operations: int) -> None:
    """Make timers that are due at once. Some loops turn them into a plain `call_soon`."""

    def schedule() -> None:
        call_later = loop.call_later
        for _ in range(BATCH):
            call_later(0, _nothing)

    _in_batches(loop, operations, schedule=schedule)


def _sleep_0(loop: Loop, operations: int) -> None:
    async def sleep() -> None:
        for _ in range(operations):
            await asyncio.sleep(0)

    loop.run_until_complete(sleep())


def _future(loop: Loop, operations: int) -> None:
    async def wake() -> None:
        for _ in range(operations):
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future

    loop.run_until_complete(wake())


def _gather(loop: Loop, operations: int) -> None:
    async def gather() -> None:
        for _ in range(operations):
            await asyncio.gather(*[_small() for _ in range(GATHERED)])

    loop.run_until_complete(gather())


def _task(loop: Loop, operations: int) -> None:
    async def create() -> None:
        for _ in range(operations):
            await loop.create_task(_small())

    loop.run_until_complete(create())


def _task_by_eager_factory(loop: Loop, operations: int) -> None:
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
        try:
            loop.run_until_complete(_create_eagerly(operations, create=loop.create_task))
        finally:
            loop.set_task_factory(None)


def _task_eager_start(loop: Loop, operations: int) -> None:
    if sys.version_info >= (3, 14):
        # A partial adds less to each call than a Python function around it, and the same for every loop.
        loop.run_until_complete(_create_eagerly(operations, create=partial(loop.create_task, eager_start=True)))


def _executor(loop: Loop, operations: int) -> None:
    async def run() -> None:
        for _ in range(operations):
            await loop.run_in_executor(None, _nothing)

    loop.run_until_complete(run())


async def _create_eagerly(
    operations: int, *, create: Callable[[Coroutine[object, object, None]], asyncio.Future[None]]
) -> None:
    # A loop that accepts the request and ignores it would be timed for something else.
    if not create(_small()).done():
        raise NotImplementedError("the task was not started eagerly")
    for _ in range(operations):
        await create(_small())


def _in_batches(loop: Loop, operations: int, *, schedule: Callable[[], None]) -> None:
    """Call `schedule`, which schedules one batch, once per turn of the loop."""
    left = operations

    def batch() -> None:
        nonlocal left
        if left <= 0:
            loop.stop()
            return
        left -= BATCH
        schedule()
        loop.call_soon(batch)

    loop.call_soon(batch)
    loop.run_forever()


def _nothing() -> None:
    pass


def _nothing_of_three(first: int, second: int, third: int) -> None:
    pass


async def _small() -> None:
    pass
