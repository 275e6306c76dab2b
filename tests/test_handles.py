"""The `asyncio.Handle` of `call_soon` and similar calls: cancelling, the objects it keeps alive, its representation.

Timers and their order, and garbage in cycles, are tested in files of their own.
"""

import asyncio
import contextvars
import functools
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support import private, turn


class Token:
    """An argument whose life can be watched."""


def later(loop: asyncio.AbstractEventLoop, callback: Callable[..., object], *arguments: object) -> asyncio.TimerHandle:
    """`call_later` with a delay that no test waits for."""
    return loop.call_later(60, callback, *arguments)


@pytest.fixture(params=["call_soon", "call_soon_threadsafe", "call_later"])
def schedule(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Callable[..., asyncio.Handle]:
    """Each of the methods that make a handle."""
    if request.param == "call_later":
        return functools.partial(later, loop)
    chosen: Callable[..., asyncio.Handle] = getattr(loop, request.param)
    return chosen


def test_cancel_lets_go_of_callback_and_arguments(schedule: Callable[..., asyncio.Handle]) -> None:
    """Trap "cancelling leaves no garbage": a cancelled handle keeps nothing alive, before the loop ever turns."""
    token = Token()
    watched = weakref.ref(token)
    handle = schedule(lambda _, bound=token: None, token)
    del token
    assert watched() is not None
    handle.cancel()
    assert watched() is None
    assert handle.cancelled()


def test_cancel_twice_is_nothing(schedule: Callable[..., asyncio.Handle]) -> None:
    """Line "asyncio is the oracle": `cancel()` gives None and may be repeated."""
    handle = schedule(int)
    assert not handle.cancelled()
    assert private(handle).cancel() is None
    assert private(handle).cancel() is None
    assert handle.cancelled()


def test_the_loop_forgets_what_it_has_run(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": a handle that nobody holds goes with its arguments as soon as it has run."""
    token = Token()
    watched = weakref.ref(token)
    loop.call_soon(lambda _: None, token)
    loop.call_soon_threadsafe(lambda _: None, token)
    loop.call_later(0, lambda _: None, token)
    del token
    turn(loop, 3)
    assert watched() is None


def test_a_handle_outlives_its_run(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": a handle from a free list is not used again while somebody holds it."""
    ran: list[str] = []
    held = loop.call_soon(ran.append, "held")
    turn(loop)
    others = [loop.call_soon(ran.append, "other") for _ in range(10)]
    assert held not in others
    held.cancel()
    turn(loop)
    assert ran == ["held"] + ["other"] * 10


def test_weak_references(schedule: Callable[..., asyncio.Handle]) -> None:
    """Line "asyncio is the oracle": handles can be referred to weakly, hashed and compared by identity."""
    handle, other = schedule(int), schedule(float)
    assert weakref.ref(handle)() is handle
    assert len({handle, other}) == 2
    assert handle == private(handle)
    assert handle != other
    handle.cancel()
    other.cancel()


def test_close_marks_no_handle_as_cancelled_by_the_user(loop: asyncio.AbstractEventLoop) -> None:
    """Line "during close": a handle of a closed loop can still be asked and cancelled."""
    soon, timer = loop.call_soon(int), loop.call_later(60, int)
    loop.close()
    for handle in (soon, timer):
        handle.cancelled()
        handle.cancel()
        assert handle.cancelled()


def named(value: object = None) -> None:
    """A callback that has a name and a place."""


def asyncio_repr(handle: asyncio.Handle, loop: asyncio.AbstractEventLoop, arguments: tuple[Any, ...]) -> str:
    """How asyncio's own class shows the same handle."""
    if isinstance(handle, asyncio.TimerHandle):
        return repr(asyncio.TimerHandle(handle.when(), named, arguments, loop))
    return repr(asyncio.Handle(named, arguments, loop))


@pytest.mark.parametrize("arguments", [(), (1,), ("two", 3.0)])
def test_repr(
    schedule: Callable[..., asyncio.Handle], loop: asyncio.AbstractEventLoop, arguments: tuple[Any, ...]
) -> None:
    """Line "`debug` mode ... with source": a handle shows callback, arguments, file and line as asyncio's does."""
    handle = schedule(named, *arguments)
    shown = repr(handle).replace("_ThreadSafeHandle", "Handle")
    assert shown == asyncio_repr(handle, loop, arguments)
    assert "named(" in shown
    assert f"{__file__}:" in shown
    handle.cancel()
    assert "cancelled" in repr(handle)


def test_debug_repr_says_where_it_was_made(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode ... with source": the line that asked for it, also after it was cancelled."""
    loop.set_debug(True)
    handles = [loop.call_soon(named), loop.call_soon_threadsafe(named), later(loop, named)]
    for handle in handles:
        assert f"created at {__file__}:" in repr(handle)
        handle.cancel()
        assert "cancelled" in repr(handle)
        assert "named(" in repr(handle)
        assert f"created at {__file__}:" in repr(handle)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Handle.get_context is new in Python 3.12")
def test_get_context(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Signatures": `get_context()` gives the context that the callback runs in."""
    context = contextvars.copy_context()
    assert private(loop.call_soon(int, context=context)).get_context() is context
    assert private(loop.call_soon_threadsafe(int, context=context)).get_context() is context
    timer = loop.call_later(60, int, context=context)
    assert private(timer).get_context() is context
    timer.cancel()
    variable = contextvars.ContextVar[str]("variable")
    variable.set("now")
    assert private(loop.call_soon(int)).get_context()[variable] == "now"


def test_refcounts_come_back(loop: asyncio.AbstractEventLoop) -> None:
    """Promise "nothing leaks": after a thousand rounds of every kind, the counts are what they were."""

    def callback(_: object) -> None:
        """Do nothing."""

    argument, context = Token(), contextvars.copy_context()
    before = [sys.getrefcount(thing) for thing in (callback, argument, context)]
    for _ in range(1000):
        loop.call_soon(callback, argument, context=context)
        loop.call_soon(callback, argument).cancel()
        loop.call_soon_threadsafe(callback, argument, context=context)
        loop.call_later(0, callback, argument, context=context)
        later(loop, callback, argument).cancel()
        turn(loop)
    turn(loop, 2)
    assert [sys.getrefcount(thing) for thing in (callback, argument, context)] == before
