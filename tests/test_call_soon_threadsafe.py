"""`call_soon_threadsafe`: from other threads, from signal handlers, from other loops, during close and after it.

Executors, which use it, and fairness under a flood are tested in files of their own.
"""

import asyncio
import contextvars
import os
import signal
import sys
import threading
from collections.abc import Callable

import pytest
from support import NewLoop, private, turn, wait_until_polling

# How long a callback gives a `cancel()` which does not wait the chance to return: the only real time spent here.
GRACE_SECONDS = 0.2


def in_thread(work: Callable[[], object]) -> threading.Thread:
    """Start a thread that does one thing."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_wakes_a_loop_that_sleeps(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": one eventfd write when the loop may be asleep; here nothing else would ever wake it."""
    thread = in_thread(lambda: loop.call_soon_threadsafe(loop.stop))
    loop.run_forever()
    thread.join()


def test_wakes_a_loop_each_time(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The hot path": a wake-up that was consumed must be possible again, a thousand times over."""
    rounds = 1000
    answered = threading.Semaphore(0)

    def ask() -> None:
        for _ in range(rounds):
            loop.call_soon_threadsafe(answered.release)
            answered.acquire()
        loop.call_soon_threadsafe(loop.stop)

    thread = in_thread(ask)
    loop.run_forever()
    thread.join()


def test_order_between_call_soon_and_threadsafe(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "FIFO holds between `call_soon` and `call_soon_threadsafe`": asked for in turn by the loop's own thread."""
    ran: list[int] = []
    for number in range(0, 100, 2):
        loop.call_soon(ran.append, number)
        loop.call_soon_threadsafe(ran.append, number + 1)
    turn(loop, 2)
    assert ran == list(range(100))


def test_order_within_a_callback(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "FIFO holds": the same when a callback of the running loop asks for both kinds in turn."""
    ran: list[int] = []

    def ask() -> None:
        for number in range(0, 10, 2):
            loop.call_soon_threadsafe(ran.append, number)
            loop.call_soon(ran.append, number + 1)

    loop.call_soon(ask)
    turn(loop, 3)
    assert ran == list(range(10))


def test_order_of_each_thread_is_kept(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "FIFO holds": many threads at once lose nothing, and each one's callbacks run in its order."""
    count, threads = 500, 8
    ran: dict[int, list[int]] = {name: [] for name in range(threads)}
    left = threads

    def end() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            loop.stop()

    def ask(name: int) -> None:
        for number in range(count):
            loop.call_soon_threadsafe(ran[name].append, number)
        loop.call_soon_threadsafe(end)

    started = [threading.Thread(target=ask, args=(name,)) for name in range(threads)]
    for thread in started:
        thread.start()
    loop.run_forever()
    for thread in started:
        thread.join()
    assert ran == {name: list(range(count)) for name in range(threads)}


def test_before_the_loop_runs_and_from_its_own_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`call_soon_threadsafe`": what is asked for before the loop runs, runs when it does."""
    ran: list[str] = []
    in_thread(lambda: loop.call_soon_threadsafe(ran.append, "from a thread")).join()
    loop.call_soon_threadsafe(ran.append, "from its own")
    turn(loop, 2)
    assert ran == ["from a thread", "from its own"]


def test_runs_in_the_callers_context(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The rooms": the context is that of the calling thread at the call, or the one given."""
    variable = contextvars.ContextVar("variable", default="outside")
    seen: list[str] = []
    given = contextvars.copy_context()
    given.run(variable.set, "given")

    def ask() -> None:
        variable.set("of the thread")
        loop.call_soon_threadsafe(lambda: seen.append(variable.get()))
        loop.call_soon_threadsafe(lambda: seen.append(variable.get()), context=given)

    in_thread(ask).join()
    turn(loop, 2)
    assert seen == ["of the thread", "given"]


def test_from_a_signal_handler(loop_name: str, loop: asyncio.AbstractEventLoop) -> None:
    """Line "from a signal handler": the handler interrupts the loop in its sleep, and its callback wakes the loop."""
    me, my_number = threading.get_ident(), threading.get_native_id()

    def interrupt() -> None:
        if loop_name == "asyncio":
            wait_until_polling(os.getpid(), my_number)
        signal.pthread_kill(me, signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, lambda *_: loop.call_soon_threadsafe(loop.stop))
    try:
        thread = in_thread(interrupt)
        loop.run_forever()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_from_a_signal_handler_in_the_middle_of_call_soon_threadsafe(loop: asyncio.AbstractEventLoop) -> None:
    """Line "from a signal handler": it may interrupt the very same call, and neither deadlocks nor loses a callback."""
    handled = asked = ran = 0

    def count() -> None:
        nonlocal ran
        ran += 1

    def interrupt(*_: object) -> None:
        nonlocal handled
        handled += 1
        loop.call_soon_threadsafe(count)

    previous = signal.signal(signal.SIGUSR1, interrupt)
    over = threading.Event()
    me = threading.get_ident()

    def pester() -> None:
        while not over.is_set():
            signal.pthread_kill(me, signal.SIGUSR1)

    thread = in_thread(pester)
    try:
        while handled < 100:
            loop.call_soon_threadsafe(count)
            asked += 1
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGUSR1, previous)
    turn(loop, 2)
    assert ran == asked + handled


def test_from_another_loops_thread(new_loop: NewLoop) -> None:
    """Line "from another loop's thread": two loops in two threads hand a number to and fro."""
    here, there = new_loop(), new_loop()
    counted: list[int] = []

    def step(number: int) -> None:
        counted.append(number)
        if number == 200:
            here.call_soon_threadsafe(here.stop)
            there.call_soon_threadsafe(there.stop)
        else:
            (there if asyncio.get_running_loop() is here else here).call_soon_threadsafe(step, number + 1)

    thread = in_thread(there.run_forever)
    here.call_soon(step, 1)
    here.run_forever()
    thread.join()
    assert counted == list(range(1, 201))


def test_from_a_finalizer(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a finalizer may re-enter the loop": an object that dies while the loop runs asks for a callback."""
    ran: list[str] = []

    class Mortal:
        def __del__(self) -> None:
            loop.call_soon_threadsafe(ran.append, "asked for in __del__")

    loop.call_soon_threadsafe(lambda _: None, Mortal())
    turn(loop, 3)
    assert ran == ["asked for in __del__"]


def test_during_close(new_loop: NewLoop) -> None:
    """Line "during close": a thread that goes on asking is either heard or told that the loop is closed."""
    for _ in range(50):
        loop = new_loop()
        begun = threading.Event()
        ends: list[BaseException] = []

        def ask(loop: asyncio.AbstractEventLoop, begun: threading.Event, ends: list[BaseException]) -> None:
            try:
                while True:
                    loop.call_soon_threadsafe(int)
                    begun.set()
            except BaseException as error:
                ends.append(error)

        thread = threading.Thread(target=ask, args=(loop, begun, ends))
        thread.start()
        begun.wait()
        loop.close()
        thread.join()
        assert [(type(end), str(end)) for end in ends] == [(RuntimeError, "Event loop is closed")]


def test_during_close_from_a_finalizer(loop: asyncio.AbstractEventLoop) -> None:
    """Line "during close": what close lets go of may call back; the loop is closed by then and says so."""
    told: list[str] = []

    class Mortal:
        def __del__(self) -> None:
            try:
                loop.call_soon_threadsafe(int)
            except RuntimeError as error:
                told.append(str(error))

    loop.call_soon_threadsafe(print, Mortal())
    loop.close()
    assert told == ["Event loop is closed"]


def test_after_close_from_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    """Line "after close (RuntimeError)": from another thread too."""
    loop.close()
    told: list[BaseException] = []

    def ask() -> None:
        try:
            loop.call_soon_threadsafe(int)
        except RuntimeError as error:
            told.append(error)

    in_thread(ask).join()
    assert [str(error) for error in told] == ["Event loop is closed"]


def test_a_cancelled_one_does_not_run(loop: asyncio.AbstractEventLoop) -> None:
    """Line "In 3.14 `cancel()`": cancelled before its turn it does not run, on any version."""
    ran: list[str] = []
    handle = loop.call_soon_threadsafe(ran.append, "never")
    in_thread(handle.cancel).join()
    assert handle.cancelled()
    turn(loop, 2)
    assert ran == []


@pytest.mark.skipif(sys.version_info < (3, 14), reason="thread-safe cancelling is new in Python 3.14")
def test_cancel_waits_for_a_callback_that_has_started(loop: asyncio.AbstractEventLoop) -> None:
    """Line "In 3.14 `cancel()` of a thread-safe handle from another thread waits for a callback that has started"."""
    started, cancelling, cancelled = threading.Event(), threading.Event(), threading.Event()
    finished: list[bool] = []

    def callback() -> None:
        started.set()
        cancelling.wait()
        assert not cancelled.wait(GRACE_SECONDS)
        finished.append(True)

    def cancel() -> None:
        started.wait()
        cancelling.set()
        handle.cancel()
        finished.append(bool(finished))
        cancelled.set()
        loop.call_soon_threadsafe(loop.stop)

    handle = loop.call_soon_threadsafe(callback)
    thread = in_thread(cancel)
    loop.run_forever()
    thread.join()
    assert finished == [True, True]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="thread-safe cancelling is new in Python 3.14")
def test_cancel_from_its_own_callback_does_not_wait_for_itself(loop: asyncio.AbstractEventLoop) -> None:
    """Line "In 3.14 `cancel()`": the thread that runs the callback may cancel it, and is not locked out."""
    ran: list[bool] = []

    def callback() -> None:
        handle.cancel()
        ran.append(handle.cancelled())

    handle = loop.call_soon_threadsafe(callback)
    turn(loop, 2)
    assert ran == [True]


def test_many_cancelled_from_another_thread_while_the_loop_runs(loop: asyncio.AbstractEventLoop) -> None:
    """Line "In 3.14 `cancel()`": cancelled in one thread while another runs them, each runs once or not at all."""
    ran: list[int] = []

    def ask_and_cancel() -> None:
        for number in range(2000):
            loop.call_soon_threadsafe(ran.append, number).cancel()
        loop.call_soon_threadsafe(loop.stop)

    thread = in_thread(ask_and_cancel)
    loop.run_forever()
    thread.join()
    assert ran == sorted(set(ran))


def test_needs_no_running_loop_nor_debug_mode(loop: asyncio.AbstractEventLoop) -> None:
    """Line "debug mode": the wrong-thread check is for the other methods, never for this one."""
    loop.set_debug(True)
    handle = []
    in_thread(lambda: handle.append(loop.call_soon_threadsafe(int))).join()
    assert len(handle) == 1
    assert isinstance(private(handle[0]), asyncio.Handle)
    turn(loop, 2)
