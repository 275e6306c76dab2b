"""A program on Twisted whose functions are coroutines of every kind: `inlineCallbacks`, `async def`, asyncio's.

It knows nothing of who runs it.
"""

import asyncio
import threading
from collections.abc import Generator
from typing import Any

from scene import chosen, loop_name
from twisted.internet import asyncioreactor

LOOP = chosen().new_event_loop()
asyncioreactor.install(LOOP)

# Twisted wants its reactor to be chosen before anything imports it.
from twisted.internet import reactor  # noqa: E402
from twisted.internet.defer import (  # noqa: E402
    CancelledError,
    Deferred,
    DeferredQueue,
    DeferredSemaphore,
    gatherResults,
    inlineCallbacks,
)
from twisted.internet.defer import TimeoutError as TimedOut  # noqa: E402
from twisted.internet.task import deferLater, react  # noqa: E402
from twisted.internet.threads import blockingCallFromThread, deferToThread  # noqa: E402

# More than the reactor's pool has threads.
JOBS = 50
Steps = Generator[Deferred[Any], Any, Any]


@inlineCallbacks
def add(first: int, second: int) -> Steps:
    """A sum, with the reactor in between."""
    yield deferLater(reactor, 0)
    return first + second


@inlineCallbacks
def coroutines() -> Steps:
    """Generators wait for each other, for a failure and for a time limit."""
    assert (yield add(1, 2)) == 3
    assert (yield gatherResults([add(number, number) for number in range(JOBS)])) == [2 * n for n in range(JOBS)]
    try:
        yield deferLater(reactor, 0, int, "no number")
    except ValueError:
        pass
    else:
        raise AssertionError("a failure was lost")
    never: Deferred[None] = Deferred()
    never.addTimeout(0.01, reactor)
    try:
        yield never
    except TimedOut:
        return "timed out"


@inlineCallbacks
def threads() -> Steps:
    """More jobs than threads, each of which calls back into the reactor's thread and waits for the answer."""
    main = threading.current_thread()

    def job(number: int) -> tuple[int, bool]:
        answer: int = blockingCallFromThread(reactor, add, number, 1)
        here: threading.Thread = blockingCallFromThread(reactor, threading.current_thread)
        return answer, here is main and threading.current_thread() is not main

    answers = yield gatherResults([deferToThread(job, number) for number in range(JOBS)])
    assert answers == [(number + 1, True) for number in range(JOBS)]
    try:
        yield deferToThread(divmod, 1, 0)
    except ZeroDivisionError:
        return "divided"


async def queues() -> list[int]:
    """A consumer waits for a producer; a semaphore lets in two at a time."""
    queue: DeferredQueue[int] = DeferredQueue()
    semaphore = DeferredSemaphore(2)

    async def produce(number: int) -> None:
        await semaphore.acquire()
        await deferLater(reactor, 0)
        queue.put(number)
        semaphore.release()

    producers = [Deferred.fromCoroutine(produce(number)) for number in range(JOBS)]
    received = [await queue.get() for _ in producers]
    await gatherResults(producers)
    return received


async def of_asyncio() -> str:
    """asyncio's own tasks, locks and time limits, on the loop below the reactor."""
    asyncio.get_running_loop().call_soon((event := asyncio.Event()).set)
    await event.wait()
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        return await asyncio.to_thread(lambda: "asyncio")
    return "no time limit"


async def both_ways() -> None:
    """A Deferred as a future, and a future as a Deferred; each is cancelled by the other."""
    assert await Deferred.fromFuture(asyncio.ensure_future(of_asyncio())) == "asyncio"
    task = asyncio.ensure_future(add(2, 3).asFuture(LOOP))
    assert await Deferred.fromFuture(task) == 5
    future = LOOP.create_future()
    deferred = Deferred.fromFuture(future)
    deferred.cancel()
    try:
        await deferred
    except (CancelledError, asyncio.CancelledError):
        pass
    assert future.cancelled()


async def run() -> None:
    """The program, and the last word."""
    assert await coroutines() == "timed out"
    assert await threads() == "divided"
    assert await queues() == list(range(JOBS))
    await both_ways()
    print(loop_name())


if __name__ == "__main__":
    try:
        # It ends the program by SystemExit.
        react(lambda _: Deferred.fromCoroutine(run()))
    finally:
        LOOP.close()
