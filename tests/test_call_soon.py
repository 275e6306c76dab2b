"""`call_soon`, the turns of the loop, and `run_forever`, `run_until_complete` and `stop` around them.

Other threads, timers and descriptors are tested in files of their own.
"""

import asyncio
import contextvars
import functools
import pkgutil
import sys
from collections.abc import AsyncGenerator
from typing import Any
from unittest.mock import Mock

import pytest
from support import ErrorLog, NewLoop, private, turn


def test_order_is_first_in_first_out(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "FIFO holds": callbacks run in the order they were asked for."""
    ran: list[int] = []
    for number in range(1000):
        loop.call_soon(ran.append, number)
    turn(loop)
    assert ran == list(range(1000))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 8, 16, 300])
def test_arguments_arrive_as_given(loop: asyncio.AbstractEventLoop, count: int) -> None:
    """Design, "The hot path": arguments lie inside the handle; every number of them arrives."""
    got: list[tuple[object, ...]] = []
    arguments = tuple(object() for _ in range(count))
    loop.call_soon(lambda *received: got.append(received), *arguments)
    turn(loop)
    assert got == [arguments]


def test_any_callable_is_called(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": callables are called by vectorcall, which not every callable has."""
    got: list[object] = []

    class Callee:
        def __call__(self, value: object) -> None:
            got.append(("called", value))

        def method(self, value: object) -> None:
            got.append(("method", value))

        @classmethod
        def of_class(cls, value: object) -> None:
            got.append((cls.__name__, value))

        def __init__(self, value: object = None) -> None:
            if value is not None:
                got.append(("made", value))

    callee = Callee()
    callbacks: list[Any] = [callee, callee.method, Callee.of_class, Callee]
    for callback in callbacks:
        loop.call_soon(callback, 1)
    loop.call_soon(functools.partial(callee.method, "bound"))
    loop.call_soon(got.append, "builtin")
    turn(loop)
    assert got == [("called", 1), ("method", 1), ("Callee", 1), ("made", 1), ("method", "bound"), "builtin"]


def test_what_a_callback_asks_for_waits_for_the_next_turn(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": ready callbacks are a snapshot: what they add waits for the next turn."""
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        loop.call_soon(ran.append, "next turn")

    loop.call_soon(first)
    loop.call_soon(ran.append, "second")
    turn(loop)
    assert ran == ["first", "second"]
    turn(loop)
    assert ran == ["first", "second", "next turn"]


def test_stop_lets_the_turn_end(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": `stop()` in a callback ends the loop after the turn, and loses nothing."""
    ran: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(ran.append, "same turn")
    loop.call_soon(lambda: loop.call_soon(ran.append, "later"))
    loop.run_forever()
    assert ran == ["same turn"]
    assert not loop.is_running()
    turn(loop)
    assert ran == ["same turn", "later"]


def test_stop_before_running_gives_one_turn(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": a stopped loop that is started runs what is ready once."""
    ran: list[str] = []
    loop.call_soon(ran.append, "ready")
    loop.stop()
    loop.run_forever()
    assert ran == ["ready"]


def test_a_cancelled_callback_does_not_run(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "A handle that cancels itself": cancelled before its turn, also by a callback of the same turn."""
    ran: list[str] = []
    loop.call_soon(ran.append, "never").cancel()
    behind: list[asyncio.Handle] = []
    loop.call_soon(lambda: behind[0].cancel())
    behind.append(loop.call_soon(ran.append, "never"))
    turn(loop)
    assert ran == []


def test_runs_in_the_context_of_the_call(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The rooms": each call of user code runs in its contextvars context."""
    variable = contextvars.ContextVar("variable", default="outside")
    seen: list[str] = []

    def read_and_change() -> None:
        seen.append(variable.get())
        variable.set("changed by a callback")

    token = variable.set("when called")
    loop.call_soon(read_and_change)
    variable.reset(token)
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    loop.call_soon(read_and_change, context=context)
    loop.call_soon(read_and_change)
    turn(loop)
    assert seen == ["when called", "given", "outside"]
    assert variable.get() == "outside"
    assert context[variable] == "changed by a callback"


def test_a_context_entered_already_is_an_error_of_that_callback_alone(
    loop: asyncio.AbstractEventLoop, error_log: ErrorLog
) -> None:
    """Trap "the exception handler runs outside the handle's context": a context can't be entered twice.

    From Python 3.12 on the exception handler is to run in that same context and so can't run either: the log has it.
    """
    ran: list[str] = []
    problems: list[BaseException | None] = []
    loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))
    context = contextvars.copy_context()

    def run_in_it() -> None:
        loop.call_soon(ran.append, "never", context=context)
        loop.call_soon(ran.append, "behind")
        turn(loop)

    context.run(run_in_it)
    problems += [record.exc_info[1] for record in error_log.take() if record.exc_info]
    assert ran == ["behind"]
    assert [type(problem) for problem in problems] == [RuntimeError]


def test_only_context_is_a_keyword(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Signatures": an unknown keyword or no callback at all is a TypeError, as asyncio's is."""
    inside = private(loop)
    for method, arguments in ((inside.call_soon, ()), (inside.call_later, (1,)), (inside.call_at, ())):
        with pytest.raises(TypeError):
            method(*arguments)
        with pytest.raises(TypeError):
            method(*arguments, int, keyword=1)
    with pytest.raises(TypeError):
        inside.call_soon_threadsafe(int, keyword=1)
    turn(loop)


def test_a_callback_that_is_no_callable_fails_when_it_runs(loop: asyncio.AbstractEventLoop) -> None:
    """Line "asyncio is the oracle": outside debug mode it is accepted, and the exception handler hears of it."""
    problems: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))
    private(loop).call_soon(42)
    turn(loop)
    assert [type(problem) for problem in problems] == [TypeError]


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe"])
def test_a_closed_loop_takes_no_callback(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Line "`call_soon_threadsafe` ... after close (RuntimeError)", and `call_soon` with it."""
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        getattr(loop, method)(int)


def test_close_drops_what_was_ready(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`call_soon_threadsafe` ... during close": what was queued is dropped and let go of."""
    ran: list[str] = []
    loop.call_soon(ran.append, "never")
    loop.call_soon_threadsafe(ran.append, "never")
    loop.call_later(0, ran.append, "never")
    loop.close()
    assert ran == []


def test_run_until_complete_gives_the_result_or_the_exception(loop: asyncio.AbstractEventLoop) -> None:
    """Line "asyncio is the oracle": a coroutine, a future that is done, one that fails, and nothing awaitable."""

    async def fail() -> None:
        raise LookupError("nothing there")

    done = loop.create_future()
    done.set_result("done")
    assert loop.run_until_complete(asyncio.sleep(0, "slept")) == "slept"
    assert loop.run_until_complete(done) == "done"
    with pytest.raises(LookupError, match="nothing there"):
        loop.run_until_complete(fail())
    with pytest.raises(TypeError):
        loop.run_until_complete(private(42))


def test_run_until_complete_of_another_loops_future(new_loop: NewLoop) -> None:
    """Line "asyncio is the oracle": a future of another loop is a ValueError."""
    loop, other = new_loop(), new_loop()
    with pytest.raises(ValueError, match="belong"):
        loop.run_until_complete(other.create_future())


def test_stopped_before_the_future_is_done(loop: asyncio.AbstractEventLoop) -> None:
    """Line "asyncio is the oracle": `run_until_complete` says that it was stopped early."""
    future = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(future)


@pytest.mark.parametrize("run", ["run_forever", "run_until_complete"])
def test_a_running_loop_does_not_run_again(loop_name: str, new_loop: NewLoop, run: str) -> None:
    """Line "asyncio is the oracle": neither itself nor another loop in the same thread."""
    if (loop_name, run, sys.version_info[:2]) == ("asyncio", "run_forever", (3, 13)):
        pytest.skip("asyncio's own loop forgets in Python 3.13.0 that it runs when it refuses to run again")
    loop, other = new_loop(), new_loop()

    def refuse(target: asyncio.AbstractEventLoop, reason: str) -> None:
        arguments = [] if run == "run_forever" else [target.create_future()]
        with pytest.raises(RuntimeError, match=reason):
            getattr(target, run)(*arguments)

    async def main() -> None:
        refuse(loop, "This event loop is already running")
        refuse(other, "Cannot run the event loop while another loop is running")

    loop.run_until_complete(main())
    assert other.run_until_complete(asyncio.sleep(0, "still works")) == "still works"


def test_who_is_running(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`asyncio.all_tasks`, `current_task`": the running loop is known inside and forgotten outside."""
    seen: list[tuple[asyncio.AbstractEventLoop, bool]] = []
    loop.call_soon(lambda: seen.append((asyncio.get_running_loop(), loop.is_running())))
    turn(loop)
    assert seen == [(loop, True)]
    assert not loop.is_running()
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_async_generators_are_closed_by_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Line "asyncio is the oracle": `shutdown_asyncgens` closes what was begun, and the hooks are put back."""
    before = sys.get_asyncgen_hooks()
    ended: list[str] = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            ended.append("closed")

    async def begin() -> AsyncGenerator[int, None]:
        generator = numbers()
        await anext(generator)
        return generator

    generator = loop.run_until_complete(begin())
    assert sys.get_asyncgen_hooks() == before
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert ended == ["closed"]
    assert private(generator).ag_frame is None


def test_a_run_calls_what_stands_in_the_modules(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What replaces a function of a module is called by the next run: runs went on calling the one of the import."""
    times = {
        "asyncio.events._set_running_loop": 2,
        "sys.get_asyncgen_hooks": 1,
        "sys.set_asyncgen_hooks": 2,
        "sys.get_coroutine_origin_tracking_depth": 1,
        "sys.set_coroutine_origin_tracking_depth": 2,
    }
    replaced = {name: Mock(wraps=pkgutil.resolve_name(name)) for name in times}
    loop.set_debug(True)
    loop.call_soon(loop.stop)
    with monkeypatch.context() as patch:
        for name, function in replaced.items():
            patch.setattr(name, function)
        patch.setattr("asyncio.constants.DEBUG_STACK_DEPTH", 3)
        loop.run_forever()
    assert {name: function.call_count for name, function in replaced.items()} == times
    replaced["sys.set_coroutine_origin_tracking_depth"].assert_any_call(3)


def test_deep_recursion_in_a_callback_is_an_exception(loop: asyncio.AbstractEventLoop) -> None:
    """Promise "No code path aborts the process": RecursionError reaches the exception handler."""
    problems: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: problems.append(context["exception"]))

    def recurse() -> None:
        recurse()

    loop.call_soon(recurse)
    turn(loop)
    assert [type(problem) for problem in problems] == [RecursionError]
