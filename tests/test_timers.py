"""Timers: `call_later`, `call_at`, their order, cancelling, and the removal of cancelled ones.

The accuracy of the clock is tested in test_time.py, the representation of handles in test_handles.py.
"""

import asyncio
import contextvars
import random
import weakref

import pytest
from support import private, turn, turn_until


def test_deadlines_decide_not_the_order_of_calls(loop: asyncio.AbstractEventLoop) -> None:
    """Line "keeps the order of deadlines": a thousand deadlines in the past, asked for in a random order."""
    base = loop.time() - 10
    numbers = list(range(1000))
    random.Random(2).shuffle(numbers)
    ran: list[int] = []
    for number in numbers:
        loop.call_at(base + number / 1000, ran.append, number)
    turn_until(loop, lambda: len(ran) == 1000)
    assert ran == sorted(numbers)


def test_negative_delay_keeps_the_order_of_deadlines(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`call_later` with a negative delay keeps the order of deadlines": the longer ago, the earlier."""
    ran: list[int] = []
    for delay in (-1, -3, 0, -2):
        loop.call_later(delay, ran.append, delay)
    turn_until(loop, lambda: len(ran) == 4)
    assert ran == [-3, -2, -1, 0]


def test_few_equal_deadlines_fire_in_the_order_they_were_made(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "equal deadlines fire in the order they were made"; asyncio's heap keeps it for three, not for four."""
    when = loop.time() - 1
    ran: list[int] = []
    for number in range(3):
        loop.call_at(when, ran.append, number)
    turn_until(loop, lambda: len(ran) == 3)
    assert ran == [0, 1, 2]


@pytest.mark.vitok_only
def test_all_equal_deadlines_fire_in_the_order_they_were_made() -> None:
    """Trap "equal deadlines fire in the order they were made": a promise of ours, where asyncio's heap gives none."""
    import vitok

    ran: list[int] = []
    loop = vitok.Loop()
    try:
        when = loop.time() - 1
        timers = [loop.call_at(when, ran.append, number) for number in range(1000)]
        for timer in timers[::3]:
            timer.cancel()
        turn_until(loop, lambda: len(ran) >= 666)
    finally:
        loop.close()
    assert ran == [number for number in range(1000) if number % 3]


def test_what_is_due_runs_behind_what_is_ready(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": due timers join the ready callbacks; asyncio's place for them is behind those."""
    ran: list[str] = []
    loop.call_later(-1, ran.append, "timer")
    loop.call_soon(ran.append, "ready")
    turn_until(loop, lambda: len(ran) == 2)
    assert ran == ["ready", "timer"]


def test_when_is_the_deadline(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Transports, servers and timer handles": `when()` is on the clock of `loop.time()`."""
    before = loop.time()
    later, at = loop.call_later(5, int), loop.call_at(before + 7.25, int)
    after = loop.time()
    assert before + 5 <= later.when() <= after + 5
    assert at.when() == before + 7.25
    later.cancel()
    at.cancel()
    assert at.when() == before + 7.25


def test_arguments_and_context_reach_a_timer(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The rooms": a timer's callback runs with its arguments in the context of the call, or the one given."""
    variable = contextvars.ContextVar("variable", default="outside")
    got: list[tuple[object, ...]] = []
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    token = variable.set("when called")
    loop.call_later(0, lambda *arguments: got.append((variable.get(), *arguments)), 1, 2)
    variable.reset(token)
    loop.call_at(loop.time(), lambda *arguments: got.append((variable.get(), *arguments)), 3, context=context)
    turn_until(loop, lambda: len(got) == 2)
    assert got == [("when called", 1, 2), ("given", 3)]


def test_a_cancelled_timer_never_fires(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": cancelled before it is due, when it is due, and by a timer that is due with it."""
    ran: list[str] = []
    loop.call_later(60, ran.append, "never").cancel()
    loop.call_later(-1, ran.append, "never").cancel()
    victims: list[asyncio.TimerHandle] = []
    loop.call_later(-3, lambda: victims[0].cancel())
    victims.append(loop.call_later(-2, ran.append, "never"))
    loop.call_later(-1, ran.append, "last")
    turn_until(loop, lambda: ran)
    turn(loop, 3)
    assert ran == ["last"]
    assert victims[0].cancelled()


def test_cancelling_what_has_fired_is_nothing(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": `cancel()` of a timer that has run touches no other timer."""
    ran: list[str] = []
    first = loop.call_later(-1, ran.append, "first")
    turn_until(loop, lambda: ran)
    loop.call_later(-1, ran.append, "second")
    first.cancel()
    turn_until(loop, lambda: len(ran) == 2)
    assert ran == ["first", "second"]


def test_a_timer_that_cancels_itself_while_it_runs(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "A handle that cancels itself while it runs": the same for a timer, which asks for itself again."""
    ran: list[int] = []
    timers: list[asyncio.TimerHandle] = []

    def again(number: int) -> None:
        timers.pop().cancel()
        ran.append(number)
        timers.append(loop.call_later(0, again, number + 1))

    timers.append(loop.call_later(0, again, 0))
    turn_until(loop, lambda: len(ran) >= 10)
    timers.pop().cancel()
    assert ran == list(range(len(ran)))


def test_a_timer_made_by_a_timer_waits_for_its_turn(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "starves neither timers nor I/O": timers that are due at once again and again let ready callbacks run."""
    rounds = 0

    def again() -> None:
        nonlocal rounds
        rounds += 1
        loop.call_later(0, again)

    again()
    ran: list[str] = []
    loop.call_soon(ran.append, "ready")
    turn_until(loop, lambda: ran)
    assert rounds <= 3


def test_cancelled_timers_do_not_pile_up(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": "cancelling is O(1) and leaves no garbage that grows"; nothing is left after a turn."""
    handles = [loop.call_later(3600, int) for _ in range(10_000)]
    watched = [weakref.ref(handle) for handle in handles]
    for handle in handles:
        handle.cancel()
    handles.clear()
    del handle
    turn(loop)
    # asyncio keeps up to a hundred cancelled ones, or as many as are still alive; fewer is fine.
    assert sum(reference() is not None for reference in watched) <= 100
    assert len(private(loop)._scheduled) <= 100


def test_few_live_timers_among_many_cancelled_still_fire(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a heap or ring is consistent": when cancelled timers are swept out, the live ones keep their order."""
    base = loop.time() - 10
    ran: list[int] = []
    chance = random.Random(3)
    handles = {number: loop.call_at(base + number / 1000, ran.append, number) for number in range(3000)}
    gone = set(chance.sample(sorted(handles), 2900))
    for number in gone:
        handles[number].cancel()
    turn_until(loop, lambda: len(ran) == 100)
    assert ran == sorted(set(handles) - gone)


def test_timers_mixed_at_random_follow_a_plain_model(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a heap or ring is consistent": making, cancelling and firing in a random order, against a sorted list."""
    chance = random.Random(4)
    base = loop.time() - 100
    live: dict[int, asyncio.TimerHandle] = {}
    expected: list[int] = []
    ran: list[int] = []
    for number in range(2000):
        live[number] = loop.call_at(base + chance.random(), ran.append, number)
        if chance.random() < 0.4:
            live.pop(chance.choice(sorted(live))).cancel()
        if chance.random() < 0.02:
            expected += sorted(live, key=lambda key: live[key].when())
            live.clear()
            so_far = len(expected)
            turn_until(loop, lambda so_far=so_far: len(ran) == so_far)  # type: ignore[misc]
    assert ran == expected


@pytest.mark.parametrize("delay", [None, "1", object()])
def test_a_delay_that_is_no_number_is_refused(loop: asyncio.AbstractEventLoop, delay: object) -> None:
    """Line "refused as asyncio refuses them": a TypeError at the call, and nothing is scheduled."""
    with pytest.raises(TypeError):
        loop.call_later(private(delay), int)
    assert len(private(loop)._scheduled) == 0


def test_no_moment_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    """Line "refused as asyncio refuses them": `call_at(None)`."""
    with pytest.raises(TypeError):
        loop.call_at(private(None), int)


@pytest.mark.parametrize("method", ["call_later", "call_at"])
def test_a_closed_loop_takes_no_timer(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Line "after close (RuntimeError)": timers too."""
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        getattr(loop, method)(0, int)
