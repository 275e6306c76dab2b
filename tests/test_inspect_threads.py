"""`vitok top`'s answers and `loop.metrics()` of a process whose loops run in several threads, while they work."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import vitok
from vitok import _inspect

pytestmark = pytest.mark.vitok_only

SECONDS_AT_MOST = 30
THREADS = 2
ANSWERS = 6


class Runner:
    """A loop in a thread of its own, with tasks that call each other for ever."""

    def __init__(self, number: int) -> None:
        self.name = f"runner {number}"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name)
        self._thread.start()
        assert self._ready.wait(SECONDS_AT_MOST)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
            runner.run(self._work())

    async def _work(self) -> None:
        self.loop: Any = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        tasks = [asyncio.create_task(spins(), name=f"{self.name} {number}") for number in range(4)]
        sleeper = asyncio.create_task(sleeps(), name=f"{self.name} sleeper")
        self._ready.set()
        await self._asked.wait()
        for task in (*tasks, sleeper):
            task.cancel()

    def end(self) -> None:
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self._asked.set)
        self._thread.join(SECONDS_AT_MOST)
        assert not self._thread.is_alive()


async def spins() -> None:
    """Give way to others for ever, some calls deep."""
    while True:
        await gives_way()


async def gives_way() -> None:
    """One turn."""
    await asyncio.sleep(0)


async def sleeps() -> None:
    """Wait for what does not come."""
    await asyncio.Event().wait()


@contextmanager
def runners() -> Iterator[list[Runner]]:
    """Loops in several threads."""
    begun = [Runner(number) for number in range(THREADS)]
    try:
        yield begun
    finally:
        for one in begun:
            one.end()


@contextmanager
def asker() -> Iterator[Any]:
    """A function that asks this process as `vitok top` does, and returns its loops by the names of their threads."""
    mine, its = socket.socketpair()
    mine.settimeout(SECONDS_AT_MOST)
    thread = threading.Thread(target=_inspect.serve, args=(its,))
    thread.start()
    with mine, mine.makefile("rwb") as file:

        def ask() -> dict[str, Any]:
            file.write(b"\n")
            file.flush()
            return {loop["thread"]: loop for loop in json.loads(file.readline())["loops"]}

        yield ask
        mine.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_loops_that_work_are_described() -> None:
    """Each loop has its thread's name, its own tasks, and counts that grow, however often it is asked."""
    with runners() as begun, asker() as ask:
        turns = dict.fromkeys((one.name for one in begun), -1)
        for _ in range(ANSWERS):
            told = ask()
            for one in begun:
                about = told[one.name]
                assert about["identity"] == id(one.loop)
                assert about["metrics"]["turns"] >= turns[one.name]
                turns[one.name] = about["metrics"]["turns"]
                # The task of the loop, those that spin, and the one that sleeps.
                assert about["metrics"]["tasks"] == sum(group["count"] for group in about["tasks"]) == 6
                names = {group["coroutine"] for group in about["tasks"]}
                assert {"sleeps", "Runner._work"} < names <= {"sleeps", "spins", "Runner._work"}


def test_a_loop_that_is_blocked_is_described() -> None:
    """The others answer in their turn; of a blocked one the stack says where, and its tasks are told, too."""
    blocked, release = threading.Event(), threading.Event()

    def blocks() -> None:
        blocked.set()
        release.wait(SECONDS_AT_MOST)

    with runners() as begun, asker() as ask:
        try:
            begun[0].loop.call_soon_threadsafe(blocks)
            assert blocked.wait(SECONDS_AT_MOST)
            told = ask()
            assert any(".blocks (" in f".{place}" for place in told[begun[0].name]["stack"])
            assert told[begun[0].name]["metrics"]["tasks"] == 6
            assert told[begun[1].name]["metrics"]["tasks"] == 6
            release.set()
            # What was asked and not answered in time is not answered later, but anew.
            assert ask()[begun[0].name]["metrics"]["tasks"] == 6
        finally:
            release.set()


def test_a_loop_that_ends_meanwhile() -> None:
    """A loop that is closed while it is asked is described or left out."""
    with asker() as ask:
        for number in range(5):
            one = Runner(number)
            ended = threading.Thread(target=one.end)
            ended.start()
            while ended.is_alive():
                ask()
            ended.join()
            assert one.name not in ask()


def test_metrics_of_loops_in_other_threads() -> None:
    """Any thread may call `metrics()`; counts never shrink for it."""
    with runners() as begun:
        faults: list[str] = []

        def look() -> None:
            last = [0] * THREADS
            for _ in range(15):
                for place, one in enumerate(begun):
                    now = one.loop.metrics()
                    if now.turns < last[place] or now.tasks != 6:
                        faults.append(repr(now))
                    last[place] = now.turns

        lookers = [threading.Thread(target=look) for _ in range(2)]
        for thread in lookers:
            thread.start()
        for thread in lookers:
            thread.join(SECONDS_AT_MOST)
        assert not faults, faults


def test_slow_callbacks_of_several_threads() -> None:
    """Each loop's hook is told of its own slow callbacks, in its own thread."""
    told: list[tuple[str, str]] = []

    def hook(handle: Any, _seconds: float) -> None:
        told.append((threading.current_thread().name, repr(handle)))

    def slow(one: Runner, finished: threading.Event) -> None:
        threading.Event().wait(0.02)
        one.loop.call_soon(finished.set)

    def begin(one: Runner, finished: threading.Event) -> None:
        one.loop.slow_callback_duration = 0.01
        one.loop.slow_callback_hook = hook
        one.loop.call_soon(slow, one, finished)

    with runners() as begun:
        for one in begun:
            finished = threading.Event()
            one.loop.call_soon_threadsafe(begin, one, finished)
            assert finished.wait(SECONDS_AT_MOST)
    assert {name for name, text in told if "slow" in text} == {one.name for one in begun}
