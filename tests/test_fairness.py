"""A flood of callbacks delays nothing for ever: not timers, descriptors, other threads or signals.

Floods are counted in callbacks, not timed: a waiting event must be handled before so many of them have run. The
benchmarks measure times. Causes of starvation are not known here.
"""

import asyncio
import functools
import signal
import socket
import sys
import threading
from collections.abc import Callable

import pytest
from support import private

# asyncio serves everything in every turn. A loop may save polls while callbacks are ready, but not for longer than
# about a millisecond, which at a hundred nanoseconds a turn is ten thousand of them; the rest is room for an optimist.
MOST_CALLBACKS = 100_000
# A flood of several callbacks in each turn, as a busy program has.
WIDTH = 10


class Flood:
    """Callbacks that ask for themselves again for ever, and count; past the limit they stop the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, schedule: Callable[..., object], limit: int | None) -> None:
        self.loop = loop
        self.schedule = schedule
        self.limit = limit
        self.count = 0
        for _ in range(WIDTH):
            schedule(self.again)

    def again(self) -> None:
        """One callback of the flood."""
        self.count += 1
        if self.limit is not None and self.count > self.limit:
            self.loop.stop()
        else:
            self.schedule(self.again)


@pytest.fixture(params=["call_soon", "call_soon_threadsafe", "call_later", "call_very_soon"])
def flood_of(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Callable[[int | None], Flood]:
    """Starts a flood of each kind: plain callbacks, thread-safe ones, timers that are due at once, and timers that
    are due sooner than a loop can sleep and wake.
    """
    if request.param == "call_very_soon":
        return lambda limit: Flood(loop, functools.partial(loop.call_later, 2e-6), limit)
    if request.param == "call_later":
        return lambda limit: Flood(loop, functools.partial(loop.call_later, 0), limit)
    return lambda limit: Flood(loop, getattr(loop, request.param), limit)


def test_a_timer_is_not_starved(loop: asyncio.AbstractEventLoop, flood_of: Callable[[int | None], Flood]) -> None:
    """Trap "a flood of either starves neither timers nor I/O": a timer that is due when the flood begins."""
    flood = flood_of(MOST_CALLBACKS)
    fired: list[int] = []

    def fire() -> None:
        fired.append(flood.count)
        loop.stop()

    loop.call_later(0, fire)
    loop.run_forever()
    assert len(fired) == 1


def test_a_timer_within_the_flood_fires(
    loop: asyncio.AbstractEventLoop, flood_of: Callable[[int | None], Flood]
) -> None:
    """Trap "a flood of either starves neither timers nor I/O": a timer that becomes due while the flood goes on."""
    flood_of(None)
    loop.call_later(0.01, loop.stop)
    loop.run_forever()


def test_a_descriptor_is_not_starved(loop: asyncio.AbstractEventLoop, flood_of: Callable[[int | None], Flood]) -> None:
    """Trap "a flood of either starves neither timers nor I/O": readable before the flood, and again within it."""
    ours, peer = socket.socketpair()
    served: list[int] = []
    limit = MOST_CALLBACKS * 11

    def read() -> None:
        ours.recv(1)
        served.append(flood.count)
        if len(served) == 10:
            loop.stop()
        peer.send(b"x")

    with ours, peer:
        peer.send(b"x")
        loop.add_reader(ours, read)
        flood = flood_of(limit)
        loop.run_forever()
        loop.remove_reader(ours)
    assert len(served) == 10
    gaps = [later - sooner for sooner, later in zip([0, *served], served, strict=False)]
    assert max(gaps) <= MOST_CALLBACKS


def test_a_descriptor_added_within_the_flood(
    loop: asyncio.AbstractEventLoop, flood_of: Callable[[int | None], Flood]
) -> None:
    """Trap "a flood of either starves neither timers nor I/O": the loop watched nothing when the flood began."""
    ours, peer = socket.socketpair()
    served: list[int] = []

    def serve() -> None:
        served.append(flood.count)
        loop.stop()

    def begin() -> None:
        flood.limit = flood.count + MOST_CALLBACKS
        peer.send(b"x")
        loop.add_reader(ours, serve)

    with ours, peer:
        flood = flood_of(None)
        loop.call_later(0.01, begin)
        loop.run_forever()
        loop.remove_reader(ours)
    assert len(served) == 1


def test_another_thread_is_heard(loop: asyncio.AbstractEventLoop, flood_of: Callable[[int | None], Flood]) -> None:
    """Trap "a flood of either starves neither": another thread asks a hundred times in turn."""
    flood_of(None)
    answered = threading.Semaphore(0)

    def ask() -> None:
        for _ in range(100):
            loop.call_soon_threadsafe(answered.release)
            answered.acquire()
        loop.call_soon_threadsafe(loop.stop)

    # Between two questions the thread needs the interpreter, which the flood gives up once in a switch interval.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    try:
        thread = threading.Thread(target=ask)
        thread.start()
        loop.run_forever()
        thread.join()
    finally:
        sys.setswitchinterval(interval)


def test_ready_callbacks_go_on_under_a_flood_from_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a flood of either starves neither": another thread floods; callbacks, timers and I/O run."""
    over = threading.Event()
    ours, peer = socket.socketpair()
    seen: set[str] = set()

    def flood() -> None:
        while not over.is_set():
            for _ in range(100):
                loop.call_soon_threadsafe(int)

    def see(what: str) -> None:
        seen.add(what)
        if len(seen) == 3:
            loop.stop()

    thread = threading.Thread(target=flood)
    with ours, peer:
        thread.start()
        peer.send(b"x")
        loop.add_reader(ours, see, "descriptor")
        loop.call_later(0.001, see, "timer")
        loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(see, "callback")))
        loop.run_forever()
        over.set()
        thread.join()
        loop.remove_reader(ours)
    assert seen == {"descriptor", "timer", "callback"}


def test_other_threads_run_under_a_flood_without_python(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a flood of either starves neither": callbacks that run no bytecode give up the interpreter all the same."""
    again = functools.partial(loop.call_soon)
    # The only way to a callback in C that asks for itself: a partial whose argument is itself.
    private(again).__setstate__((loop.call_soon, (again,), {}, {}))
    loop.call_soon(again)
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop))
    thread.start()
    loop.run_forever()
    thread.join()
    private(again).__setstate__((int, (), {}, {}))


def test_a_signal_is_heard(loop: asyncio.AbstractEventLoop, flood_of: Callable[[int | None], Flood]) -> None:
    """Trap "a flood of either starves neither": a handler of `add_signal_handler` runs within the flood."""
    flood_of(None)
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    loop.call_later(0, signal.raise_signal, signal.SIGUSR1)
    loop.run_forever()
    loop.remove_signal_handler(signal.SIGUSR1)


def test_a_busy_descriptor_starves_no_other(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "stays level-triggered": a descriptor that is always ready leaves room for callbacks, timers and another."""
    busy, busy_peer = socket.socketpair()
    ours, peer = socket.socketpair()
    seen: set[str] = set()

    def see(what: str) -> None:
        seen.add(what)
        if len(seen) == 4:
            loop.stop()

    with busy, busy_peer, ours, peer:
        busy_peer.send(b"x")
        peer.send(b"x")
        loop.add_reader(busy, see, "busy")
        loop.add_reader(ours, see, "other")
        loop.call_later(0.001, see, "timer")
        loop.call_later(0.002, lambda: loop.call_soon(see, "callback"))
        loop.run_forever()
        loop.remove_reader(busy)
        loop.remove_reader(ours)
    assert seen == {"busy", "other", "timer", "callback"}
