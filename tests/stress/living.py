"""Scenarios of the lives of loops and of processes: made, run and closed in threads, left open, forked, with children.

What a loop does while it runs is the subject of the other scenarios.
"""

import asyncio
import faulthandler
import importlib
import os
import signal
import threading
import time
import weakref
from random import Random
from typing import Any

from .context import Context, finish


def prepare(loop: str) -> None:
    """Import what scenarios import when they need it, which would look like growth in the round that does so first.

    SIGALRM writes all stacks before it ends the process, which is a forked child that hangs.
    """
    for module in ("vitok.http.server", "vitok.httptools") if loop == "vitok" else ():
        importlib.import_module(module)
    faulthandler.register(signal.SIGALRM, chain=True)


def loops_made_and_closed(context: Context) -> None:
    """Threads make, run and close loops; some are made in one thread, run in a second and closed in a third."""
    made: list[weakref.ref[Any]] = []

    async def turns(count: int) -> int:
        for _ in range(count):
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(3600, print)
        return count

    def live(random: Random) -> None:
        for _ in range(context.count(2, 10)):
            loop = context.make_loop()
            made.append(weakref.ref(loop))
            count = random.randint(0, 5)
            if random.random() < 0.3:
                for work in (lambda: loop.run_until_complete(turns(count)), loop.close):  # noqa: B023
                    thread = context.start(work)
                    thread.join()
            else:
                context.check(loop.run_until_complete(turns(count)) == count, "a loop returned the wrong result")
                loop.close()
            context.check(loop.is_closed(), "a loop is open after close()")

    for _ in range(context.random.randint(1, 4)):
        context.start(live, context.fork_random())
    context.join()
    context.wait_until_released(made, "closed loops")


def loops_left_open(context: Context) -> None:
    """Threads end without closing their loops, which other threads post to; the collector closes them."""
    made: list[weakref.ref[Any]] = []

    def leave(random: Random) -> None:
        loop = context.make_loop()
        made.append(weakref.ref(loop))
        loop.call_later(3600, loop.stop)
        if random.random() < 0.7:
            loop.run_until_complete(asyncio.sleep(0))
        posting = context.start(post, loop, random.randint(1, 50))
        if random.random() < 0.5:
            posting.join()

    def post(loop: asyncio.AbstractEventLoop, count: int) -> None:
        for number in range(count):
            handle = loop.call_soon_threadsafe(print, number)
            if number % 2:
                handle.cancel()

    for _ in range(context.random.randint(1, 4)):
        context.start(leave, context.fork_random())
    context.join()
    context.wait_until_released(made, "loops that were not closed")


def stops_and_runs(context: Context) -> None:
    """A loop is stopped by posts of several threads and run again, many times; no post is lost meanwhile."""
    loop, ran, ended = context.make_loop(), list[int](), list[None]()
    threads, count = context.random.randint(1, 4), context.count(20, 100)

    def post(random: Random) -> None:
        for number in range(count):
            loop.call_soon_threadsafe(ran.append, number)
            if random.random() < 0.3:
                loop.call_soon_threadsafe(loop.stop)
        ended.append(None)
        loop.call_soon_threadsafe(loop.stop)

    for _ in range(threads):
        context.start(post, context.fork_random())
    while len(ended) < threads:
        loop.run_forever()
    context.join()
    # What is posted by now is called in the next turn, also the last `stop`.
    loop.call_soon_threadsafe(loop.stop)
    loop.run_forever()
    finish(loop)
    context.check(len(ran) == count * threads, f"{len(ran)} of {count * threads} calls happened")


def forks(context: Context) -> None:
    """A child is forked while other threads run loops; it runs one of its own, with a thread that posts to it."""
    process = os.fork()
    if not process:
        _be_child(context)
    _, status = os.waitpid(process, 0)
    context.check(status == 0, f"a forked child ended with {os.waitstatus_to_exitcode(status)}")


def _be_child(context: Context) -> None:
    code = 1
    try:
        # Not faulthandler's timer: a thread of the parent may hold its lock.
        signal.alarm(int(context.settings.patience))
        loop = context.settings.new_loop()
        ran: list[int] = []
        thread = threading.Thread(target=_post_and_stop, args=(loop, ran))
        loop.call_soon(thread.start)
        loop.run_forever()
        thread.join()
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()
        code = 0 if ran == list(range(10)) else 2
    finally:
        os._exit(code)


def _post_and_stop(loop: asyncio.AbstractEventLoop, ran: list[int]) -> None:
    for number in range(10):
        loop.call_soon_threadsafe(ran.append, number)
    loop.call_soon_threadsafe(loop.stop)


def processes(context: Context) -> None:
    """Loops in several threads start children, write to them, read from them and kill them."""

    async def cat(block: bytes) -> None:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        output, _ = await process.communicate(block)
        context.check(output == block, f"cat gave {len(output)} of {len(block)} bytes")
        context.check(process.returncode == 0, f"cat ended with {process.returncode}")

    async def end(code: int) -> None:
        process = await asyncio.create_subprocess_shell(f"exit {code}")
        context.check(await process.wait() == code, f"a child ended with {process.returncode} instead of {code}")

    async def kill() -> None:
        process = await asyncio.create_subprocess_exec("sleep", "600")
        process.send_signal(signal.SIGKILL)
        context.check(await process.wait() == -signal.SIGKILL, f"a killed child ended with {process.returncode}")

    async def main(random: Random) -> None:
        works = [cat(random.randbytes(random.randint(0, 100_000))), end(random.randint(0, 9)), kill()]
        await asyncio.gather(*works)

    for _ in range(context.random.randint(1, 2)):
        context.start(lambda random: context.run(main(random)), context.fork_random())
    context.join()


class Signals:
    """The main thread's loop, which handles signals that threads send to this process during a round."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen = threading.Semaphore(0)
        self._loop = context.make_loop()
        self.sent = 0
        self.counted = 0

    def _count(self) -> None:
        self.counted += 1
        self._seen.release()

    def run(self, wait: "Any") -> None:
        """Run the loop until the function `wait`, which another thread calls, returns."""
        loop = self._loop
        loop.add_signal_handler(signal.SIGUSR1, self._count)

        def wait_and_stop() -> None:
            try:
                wait()
            finally:
                loop.call_soon_threadsafe(loop.stop)

        thread = threading.Thread(target=wait_and_stop, daemon=True, name="round")
        loop.call_soon(thread.start)
        loop.run_forever()
        thread.join()
        loop.remove_signal_handler(signal.SIGUSR1)
        finish(loop)
        self._context.check(self.counted == self.sent, f"{self.counted} of {self.sent} signals were handled")

    def send(self, context: Context) -> None:
        """Scenario: signals arrive in the main thread's loop, one after the other."""
        for _ in range(context.count(3, 20)):
            self.sent += 1
            if context.random.random() < 0.5:
                os.kill(os.getpid(), signal.SIGUSR1)
            else:
                signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            if not self._seen.acquire(timeout=context.settings.patience):
                context.fault("a signal was not handled")
                return
            time.sleep(context.random.random() * 0.002)


SCENARIOS = (loops_made_and_closed, loops_left_open, stops_and_runs, forks, processes)
