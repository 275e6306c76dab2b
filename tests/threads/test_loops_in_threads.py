"""Loops and threads: one loop in several threads in turn, several loops at once, stop and close from other threads."""

import asyncio
import contextlib
import functools
import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from support import NewLoop, private, turn
from thread_crews import THREADS, Crew, frequent_switches

pytestmark = pytest.mark.vitok_only

ROUNDS = 200


class Part:
    """An argument of a callback, to which there can be a weak reference."""


@pytest.fixture(autouse=True)
def _frequent_switches() -> Iterator[None]:
    with frequent_switches():
        yield


async def work(rounds: int) -> int:
    """Use timers, callbacks and tasks."""
    total = 0
    for number in range(rounds):
        asyncio.get_running_loop().call_later(60, print).cancel()
        total += await asyncio.create_task(asyncio.sleep(0, number))
    return total


def test_a_loop_runs_in_another_thread_than_its_maker(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: what was scheduled before the run, in the thread that made the loop, runs in the other thread."""
    ran_in: list[int] = []
    loop.call_soon(lambda: ran_in.append(threading.get_ident()))
    results: list[int] = []
    crew = Crew(lambda: results.append(loop.run_until_complete(work(ROUNDS))))
    crew.join()
    assert results == [sum(range(ROUNDS))]
    assert len(ran_in) == 1
    assert ran_in != [threading.get_ident()]


def test_a_loop_goes_from_thread_to_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: runs in turn in several threads, with timers and handles that outlive a run."""
    late: list[int] = []
    for number in range(3 * THREADS):
        loop.call_soon(late.append, number)
        timer = loop.call_later(3600, print)
        crew = Crew(lambda: loop.run_until_complete(work(20)))
        crew.join()
        timer.cancel()
    assert loop.run_until_complete(work(20)) == sum(range(20))
    assert late == list(range(3 * THREADS))


def test_loops_run_in_several_threads_at_once(new_loop: NewLoop) -> None:
    """Issue 19: they share no state that one could break for another."""
    loops = [new_loop() for _ in range(THREADS)]
    results: list[int] = []

    def run(own: asyncio.AbstractEventLoop) -> None:
        results.append(own.run_until_complete(work(ROUNDS)))

    Crew(*[functools.partial(run, own) for own in loops]).join()
    assert results == [sum(range(ROUNDS))] * THREADS


def test_loops_post_to_one_another(new_loop: NewLoop) -> None:
    """Line "`call_soon_threadsafe`": from loops to loops, each in a thread of its own, until each has all."""
    loops = [new_loop() for _ in range(THREADS)]
    got = [0] * THREADS

    def receive(to: int) -> None:
        got[to] += 1
        if got[to] == (THREADS - 1) * ROUNDS:
            loops[to].stop()

    def start(own: int) -> None:
        for _ in range(ROUNDS):
            for other in range(THREADS):
                if other != own:
                    loops[other].call_soon_threadsafe(receive, other)

    def run(own: int) -> None:
        loops[own].call_soon(start, own)
        loops[own].run_forever()

    Crew(*[functools.partial(run, own) for own in range(THREADS)]).join()
    assert got == [(THREADS - 1) * ROUNDS] * THREADS


def test_one_of_two_runs_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`run_forever`": RuntimeError for the second thread, and the first one's run goes on undisturbed."""
    refused: list[tuple[str, bool]] = []
    completed: list[None] = []

    def run() -> None:
        try:
            loop.run_forever()
        except RuntimeError as error:
            refused.append((str(error), loop.is_running()))
            loop.call_soon_threadsafe(loop.stop)
        else:
            completed.append(None)

    for _ in range(ROUNDS):
        Crew(run, run).join()
    assert refused == [("This event loop is already running", True)] * ROUNDS
    assert len(completed) == ROUNDS
    assert not loop.is_running()


def run_from_threads(loop: asyncio.AbstractEventLoop) -> None:
    """Have three threads run the loop again and again, of which one may do so at a time."""
    ended: list[None] = []

    def run() -> None:
        for _ in range(60):
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(loop.stop)
                loop.run_forever()
        ended.append(None)

    def stop() -> None:
        # One run may have taken the `stop` of another.
        while len(ended) < 3:
            loop.call_soon_threadsafe(loop.stop)
            time.sleep(0.0005)

    Crew(run, run, run, stop).join()


def test_every_run_gives_the_loop_back(new_loop: NewLoop) -> None:
    """Found by the stress: a run that saw another one, which ended just then, took the loop and never gave it back."""
    for _ in range(ROUNDS // 4):
        loop = new_loop()
        run_from_threads(loop)
        assert not loop.is_running()


def test_a_turn_of_a_loop_that_another_thread_runs_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: `_run_once()` beside a run would deliver events of the same poll twice."""
    running = threading.Event()
    loop.call_soon(running.set)
    crew = Crew(loop.run_forever)
    running.wait()
    with pytest.raises(RuntimeError, match="This event loop is already running"):
        private(loop)._run_once()
    loop.call_soon_threadsafe(loop.stop)
    crew.join()


def test_a_run_is_stopped_from_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`stop`": it is seen at the end of a turn, whichever thread has called it."""

    def keep_awake() -> None:
        loop.call_soon(keep_awake)

    for _ in range(20):
        running = threading.Event()
        loop.call_soon(running.set)
        loop.call_soon(keep_awake)
        crew = Crew(loop.run_forever)
        running.wait()
        loop.stop()
        crew.join()
    assert not loop.is_running()


def test_close_is_refused_while_another_thread_runs_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`close`": RuntimeError, and the run goes on."""
    running = threading.Event()
    loop.call_soon(running.set)
    crew = Crew(loop.run_forever)
    running.wait()
    for _ in range(ROUNDS):
        with pytest.raises(RuntimeError, match="Cannot close a running event loop"):
            loop.close()
    loop.call_soon_threadsafe(loop.stop)
    crew.join()


def test_posts_beside_close_are_refused_or_released(new_loop: NewLoop) -> None:
    """Issue 19: `call_soon_threadsafe` beside `close()` ends with RuntimeError; nothing stays in the closed loop."""
    references: list[weakref.ref[Part]] = []

    def post(to: asyncio.AbstractEventLoop, told: threading.Event) -> None:
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            to.call_soon_threadsafe(told.set)
            while True:
                part = Part()
                references.append(weakref.ref(part))
                to.call_soon_threadsafe(id, part)

    for _ in range(20):
        loop = new_loop()
        started = threading.Event()
        crew = Crew(*[functools.partial(post, loop, started)] * THREADS)
        while not started.is_set():
            turn(loop)
        loop.close()
        crew.join()
        gc.collect()
        assert [reference for reference in references if reference() is not None] == []
        references.clear()
