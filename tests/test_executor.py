"""`run_in_executor`: the call into the pool, and the result's way back to the loop.

Executors themselves are not tested here.
"""

import asyncio
import concurrent.futures
import contextvars
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support import NewLoop, private


@pytest.fixture
def pool() -> concurrent.futures.ThreadPoolExecutor:
    """An executor of the test's own, which the test shuts down."""
    return concurrent.futures.ThreadPoolExecutor(max_workers=2)


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Let the threads of the default executor end before the test does."""
    loop.run_until_complete(loop.shutdown_default_executor())


def test_default_executor_gives_result_and_exception(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 2, "the ends of `run_in_executor`": in another thread, with its arguments; an exception comes back."""

    def divide(left: int, right: int) -> tuple[float, bool]:
        return left / right, threading.current_thread() is not threading.main_thread()

    assert loop.run_until_complete(loop.run_in_executor(None, divide, 6, 3)) == (2.0, True)
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(loop.run_in_executor(None, divide, 1, 0))
    end(loop)


def test_an_executor_of_the_users(loop: asyncio.AbstractEventLoop, pool: concurrent.futures.ThreadPoolExecutor) -> None:
    """Issue 2, "the ends of `run_in_executor`": it runs where it was asked to, and gives an asyncio future."""
    with pool:
        future = loop.run_in_executor(pool, threading.get_ident)
        assert isinstance(future, asyncio.Future)
        assert loop.run_until_complete(future) in [thread.ident for thread in pool._threads]


def test_the_result_wakes_a_sleeping_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": a thousand results in turn, each waking a loop that has nothing else to do."""

    async def main() -> int:
        return sum([await loop.run_in_executor(None, int, "1") for _ in range(1000)])

    assert loop.run_until_complete(main()) == 1000
    end(loop)


def test_many_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": results of many threads arrive all, whatever the order they come in."""

    async def main() -> list[int]:
        return await asyncio.gather(*[loop.run_in_executor(None, int, str(number)) for number in range(500)])

    assert loop.run_until_complete(main()) == list(range(500))
    end(loop)


def test_set_default_executor(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`loop.set_default_executor`": the executor that is set is used; what is no thread pool is refused."""
    executor = concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="mine")
    loop.set_default_executor(executor)
    assert private(loop)._default_executor is executor
    name = loop.run_until_complete(loop.run_in_executor(None, lambda: threading.current_thread().name))
    assert name.startswith("mine")
    with pytest.raises(TypeError):
        loop.set_default_executor(private(object()))
    end(loop)


def test_after_shutdown(loop: asyncio.AbstractEventLoop) -> None:
    """Line "asyncio is the oracle": once the default executor is shut down, it takes no more work."""
    loop.run_until_complete(loop.run_in_executor(None, int))
    end(loop)
    with pytest.raises(RuntimeError, match="Executor shutdown has been called"):
        loop.run_in_executor(None, int)


def test_after_close(loop: asyncio.AbstractEventLoop) -> None:
    """Line "after close (RuntimeError)": work for a closed loop is refused."""
    loop.close()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.run_in_executor(None, int)


def test_debug_mode_refuses_a_coroutine_function(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`debug` mode": a coroutine function given to a thread would never be awaited."""

    async def never() -> None:
        """Never runs."""

    loop.set_debug(True)
    with pytest.raises(TypeError, match="coroutines cannot be used with run_in_executor"):
        loop.run_in_executor(None, private(never))


def test_context_is_not_carried_over_but_to_thread_does(loop: asyncio.AbstractEventLoop) -> None:
    """Line "asyncio is the oracle": `run_in_executor` runs outside the caller's context, `asyncio.to_thread` inside.

    A thread begins with the context that started it where the interpreter says so, as without the GIL.
    """
    of_the_thread = "inside" if getattr(sys.flags, "thread_inherit_context", False) else "outside"
    variable = contextvars.ContextVar("variable", default="outside")

    async def main() -> list[str]:
        variable.set("inside")
        return [await loop.run_in_executor(None, variable.get), await asyncio.to_thread(variable.get)]

    assert loop.run_until_complete(main()) == [of_the_thread, "inside"]
    end(loop)


def test_cancelling_before_it_started(
    loop: asyncio.AbstractEventLoop, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    """Issue 2, "the ends of `run_in_executor`": cancelling the future cancels work that no thread has begun."""
    gate = threading.Event()
    ran: list[str] = []

    async def main() -> None:
        busy = [loop.run_in_executor(pool, gate.wait) for _ in range(2)]
        waiting = loop.run_in_executor(pool, ran.append, "never")
        waiting.cancel()
        await asyncio.wait([waiting])
        # The cancelling goes on to the pool by a callback of the loop, a turn after the future's own.
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*busy)
        assert waiting.cancelled()

    with pool:
        loop.run_until_complete(main())
    assert ran == []


def test_a_cancelled_future_whose_work_ends_after_close(
    new_loop: NewLoop, pool: concurrent.futures.ThreadPoolExecutor
) -> None:
    """Line "`call_soon_threadsafe` ... after close": a result that comes too late for a cancelled future is dropped."""
    loop = new_loop()
    started, gate = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        gate.wait()

    async def main() -> None:
        future = loop.run_in_executor(pool, work)
        started.wait()
        future.cancel()
        await asyncio.wait([future])
        await asyncio.sleep(0)

    with pool:
        loop.run_until_complete(main())
        loop.close()
        gate.set()


def test_wrap_future_of_an_executor_that_is_no_thread_pool(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 2, "the ends of `run_in_executor`": anything with `submit` is an executor."""

    class Immediately(concurrent.futures.Executor):
        def submit(self, work: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
            future: concurrent.futures.Future[Any] = concurrent.futures.Future()
            future.set_result(work(*arguments, **keywords))
            return future

    assert loop.run_until_complete(loop.run_in_executor(Immediately(), int, "42")) == 42


def test_run_coroutine_threadsafe(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`call_soon_threadsafe`": asyncio's way to run a coroutine from another thread gives its result there."""
    results: list[int] = []

    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    def ask() -> None:
        results.append(asyncio.run_coroutine_threadsafe(answer(), loop).result())
        loop.call_soon_threadsafe(loop.stop)

    thread = threading.Thread(target=ask)
    thread.start()
    loop.run_forever()
    thread.join()
    assert results == [42]
