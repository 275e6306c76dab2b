"""Signals within one process: `add_signal_handler`, its errors, and the owner of the wake-up descriptor.

Ctrl-C, which needs a process of its own, is tested in test_keyboard_interrupt.py.
"""

import asyncio
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest
from support import NewLoop, private, run_script, turn, turn_until, wait_until_polling


@pytest.fixture(autouse=True)
def handlers_put_back() -> Iterator[None]:
    """Whatever a test does to the two signals that are the user's, and to the wake-up descriptor, ends with it."""
    signals = (signal.SIGUSR1, signal.SIGUSR2)
    previous = [signal.getsignal(number) for number in signals]
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    yield
    for number, handler in zip(signals, previous, strict=True):
        signal.signal(number, handler)
    signal.set_wakeup_fd(wakeup)


def send(number: int) -> None:
    """Send a signal to this process' main thread, which is the only one that Python handles signals in."""
    signal.pthread_kill(threading.get_ident(), number)


def test_handler_is_called_with_its_arguments(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler` for any signal that asyncio takes": called in the loop, once for each signal."""
    got: list[tuple[object, ...]] = []
    loop.add_signal_handler(
        signal.SIGUSR1, lambda *arguments: got.append((asyncio.get_running_loop(), *arguments)), 1, 2
    )
    for count in range(1, 4):
        send(signal.SIGUSR1)
        turn_until(loop, lambda count=count: len(got) == count)  # type: ignore[misc]
    assert got == [(loop, 1, 2)] * 3
    assert loop.remove_signal_handler(signal.SIGUSR1) is True
    assert loop.remove_signal_handler(signal.SIGUSR1) is False


def test_a_signal_wakes_a_sleeping_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler`": a loop that sleeps for ever is woken by the signal."""
    loop.add_signal_handler(signal.SIGUSR1, loop.stop)
    me = threading.get_ident()
    thread = threading.Thread(target=lambda: signal.pthread_kill(me, signal.SIGUSR1))
    loop.call_soon(thread.start)
    loop.run_forever()
    thread.join()


def test_two_signals_each_reach_their_handler(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler`": both arrive when they are sent before the loop looks."""
    got: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, "first")
    loop.add_signal_handler(signal.SIGUSR2, got.append, "second")
    send(signal.SIGUSR1)
    send(signal.SIGUSR2)
    turn_until(loop, lambda: len(got) == 2)
    assert sorted(got) == ["first", "second"]


def test_a_second_handler_replaces_the_first(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler`": there is one handler for a signal."""
    got: list[str] = []
    loop.add_signal_handler(signal.SIGUSR1, got.append, "first")
    loop.add_signal_handler(signal.SIGUSR1, got.append, "second")
    send(signal.SIGUSR1)
    turn_until(loop, lambda: got)
    assert got == ["second"]


def test_removed_while_it_is_queued(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler`": one handler removes the other though both signals have come; nothing breaks."""
    got: list[str] = []

    def first() -> None:
        got.append("first")
        loop.remove_signal_handler(signal.SIGUSR2)

    loop.add_signal_handler(signal.SIGUSR1, first)
    loop.add_signal_handler(signal.SIGUSR2, got.append, "second")
    send(signal.SIGUSR1)
    send(signal.SIGUSR2)
    turn_until(loop, lambda: "first" in got)
    turn(loop, 3)
    assert set(got) <= {"first", "second"}


def test_removing_restores_the_default(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler`": SIGINT gets Python's own handler back, every other signal the system's default."""
    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGUSR1, signal.SIG_DFL)):
        loop.add_signal_handler(number, int)
        assert signal.getsignal(number) is not default
        assert loop.remove_signal_handler(number) is True
        assert signal.getsignal(number) is default


def test_closing_the_loop_removes_its_handlers(loop: asyncio.AbstractEventLoop) -> None:
    """Line "The wake-up descriptor of signals belongs to one loop at a time": a closed loop handles nothing."""
    loop.add_signal_handler(signal.SIGUSR1, int)
    loop.close()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.add_signal_handler(signal.SIGUSR1, int)


def test_every_signal_that_asyncio_takes(loop_name: str) -> None:
    """Line "`add_signal_handler` for any signal that asyncio takes": all but the two that the kernel keeps."""
    output = run_script(
        loop_name,
        """
        import signal
        loop = new_loop()
        refused = []
        for number in sorted(signal.valid_signals()):
            try:
                loop.add_signal_handler(number, int)
            except RuntimeError as error:
                refused.append(int(number))
                assert "cannot be caught" in str(error), error
            else:
                assert loop.remove_signal_handler(number)
        loop.close()
        print(refused == [signal.SIGKILL, signal.SIGSTOP])
        """,
    )
    assert output == "True\n"


@pytest.mark.parametrize(
    ("number", "error"),
    [("SIGUSR1", TypeError), (1.5, TypeError), (0, ValueError), (-1, ValueError), (1000, ValueError)],
)
def test_what_is_no_signal_is_refused(loop: asyncio.AbstractEventLoop, number: object, error: type[Exception]) -> None:
    """Line "`add_signal_handler`": the errors are asyncio's, for adding and for removing."""
    with pytest.raises(error):
        loop.add_signal_handler(private(number), int)
    with pytest.raises(error):
        loop.remove_signal_handler(private(number))


def test_a_coroutine_is_no_handler(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler`": a coroutine function or a coroutine is a TypeError."""

    async def handler() -> None:
        """Never runs."""

    coroutine = handler()
    for callback in (handler, coroutine):
        with pytest.raises(TypeError, match="coroutines cannot be used"):
            loop.add_signal_handler(signal.SIGUSR1, private(callback))
    coroutine.close()


def test_only_the_main_thread_adds_handlers(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`add_signal_handler`": in another thread it is a RuntimeError, and no handler is left behind."""
    errors: list[BaseException] = []

    def add() -> None:
        try:
            loop.add_signal_handler(signal.SIGUSR1, int)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=add)
    thread.start()
    thread.join()
    assert [type(error) for error in errors] == [RuntimeError]
    assert loop.remove_signal_handler(signal.SIGUSR1) is False


def test_signal_set_later_by_the_user_works(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "`signal.signal` set later by the user still works": over a handler of the loop's, and beside one."""
    got: list[int] = []
    loop.add_signal_handler(signal.SIGUSR1, int)
    signal.signal(signal.SIGUSR1, lambda number, _: got.append(number))
    signal.signal(signal.SIGUSR2, lambda number, _: got.append(number))
    send(signal.SIGUSR1)
    send(signal.SIGUSR2)
    turn_until(loop, lambda: len(got) == 2)
    assert sorted(got) == [signal.SIGUSR1, signal.SIGUSR2]


def interrupt_sleep(loop_name: str, number: int) -> tuple[threading.Thread, Callable[[], None]]:
    """A thread that sends this one a signal after a call; on asyncio's loop, only once it sleeps in its poll."""
    me, my_number = threading.get_ident(), threading.get_native_id()
    # Not the start of the thread: without the GIL the signal would come before `start()` has returned.
    gate = threading.Lock()
    gate.acquire()

    def interrupt() -> None:
        gate.acquire()
        if loop_name == "asyncio":
            wait_until_polling(os.getpid(), my_number)
        signal.pthread_kill(me, number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread, gate.release


def test_a_plain_handler_runs_while_the_loop_sleeps(loop_name: str, loop: asyncio.AbstractEventLoop) -> None:
    """Trap "`signal.signal` set later by the user still works": at once, not when the loop happens to wake."""
    handled = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    thread, go_on = interrupt_sleep(loop_name, signal.SIGUSR1)
    loop.call_soon(go_on)

    def stop_afterwards() -> None:
        handled.wait()
        loop.call_soon_threadsafe(loop.stop)

    stopper = threading.Thread(target=stop_afterwards)
    stopper.start()
    loop.run_forever()
    thread.join()
    stopper.join()


class Alarm(Exception):
    """What a signal handler raises here."""


def raise_alarm(*_: object) -> None:
    """A signal handler that raises."""
    raise Alarm


def test_an_exception_in_a_plain_handler_leaves_the_loop(loop_name: str, loop: asyncio.AbstractEventLoop) -> None:
    """Line "a BaseException from a callback is never swallowed": nor what a signal handler raises in the sleep."""
    signal.signal(signal.SIGUSR1, raise_alarm)
    thread, go_on = interrupt_sleep(loop_name, signal.SIGUSR1)
    loop.call_soon(go_on)
    problems: list[object] = []

    def stop(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        problems.append(context["exception"])
        loop.stop()

    loop.set_exception_handler(stop)
    try:
        loop.run_forever()
    except Alarm as alarm:
        problems.append(alarm)
    thread.join()
    # It is raised wherever the main thread stands: in the poll or, where it was not waited for, in a callback before
    # it.
    assert [type(problem) for problem in problems] == [Alarm]


def wakeup_descriptor() -> int:
    """Who is told of signals now."""
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    return number


@pytest.fixture
def owner() -> Iterator[int]:
    """Somebody else's wake-up descriptor, in place before the loop has anything to do with signals."""
    reading, writing = socket.socketpair()
    with reading, writing:
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        yield writing.fileno()
        signal.set_wakeup_fd(-1)


def test_a_loop_without_handlers_leaves_the_owner_alone(loop: asyncio.AbstractEventLoop, owner: int) -> None:
    """Trap "The wake-up descriptor of signals belongs to one loop at a time and the previous owner gets it back"."""
    turn(loop, 3)
    loop.run_until_complete(asyncio.sleep(0))
    assert wakeup_descriptor() == owner
    loop.close()
    assert wakeup_descriptor() == owner


def test_after_the_last_handler_the_loop_is_not_the_owner(
    loop_name: str, loop: asyncio.AbstractEventLoop, owner: int
) -> None:
    """Trap "the previous owner gets it back": asyncio leaves nobody in place, ours the one that was there."""
    loop.add_signal_handler(signal.SIGUSR1, int)
    loop.add_signal_handler(signal.SIGUSR2, int)
    turn(loop)
    loop.remove_signal_handler(signal.SIGUSR1)
    loop.remove_signal_handler(signal.SIGUSR2)
    turn(loop)
    expected = owner if loop_name == "vitok" else -1
    assert wakeup_descriptor() == expected
    loop.close()
    assert wakeup_descriptor() == expected


@pytest.mark.vitok_only
def test_the_loop_before_gets_its_signals_back() -> None:
    """Trap "belongs to one loop at a time and the previous owner gets it back": asyncio's loop would be deaf then."""
    import vitok

    got: list[str] = []
    outer, inner = vitok.Loop(), vitok.Loop()
    try:
        outer.add_signal_handler(signal.SIGUSR1, got.append, "outer")
        inner.add_signal_handler(signal.SIGUSR2, got.append, "inner")
        send(signal.SIGUSR2)
        turn_until(inner, lambda: got == ["inner"])
        inner.close()
        send(signal.SIGUSR1)
        turn_until(outer, lambda: got == ["inner", "outer"])
    finally:
        inner.close()
        outer.close()
    assert wakeup_descriptor() == -1


def test_a_handler_of_another_loop_takes_over(new_loop: NewLoop) -> None:
    """Trap "belongs to one loop at a time": the loop that added last is the one that hears of its signal."""
    got: list[str] = []
    first, second = new_loop(), new_loop()
    first.add_signal_handler(signal.SIGUSR1, got.append, "first")
    second.add_signal_handler(signal.SIGUSR1, got.append, "second")
    send(signal.SIGUSR1)
    turn_until(second, lambda: got)
    turn(first, 2)
    assert got == ["second"]


def test_sigchld_is_left_to_the_user(loop: asyncio.AbstractEventLoop) -> None:
    """Line "SIGCHLD is left to the user": a loop that runs has not touched its handler, and a user's one works."""
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
    got: list[str] = []
    loop.add_signal_handler(signal.SIGCHLD, got.append, "child")
    with subprocess.Popen(["true"]):
        turn_until(loop, lambda: got)
    assert loop.remove_signal_handler(signal.SIGCHLD) is True
