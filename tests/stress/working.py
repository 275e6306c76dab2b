"""Scenarios of work that loops and threads hand to each other, and of tasks that are seen from other threads.

Each result, exception and cancellation arrives where it belongs. Connections are not known here.
"""

import asyncio
import concurrent.futures
import contextlib
import functools
import io
import threading
from random import Random
from typing import Any

from .context import Context, Expected, described


async def _work(random: Random, number: int, ends: list[int]) -> int:
    try:
        for _ in range(random.randint(0, 3)):
            await asyncio.sleep(0)
        await asyncio.sleep(random.random() * 0.003)
        if number % 5 == 4:
            raise Expected(number)
        return number * number
    finally:
        ends.append(number)


def coroutines_from_threads(context: Context) -> None:
    """Threads run coroutines on several loops, wait for some and cancel others."""
    with contextlib.ExitStack() as stack:
        loops = [stack.enter_context(context.running_loop()) for _ in range(context.random.randint(1, 3))]
        for _ in range(context.random.randint(1, 4)):
            context.start(_send_coroutines, context, loops, context.fork_random(), context.count(20, 80))
        context.join()


def _send_coroutines(context: Context, loops: list[asyncio.AbstractEventLoop], random: Random, count: int) -> None:
    ends: list[int] = []
    sent = []
    for number in range(count):
        work = _work(Random(random.random()), number, ends)
        future = asyncio.run_coroutine_threadsafe(work, random.choice(loops))
        sent.append((number, future))
        if random.random() < 0.3:
            random.choice(sent)[1].cancel()
    cancelled = 0
    for number, future in sent:
        try:
            result = context.result(future)
        except concurrent.futures.CancelledError:
            cancelled += 1
        except Expected as error:
            context.check(error.args == (number,) and number % 5 == 4, f"{error!r} of call {number}")
        else:
            context.check(result == number * number, f"{result} of call {number}")
    # A future that is cancelled before its task begins runs nothing.
    context.check(count - cancelled <= len(ends) <= count, f"{len(ends)} of {count} ended, {cancelled} were cancelled")


def executors(context: Context) -> None:
    """Loops in several threads use their own executors and one that they share, by results, exceptions and cancels."""

    def work(number: int) -> int:
        if number % 7 == 6:
            raise Expected(number)
        return number + 1

    async def main(random: Random, shared: concurrent.futures.ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        waiting: list[Any] = []
        for number in range(context.count(10, 60)):
            if random.random() < 0.3:
                waiting.append(asyncio.ensure_future(asyncio.to_thread(work, number)))
            else:
                waiting.append(loop.run_in_executor(random.choice((None, shared)), work, number))
            if random.random() < 0.2:
                random.choice(waiting).cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        for number, result in enumerate(results):
            if waiting[number].cancelled():
                continue
            expected = [number] if number % 7 == 6 else number + 1
            found = list(result.args) if isinstance(result, BaseException) else result
            context.check(found == expected, f"call {number} gave {result!r}")

    with concurrent.futures.ThreadPoolExecutor(2) as shared:
        for _ in range(context.random.randint(1, 3)):
            context.start(lambda random: context.run(main(random, shared)), context.fork_random())
        context.join()


def tasks_from_afar(context: Context) -> None:
    """Threads look at the tasks of a loop while these begin, wait and end: all_tasks, current_task, stacks, names."""
    ends = threading.Event()

    async def child(depth: int) -> int:
        if depth:
            return 1 + await asyncio.create_task(child(depth - 1), name=f"child {depth}")
        await asyncio.sleep(0)
        return 0

    async def main(rounds: int) -> None:
        own = asyncio.current_task()
        for depth in range(rounds):
            context.check(await child(depth % 6) == depth % 6, "a chain of tasks lost its count")
            context.check(asyncio.current_task() is own, "another task is the current one")
            context.check(own in asyncio.all_tasks(), "the current task is not among all tasks")

    def look(loop: asyncio.AbstractEventLoop) -> None:
        while not ends.is_set():
            for task in asyncio.all_tasks(loop):
                context.check(task.get_loop() is loop, "a task of another loop")
                task.get_name()
                described(task)
                task.done()
            asyncio.current_task(loop)

    with context.running_loop() as loop:
        for _ in range(context.random.randint(1, 2)):
            context.start(look, loop)
        try:
            context.result(asyncio.run_coroutine_threadsafe(main(context.count(20, 100)), loop))
        finally:
            ends.set()
        context.join()
        # Without the GIL CPython does not guard the frame of a task that runs: its own thread asks for the stack.
        printed = asyncio.run_coroutine_threadsafe(_printed_stack(), loop)
        context.check("_printed_stack" in context.result(printed), "a task's stack does not name its function")


async def _printed_stack() -> str:
    output = io.StringIO()
    task = asyncio.current_task()
    if task is not None:
        task.print_stack(file=output)
    return output.getvalue()


def futures_across_loops(context: Context) -> None:
    """Futures of one loop are set by threads through posts, and waited for by tasks of another through wrap_future."""

    async def wait(other: asyncio.AbstractEventLoop, number: int, random: Random) -> int:
        future: concurrent.futures.Future[int] = concurrent.futures.Future()
        waiting = asyncio.wrap_future(future)
        other.call_soon_threadsafe(future.set_result, number)
        if random.random() < 0.2:
            waiting.cancel()
        try:
            return await waiting
        except asyncio.CancelledError:
            return number

    async def main(other: asyncio.AbstractEventLoop, random: Random) -> list[int]:
        return await asyncio.gather(*(wait(other, number, random) for number in range(count)))

    count = context.count(20, 100)
    with context.running_loop() as first, context.running_loop() as second:
        first.call_soon_threadsafe(first.set_exception_handler, functools.partial(_without_late_results, context))
        second.call_soon_threadsafe(second.set_exception_handler, functools.partial(_without_late_results, context))
        both = [
            asyncio.run_coroutine_threadsafe(main(second, context.fork_random()), first),
            asyncio.run_coroutine_threadsafe(main(first, context.fork_random()), second),
        ]
        for future in both:
            context.check(context.result(future) == list(range(count)), "futures got the wrong results")


def _without_late_results(context: Context, _loop: asyncio.AbstractEventLoop, about: dict[str, Any]) -> None:
    """A result for a future that was cancelled is refused by InvalidStateError, in the other loop."""
    if not isinstance(about.get("exception"), concurrent.futures.InvalidStateError):
        context.fault(f"{about!r}")


SCENARIOS = (coroutines_from_threads, executors, tasks_from_afar, futures_across_loops)
