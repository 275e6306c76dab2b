"""Scenarios of timers: threads ask a loop for them by posts, and cancel some; none is early, and all come in order."""

import asyncio
import threading
from random import Random
from typing import Any

from .context import Context

# A timer's time and the loop's clock are floating-point numbers of seconds since boot.
_RESOLUTION = 1e-6


class Alarm:
    """A timer, which is its own callback."""

    __slots__ = ("called_at", "calls", "handle", "is_cancelled", "loop", "ran", "when")

    def __init__(self, loop: asyncio.AbstractEventLoop, ran: "list[Alarm]", delay: float) -> None:
        self.loop = loop
        self.ran = ran
        self.when = loop.time() + delay
        self.called_at = 0.0
        self.calls = 0
        self.is_cancelled = False
        self.handle: Any = None

    def begin(self) -> None:
        """Start the timer, in the loop's thread, unless it was cancelled before."""
        if not self.is_cancelled:
            self.handle = self.loop.call_at(self.when, self)

    def cancel(self) -> None:
        """Cancel the timer, in the loop's thread."""
        self.is_cancelled = True
        if self.handle is not None:
            self.handle.cancel()

    def __call__(self) -> None:
        self.calls += 1
        self.called_at = self.loop.time()
        self.ran.append(self)


def timers(context: Context) -> None:
    """Threads start timers on one loop and cancel a third of them, through posts."""
    ran: list[Alarm] = []
    with context.running_loop() as loop:
        started: list[list[Alarm]] = [[] for _ in range(context.random.randint(1, 4))]
        for alarms in started:
            context.start(_start_timers, loop, ran, alarms, context.fork_random(), context.count(20, 200))
        context.join()
        end = threading.Event()
        loop.call_soon_threadsafe(loop.call_later, 0.06, end.set)
        context.check(end.wait(context.settings.patience), "the last timer did not come")
    for alarm in [alarm for alarms in started for alarm in alarms]:
        if alarm.is_cancelled:
            # The cancellation may have come late; see Alarm.begin.
            context.check(alarm.calls <= 1, f"a cancelled timer was called {alarm.calls} times")
        else:
            context.check(alarm.calls == 1, f"a timer was called {alarm.calls} times")
        if alarm.calls:
            context.check(alarm.called_at >= alarm.when - _RESOLUTION, f"{alarm.when - alarm.called_at} s too early")


def _start_timers(
    loop: asyncio.AbstractEventLoop, ran: list[Alarm], alarms: list[Alarm], random: Random, count: int
) -> None:
    for _ in range(count):
        alarm = Alarm(loop, ran, random.choice((0, 0.001, 0.01, 0.05)) * random.random())
        alarms.append(alarm)
        loop.call_soon_threadsafe(alarm.begin)
        if random.random() < 0.3:
            loop.call_soon_threadsafe(random.choice(alarms).cancel)


def sleeps(context: Context) -> None:
    """Tasks of loops in several threads sleep, time out and are cancelled."""

    async def sleep(random: Random) -> str:
        try:
            async with asyncio.timeout(random.random() * 0.01):
                await asyncio.sleep(random.random() * 0.01)
        except TimeoutError:
            return "timeout"
        return "slept"

    async def main(random: Random) -> None:
        tasks = [asyncio.create_task(sleep(random)) for _ in range(context.count(10, 60))]
        await asyncio.sleep(0.003)
        cancelled = {task for task in tasks if random.random() < 0.3 and task.cancel()}
        done, _ = await asyncio.wait(tasks)
        context.check(len(done) == len(tasks), f"{len(done)} of {len(tasks)} tasks ended")
        for task in tasks:
            ended = "cancelled" if task.cancelled() else task.result()
            context.check((ended == "cancelled") == (task in cancelled), f"a task that was cancelled: {ended}")

    for _ in range(context.random.randint(1, 3)):
        context.start(lambda random: context.run(main(random)), context.fork_random())
    context.join()


SCENARIOS = (timers, sleeps)
