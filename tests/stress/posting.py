"""Scenarios of calls that threads post to a loop and cancel: who called what, how often, and in which order.

A call that is not cancelled happens once, a cancelled one at most once, those of one thread in the order of posting.
"""

import asyncio
import contextlib
import contextvars
import itertools
import threading
import weakref
from collections import deque
from random import Random
from typing import Any

from .context import Context, Expected

_POSTER: contextvars.ContextVar[int] = contextvars.ContextVar("poster")


class Call:
    """A posted call, which is its own callback."""

    __slots__ = ("__weakref__", "calls", "handle", "is_cancelled", "number", "poster", "raises", "ran")

    def __init__(self, ran: "list[Call]", poster: int, number: int) -> None:
        self.ran = ran
        self.poster = poster
        self.number = number
        self.raises = number % 61 == 60
        self.is_cancelled = False
        self.calls = 0
        self.handle: Any = None

    def __call__(self) -> None:
        self.calls += 1
        self.ran.append(self)
        if _POSTER.get(self.poster) != self.poster:
            raise AssertionError(f"the context is that of {_POSTER.get()}, not of {self.poster}")
        if self.raises:
            raise Expected("on purpose")


class Posting:
    """One loop and the threads that post to it."""

    def __init__(self, context: Context, loop: asyncio.AbstractEventLoop) -> None:
        self._context = context
        self._loop = loop
        self._ran: list[Call] = []
        # What any thread may cancel.
        self._shared: deque[Call] = deque(maxlen=50)

    def run(self, posters: int, count: int) -> None:
        """Post from several threads at once, and check what came of it."""
        loop = self._loop
        posted = [[Call(self._ran, poster, number) for number in range(count)] for poster in range(posters)]
        is_held = self._context.random.random() < 0.3
        hold = threading.Event()
        if is_held:
            # The loop stands still until all is posted and cancelled: no cancelled call may then happen.
            loop.call_soon_threadsafe(hold.wait)
        for poster in range(posters):
            self._context.start(self._post, self._context.fork_random(), posted[poster])
        self._context.join()
        hold.set()
        self._context.result(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop))
        self._check_counts(posted, is_held=is_held)
        self._check_order()
        self._check_release(posted)

    def _post(self, random: Random, calls: list[Call]) -> None:
        context = contextvars.copy_context()
        context.run(_POSTER.set, calls[0].poster)
        for call in calls:
            if random.random() < 0.5:
                call.handle = self._loop.call_soon_threadsafe(call, context=context)
            else:
                call.handle = self._loop.call_soon_threadsafe(Call.__call__, call)
            chance = random.random()
            if chance < 0.1:
                # Nobody but the loop has the handle afterwards.
                self._cancel(call)
                call.handle = None
            elif chance < 0.25:
                self._cancel(call)
            elif chance < 0.5:
                self._shared.append(call)
            elif chance < 0.75:
                try:
                    self._cancel(self._shared.popleft())
                except IndexError:
                    pass
            elif chance < 0.8:
                repr(call.handle)
                call.handle.cancelled()
            elif chance < 0.9:
                call.handle = None

    def _cancel(self, call: Call) -> None:
        handle = call.handle
        if handle is not None:
            call.is_cancelled = True
            handle.cancel()
            self._context.check(handle.cancelled(), "a handle is not cancelled after cancel()")

    def _check_counts(self, posted: list[list[Call]], *, is_held: bool) -> None:
        for call in itertools.chain.from_iterable(posted):
            most = 0 if call.is_cancelled and is_held else 1
            least = 0 if call.is_cancelled else 1
            if not least <= call.calls <= most:
                self._context.fault(f"call {call.number} of thread {call.poster} was called {call.calls} times")

    def _check_order(self) -> None:
        last: dict[int, int] = {}
        for call in self._ran:
            if call.number <= last.get(call.poster, -1):
                self._context.fault(f"call {call.number} of thread {call.poster} came after {last[call.poster]}")
            last[call.poster] = call.number

    def _check_release(self, posted: list[list[Call]]) -> None:
        """Once the records of this object are dropped, nothing keeps a call."""
        left = [weakref.ref(call) for calls in posted for call in calls]
        posted.clear()
        self._ran.clear()
        self._shared.clear()
        self._context.wait_until_released(left, "calls")


def posts_and_cancels(context: Context) -> None:
    """Threads post to one loop and cancel their own calls and those of others."""
    with context.running_loop() as loop:
        for _ in range(context.count(2, 4)):
            Posting(context, loop).run(context.random.randint(1, 4), context.count(50, 400))


def posts_to_a_closing_loop(context: Context) -> None:
    """Threads post to a loop that is closed meanwhile: each post is taken or refused with RuntimeError."""
    for _ in range(context.count(3, 6)):
        loop = context.make_loop()
        ran: list[int] = []
        refused: list[int] = []

        def post(loop: asyncio.AbstractEventLoop = loop, ran: list[int] = ran, refused: list[int] = refused) -> None:
            number = 0
            while not refused:
                handle = None
                try:
                    handle = loop.call_soon_threadsafe(ran.append, number)
                except RuntimeError:
                    refused.append(number)
                number += 1
                if handle is not None and number % 3 == 0:
                    handle.cancel()

        for _ in range(context.random.randint(1, 3)):
            context.start(post)
        loop.run_until_complete(asyncio.sleep(context.random.random() * 0.01))
        loop.close()
        context.join()
        context.check(bool(refused), "no post to a closed loop was refused")


def posts_between_loops(context: Context) -> None:
    """Messages go around a ring of loops in threads, several at a time, and each arrives where it began."""
    length, messages = context.random.randint(2, 4), context.count(2, 10)
    steps = length * context.count(20, 60)
    arrived: list[int] = []
    all_arrived = threading.Event()

    def step(position: int, left: int) -> None:
        if left:
            following = (position + 1) % length
            loops[following].call_soon_threadsafe(step, following, left - 1)
            return
        arrived.append(position)
        if len(arrived) == messages:
            all_arrived.set()

    with contextlib.ExitStack() as stack:
        loops = [stack.enter_context(context.running_loop()) for _ in range(length)]
        for _ in range(messages):
            loops[0].call_soon_threadsafe(step, 0, steps)
        if not all_arrived.wait(context.settings.patience):
            context.fault(f"{len(arrived)} of {messages} messages have arrived")
    context.check(arrived == [0] * messages, f"messages arrived at {arrived}")


SCENARIOS = (posts_and_cancels, posts_to_a_closing_loop, posts_between_loops)
