"""Exceptions in callbacks: how they are reported, and which of them end the run.

Ctrl-C from outside is tested in test_keyboard_interrupt.py.
"""

import asyncio
import contextvars
import gc
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support import ErrorLog, NewLoop, private, turn, turn_until

Contexts = list[dict[str, Any]]


def fail(error: BaseException | None = None) -> None:
    """A callback that fails."""
    raise error or LookupError("nothing there")


@pytest.fixture
def contexts(loop: asyncio.AbstractEventLoop) -> Contexts:
    """What the loop's exception handler was called with."""
    seen: Contexts = []
    loop.set_exception_handler(lambda _, context: seen.append(context))
    return seen


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_the_handler_hears_whose_exception_it_was(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, method: str
) -> None:
    """Design, "The rooms": an exception reaches the loop's exception handler saying whose it was; the loop goes on."""
    arguments = (0,) if method == "call_later" else ()
    handle = getattr(loop, method)(*arguments, fail)
    ran: list[str] = []
    getattr(loop, method)(*arguments, ran.append, "behind")
    turn_until(loop, lambda: ran)
    assert len(contexts) == 1
    assert contexts[0]["handle"] is handle
    assert isinstance(contexts[0]["exception"], LookupError)
    assert contexts[0]["message"].startswith("Exception in callback fail")
    assert __file__ in contexts[0]["message"]


def test_a_reader_that_fails_stays_watched(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Design, "The rooms": a failing reader is reported each time, as long as it is watched."""
    ours, peer = socket.socketpair()
    with ours, peer:
        peer.send(b"x")
        loop.add_reader(ours, fail)
        turn_until(loop, lambda: len(contexts) >= 2)
        assert {type(context["exception"]) for context in contexts} == {LookupError}
        assert isinstance(contexts[0]["handle"], asyncio.Handle)
        loop.remove_reader(ours)


def test_the_default_handler_logs(loop: asyncio.AbstractEventLoop, error_log: ErrorLog) -> None:
    """Line "asyncio is the oracle": without a handler, the error is in asyncio's log with its traceback."""
    loop.call_soon(fail)
    turn(loop)
    [record] = error_log.take()
    assert record.getMessage().startswith("Exception in callback fail")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


def test_set_and_get(loop: asyncio.AbstractEventLoop, error_log: ErrorLog) -> None:
    """Line "asyncio is the oracle": the handler can be read and taken away; what is no callable is a TypeError."""
    assert loop.get_exception_handler() is None

    def handler(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep quiet."""

    loop.set_exception_handler(handler)
    assert loop.get_exception_handler() is handler
    with pytest.raises(TypeError, match="callable"):
        loop.set_exception_handler(private(42))
    assert loop.get_exception_handler() is handler
    loop.set_exception_handler(None)
    assert loop.get_exception_handler() is None
    loop.call_soon(fail)
    turn(loop)
    assert len(error_log.take()) == 1


def test_call_exception_handler(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Line "asyncio is the oracle": the user's own report goes to the handler, unchanged."""
    context = {"message": "mine", "anything": 1}
    loop.call_exception_handler(context)
    assert contexts[0] is context


def test_the_handler_replaced_within_itself(loop: asyncio.AbstractEventLoop) -> None:
    """Habit "code that user callbacks can re-enter": a handler that puts another in its place."""
    seen: list[str] = []

    def first(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        seen.append("first")
        loop.set_exception_handler(lambda *_: seen.append("second"))

    loop.set_exception_handler(first)
    loop.call_soon(fail)
    loop.call_soon(fail)
    turn(loop)
    assert seen == ["first", "second"]


def test_an_exception_in_the_handler_is_logged(loop: asyncio.AbstractEventLoop, error_log: ErrorLog) -> None:
    """Trap "an exception in the exception handler is logged, not lost", and the loop goes on."""

    def broken(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        raise ZeroDivisionError("in the handler")

    loop.set_exception_handler(broken)
    ran: list[str] = []
    loop.call_soon(fail)
    loop.call_soon(ran.append, "behind")
    turn(loop)
    [record] = error_log.take()
    assert record.getMessage().startswith("Unhandled error in exception handler")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ZeroDivisionError)
    assert ran == ["behind"]


def test_an_exception_in_an_overridden_default_handler_is_logged(new_loop: NewLoop, error_log: ErrorLog) -> None:
    """Trap "an exception in the exception handler is logged": also where a subclass overrides the default handler."""

    class Broken(type(new_loop())):  # type: ignore[misc]
        def default_exception_handler(self, context: dict[str, Any]) -> None:
            raise ZeroDivisionError("in the default handler")

    loop = Broken()
    try:
        loop.call_soon(fail)
        turn(loop)
    finally:
        loop.close()
    [record] = error_log.take()
    assert record.getMessage() == "Exception in default exception handler"


def by_call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """From a plain callback."""
    loop.call_soon(callback)


def by_threadsafe(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """From a callback of `call_soon_threadsafe`."""
    loop.call_soon_threadsafe(callback)


def by_timer(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """From a timer."""
    loop.call_later(0, callback)


def by_reader(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """From a reader."""
    ours, peer = socket.socketpair()
    peer.send(b"x")

    def once() -> None:
        loop.remove_reader(ours)
        ours.close()
        peer.close()
        callback()

    loop.add_reader(ours, once)


def by_task(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """From a task, whose exception is looked at so that it is not reported as lost."""

    async def main() -> None:
        callback()

    loop.create_task(main()).add_done_callback(lambda task: task.exception())


def by_done_callback(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """From a callback of a future."""
    future = loop.create_future()
    future.add_done_callback(lambda _: callback())
    future.set_result(None)


def by_exception_handler(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    """From the exception handler itself."""
    loop.set_exception_handler(lambda *_: callback())
    loop.call_soon(fail)


SOURCES = [by_call_soon, by_threadsafe, by_timer, by_reader, by_task, by_done_callback, by_exception_handler]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_keyboard_interrupt_and_system_exit_leave_the_loop(
    loop: asyncio.AbstractEventLoop,
    source: Callable[[asyncio.AbstractEventLoop, Callable[[], object]], None],
    error: type[BaseException],
) -> None:
    """Trap "KeyboardInterrupt and SystemExit leave `run_forever` from any callback"; nothing that was ready is lost."""
    raised = error("out")
    source(loop, lambda: fail(raised))
    ran: list[str] = []
    with pytest.raises(error) as caught:
        loop.run_forever()
    assert caught.value is raised
    assert not loop.is_running()
    assert not loop.is_closed()
    loop.set_exception_handler(None)
    loop.call_soon(ran.append, "usable")
    turn(loop, 2)
    assert ran == ["usable"]


@pytest.mark.parametrize("error", [GeneratorExit, type("Custom", (BaseException,), {})])
def test_other_base_exceptions_reach_the_handler(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, error: type[BaseException]
) -> None:
    """Line "a BaseException from a callback is never swallowed": asyncio gives these to the exception handler."""
    loop.call_soon(fail, error())
    turn(loop)
    assert [type(context["exception"]) for context in contexts] == [error]


def test_cancelled_error_of_a_callback_reaches_the_handler(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Line "a BaseException from a callback is never swallowed": CancelledError is one."""
    loop.call_soon(fail, asyncio.CancelledError())
    turn(loop)
    assert [type(context["exception"]) for context in contexts] == [asyncio.CancelledError]


def test_what_was_ready_behind_an_interrupt_still_runs(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a heap or ring is consistent": ready callbacks and due timers survive an exception that leaves the loop."""
    ran: list[str] = []
    loop.call_soon(fail, SystemExit())
    loop.call_soon(ran.append, "ready")
    loop.call_soon_threadsafe(ran.append, "threadsafe")
    loop.call_later(-1, ran.append, "timer")
    with pytest.raises(SystemExit):
        loop.run_forever()
    turn_until(loop, lambda: len(ran) == 3)
    assert sorted(ran) == ["ready", "threadsafe", "timer"]


def test_in_whose_context_the_handler_runs(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "the exception handler runs outside the handle's context": it does in Python 3.11.

    From 3.12 on asyncio enters the handle's context anew for the handler, once the callback has left it.
    """
    variable = contextvars.ContextVar("variable", default="outside")
    seen: list[str] = []
    loop.set_exception_handler(lambda *_: seen.append(variable.get()))
    context = contextvars.copy_context()
    context.run(variable.set, "inside")
    loop.call_soon(fail, context=context)
    turn(loop)
    assert seen == ["inside" if sys.version_info >= (3, 12) else "outside"]
    assert variable.get() == "outside"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_exit_from_the_main_task_is_no_lost_exception(new_loop: NewLoop, error: type[BaseException]) -> None:
    """`sys.exit()` in the main task of a Runner is not reported as an exception that was never retrieved."""
    reported: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        raise error

    def run() -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(main())

    with pytest.raises(error):
        run()
    gc.collect()
    assert reported == []


def test_run_until_complete_and_an_interrupted_task(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "KeyboardInterrupt and SystemExit leave `run_forever`": once, not again when the loop runs the next time."""

    async def main() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        loop.run_until_complete(main())
    assert caught.value.code == 3
    assert loop.run_until_complete(asyncio.sleep(0, "usable")) == "usable"


def test_the_traceback_ends_at_the_callback(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Promise "each error says who is at fault": the innermost frame is the user's line."""
    loop.call_soon(fail)
    turn(loop)
    traceback = contexts[0]["exception"].__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    assert traceback.tb_frame.f_code is fail.__code__
    contexts.clear()
