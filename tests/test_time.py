"""The clock: `loop.time()`, the accuracy of timers, and delays that are not ordinary numbers.

The order of timers is tested in test_timers.py.
"""

import asyncio
import fractions
import itertools
import math
import sys
import time

import pytest
from support import NewLoop, loop_factory, private, turn, turn_until

# The step of `time.monotonic()`: asyncio runs a timer that is due within it, and nothing finer can be told apart.
RESOLUTION = time.get_clock_info("monotonic").resolution


def test_time_is_monotonic_time(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "`loop.time()` is `time.monotonic()`": the same clock, outside the loop and inside it."""
    for _ in range(3):
        before, now, after = time.monotonic(), loop.time(), time.monotonic()
        assert before <= now <= after

    def inside() -> None:
        before, now, after = time.monotonic(), loop.time(), time.monotonic()
        seen.append(before <= now <= after)

    seen: list[bool] = []
    loop.call_soon(inside)
    turn(loop)
    assert seen == [True]


def test_time_moves_within_a_callback(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "`loop.time()` is `time.monotonic()`": not the time at which the turn began."""
    moved: list[bool] = []

    def inside() -> None:
        begun = loop.time()
        moved.append(any(loop.time() > begun for _ in itertools.repeat(None)))

    loop.call_soon(inside)
    turn(loop)
    assert moved == [True]


@pytest.mark.parametrize("delay", [0.0, 1e-9, 1e-6, 0.0002, 0.000999, 0.001, 0.0015, 0.0101])
def test_a_timer_never_fires_early(loop: asyncio.AbstractEventLoop, delay: float) -> None:
    """Trap "a timer never fires early": not by less than a millisecond either."""
    early: list[float] = []

    def fire(deadline: float) -> None:
        early.append(deadline - loop.time())

    for _ in range(10):
        deadline = loop.time() + delay
        loop.call_at(deadline, fire, deadline)
        loop.call_later(delay, loop.stop)
        loop.run_forever()
    turn_until(loop, lambda: len(early) == 10)
    assert max(early) <= RESOLUTION


def test_sleep_is_never_too_short(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a timer never fires early": `asyncio.sleep`, measured by a clock that is not the loop's."""

    async def slept(seconds: float) -> float:
        begun = time.monotonic()
        await asyncio.sleep(seconds)
        return time.monotonic() - begun

    for seconds in (0.0001, 0.0002, 0.0003, 0.0012, 0.005):
        # The sum of two floating-point numbers near the clock's value is rounded, by less than its resolution.
        assert loop.run_until_complete(slept(seconds)) >= seconds - RESOLUTION


@pytest.mark.vitok_only
@pytest.mark.skipif(sys.platform != "linux", reason="epoll_pwait2 is Linux's")
def test_a_sleep_of_200_microseconds_takes_about_200() -> None:
    """Trap "a 200 µs sleep takes about 200 µs (`epoll_pwait2`)"; asyncio's poller counts whole milliseconds.

    The best of many is asserted, since the kernel may take the processor away in any one: a poller that rounds up to
    milliseconds has no sleep below one. The median is the benchmark's figure.
    """
    loop = loop_factory("vitok")()

    async def slept() -> float:
        begun = time.monotonic()
        await asyncio.sleep(0.0002)
        return time.monotonic() - begun

    try:
        best = min(loop.run_until_complete(slept()) for _ in range(200))
    finally:
        loop.close()
    assert best < 0.0005


@pytest.mark.parametrize("delay", [math.inf, 1e300, 1e10, float(2**63), 10**30])
def test_endless_delays_are_clamped(loop: asyncio.AbstractEventLoop, delay: float) -> None:
    """Trap "infinite and huge delays are clamped": the timer stands, never fires, and can be cancelled."""
    ran: list[str] = []
    forever = loop.call_later(delay, ran.append, "never")
    at = loop.call_at(delay, ran.append, "never")
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert ran == []
    assert float(at.when()) == float(delay)
    assert float(forever.when()) >= float(delay)
    forever.cancel()
    at.cancel()


@pytest.mark.parametrize("delay", [-math.inf, -1e300])
def test_endlessly_overdue_fires_at_once(loop: asyncio.AbstractEventLoop, delay: float) -> None:
    """Trap "infinite and huge delays are clamped": in the other direction too, before everything else that is due."""
    ran: list[str] = []
    loop.call_later(-1, ran.append, "second")
    loop.call_later(delay, ran.append, "first")
    turn_until(loop, lambda: len(ran) == 2)
    assert ran == ["first", "second"]


@pytest.mark.skipif(sys.version_info < (3, 13), reason="asyncio.sleep takes NaN before Python 3.13")
def test_nan_is_refused_where_asyncio_refuses_it(loop: asyncio.AbstractEventLoop) -> None:
    """Line "NaN and infinity are refused as asyncio refuses them": `asyncio.sleep` from Python 3.13 on."""
    with pytest.raises(ValueError, match="NaN"):
        loop.run_until_complete(asyncio.sleep(math.nan))


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_nan_as_a_deadline_is_due_at_once(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Line "NaN and infinity are refused as asyncio refuses them": `call_later` and `call_at` take it, as due."""
    ran: list[str] = []
    handle = getattr(loop, method)(math.nan, ran.append, "at once")
    assert math.isnan(handle.when())
    turn_until(loop, lambda: ran)


def test_infinite_sleep_can_be_cancelled(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "infinite and huge delays are clamped": `asyncio.sleep(inf)` waits until it is cancelled."""

    async def main() -> bool:
        task = asyncio.create_task(asyncio.sleep(math.inf))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert loop.run_until_complete(main())


@pytest.mark.parametrize("delay", [0, 1, True, fractions.Fraction(1, 1000), -0.0])
def test_any_real_number_is_a_delay(loop: asyncio.AbstractEventLoop, delay: float) -> None:
    """Line "asyncio is the oracle": whatever can be added to a float is a delay."""
    before = loop.time()
    handle = loop.call_later(delay, int)
    assert before + delay <= handle.when() <= loop.time() + delay
    assert isinstance(handle.when(), float)
    handle.cancel()


def test_call_at_keeps_the_number_it_was_given(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers and timer handles": `when()` gives back what `call_at` was given, an int too."""
    moment = int(loop.time()) + 3600
    handle = loop.call_at(moment, int)
    assert handle.when() == moment
    handle.cancel()


def test_an_assigned_clock_is_the_loops_clock(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`loop.time` ... can be assigned on it": timers are then counted and fired by it, as tests with one need."""
    now = 1000.0
    loop.time = lambda: now  # type: ignore[method-assign]
    ran: list[str] = []
    handle = loop.call_later(50, ran.append, "fired")
    assert handle.when() == 1050.0
    turn(loop, 3)
    assert ran == []
    now = 1050.0
    turn_until(loop, lambda: ran)


def test_a_subclass_with_its_own_clock(new_loop: NewLoop) -> None:
    """Line "`loop.time` ... can be assigned on it": overriding the method in a subclass is the other way to do it."""

    class Manual(type(new_loop())):  # type: ignore[misc]
        now = 1000.0

        def time(self) -> float:
            return self.now

    loop = Manual()
    try:
        ran: list[str] = []
        handle = loop.call_later(50, ran.append, "fired")
        assert handle.when() == 1050.0
        turn(loop, 3)
        assert ran == []
        loop.now = 1050.0
        turn_until(loop, lambda: ran)
    finally:
        loop.close()


def test_a_waiting_loop_does_not_turn(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": the loop sleeps until the next deadline, and uses no processor while it does."""
    used, begun = time.process_time(), time.monotonic()
    loop.call_later(0.2, loop.stop)
    loop.run_forever()
    assert time.monotonic() - begun >= 0.2 - RESOLUTION
    # A loop that spins would use all of the 200 ms.
    assert time.process_time() - used < 0.1


def test_a_timer_cuts_a_long_sleep_short(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": the nearest deadline decides, whenever it was asked for."""
    far = loop.call_later(3600, int)
    loop.call_later(0.001, lambda: loop.call_later(0.001, loop.stop))
    loop.run_forever()
    far.cancel()
    assert private(loop).is_running() is False
