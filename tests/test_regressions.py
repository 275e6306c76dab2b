"""Faults found by a second review of the loop, each with the program that showed it.

The cause is described beside the corrected code.
"""

import asyncio
import gc
import os
import signal
import socket
import threading
import weakref
from typing import Any

import pytest
import vitok
from support import run_python

DAEMONS_AT_EXIT = """
import sys, threading, time, vitok
def run():
    loop = vitok.Loop()
    def tick():
        time.sleep(0.0003)
        loop.call_later(0.0002, tick)
    for _ in range(5):
        tick()
    loop.run_forever()
for _ in range(3):
    threading.Thread(target=run, daemon=True).start()
class Slow:
    def __del__(self):
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            time.sleep(0.001)
sys.modules["slow"] = keep = Slow()
time.sleep(0.05)
"""


@pytest.mark.vitok_only
def test_daemon_threads_that_run_loops_do_not_abort_the_process_at_its_end() -> None:
    """Below 3.14 such a thread is ended by a forced unwind out of a call into Python."""
    child = run_python("-c", DAEMONS_AT_EXIT)
    assert child.returncode == 0, child.stderr


def test_a_handler_that_raises_leaves_other_signals_to_the_next_run(loop: asyncio.AbstractEventLoop) -> None:
    """The numbers that lay in the pipe beside SIGINT's were read and lost."""
    got: list[str] = []
    loop.add_signal_handler(signal.SIGTERM, got.append, "TERM")
    both = [signal.SIGTERM, signal.SIGINT]
    go = threading.Event()

    def send_both() -> None:
        go.wait()
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        for number in both:
            signal.pthread_kill(threading.get_ident(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, both)

    thread = threading.Thread(target=send_both)
    thread.start()
    loop.call_soon(go.set)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    thread.join()
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    assert got == ["TERM"]
    loop.remove_signal_handler(signal.SIGTERM)


def test_a_subclass_may_pass_the_callback_by_keyword() -> None:
    """Arguments were put in order and the subclass's own method was called again, without end."""

    class Passing(vitok.Loop):
        def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
            return super().call_soon(callback=callback, context=context)

    loop = Passing()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


def test_the_duplicate_of_a_closed_descriptor_reaches_nobody() -> None:
    """Its events came under the token of the new file that had got its number."""
    loop = vitok.Loop()
    hits: list[str] = []
    old, peer = socket.socketpair()
    duplicate = old.dup()
    number = old.fileno()
    loop.add_reader(number, hits.append, "old")
    old.close()
    new, other = socket.socketpair()
    assert new.fileno() == number
    loop.add_reader(number, hits.append, "new")
    peer.send(b"for the old file alone")
    loop.call_later(0.02, loop.stop)
    loop.run_forever()
    loop.close()
    for each in (peer, duplicate, new, other):
        each.close()
    assert hits == []


def test_a_callback_run_by_hand_may_cancel_itself(loop: asyncio.AbstractEventLoop) -> None:
    """From 3.14 on it waited for its own end."""
    ran: list[bool] = []

    def cancel_itself() -> None:
        handle.cancel()
        ran.append(handle.cancelled())

    handle = loop.call_soon_threadsafe(cancel_itself)
    handle._run()  # type: ignore[attr-defined]
    assert ran == [True]


def test_close_frees_everything_though_signal_handlers_cannot_be_removed() -> None:
    """In another thread they cannot; the first close() failed and the second did nothing."""
    before = set(os.listdir("/proc/self/fd"))
    loop = vitok.Loop()
    loop.add_signal_handler(signal.SIGUSR1, int)
    loop.call_soon(int)
    errors: list[BaseException] = []

    def close() -> None:
        try:
            loop.close()
        except (ValueError, RuntimeError) as error:
            errors.append(error)

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    assert len(errors) == 1
    assert loop.is_closed()
    assert len(loop._ready) == 0
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
def test_what_the_end_of_a_run_queues_is_collected() -> None:
    """A handle queued between the last turn and the end of the run was hidden from the collector for ever."""

    class Late(vitok.Loop):
        def _run_forever_cleanup(self) -> None:
            self.call_soon(int)
            super()._run_forever_cleanup()

    def run_one() -> weakref.ref[vitok.Loop]:
        loop = Late()
        loop.call_soon(loop.stop)
        loop.run_forever()
        return weakref.ref(loop)

    abandoned = [run_one() for _ in range(5)]
    gc.collect()
    assert [loop() for loop in abandoned] == [None] * 5


def test_signal_numbers_go_to_no_stranger() -> None:
    """A previous owner of the wake-up descriptor had closed it, and a socket had got its number."""
    first, second = vitok.Loop(), vitok.Loop()
    first.add_signal_handler(signal.SIGUSR1, int)
    number = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(number)
    strangers: list[socket.socket] = []

    def close_and_use_again() -> None:
        first.close()
        while not any(stranger.fileno() == number for stranger in strangers):
            strangers.extend(socket.socketpair())
        for stranger in strangers:
            stranger.setblocking(False)
        second.stop()

    second.call_soon(close_and_use_again)
    second.run_forever()
    second.close()
    assert signal.set_wakeup_fd(-1) != number
    for stranger in strangers:
        stranger.close()


@pytest.mark.parametrize("method", ["run_in_executor", "remove_reader", "add_reader"])
def test_an_unknown_keyword_is_refused(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Some methods ignored it."""
    arguments: dict[str, tuple[Any, ...]] = {
        "run_in_executor": (None, int),
        "remove_reader": (0,),
        "add_reader": (0, int),
    }
    with pytest.raises(TypeError, match="bogus"):
        getattr(loop, method)(*arguments[method], bogus=1)


@pytest.mark.parametrize("method", ["remove_reader", "remove_writer", "_remove_reader"])
def test_too_many_arguments_are_refused(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """They were taken for ones to be put in order, again and again."""
    with pytest.raises(TypeError, match="positional argument"):
        getattr(loop, method)(0, 1)


def test_parameters_may_be_named(loop: asyncio.AbstractEventLoop) -> None:
    """The signature promises it, and some methods refused."""
    ours, theirs = socket.socketpair()
    loop.add_writer(fd=ours, callback=loop.stop)
    loop.run_forever()
    assert loop.remove_writer(fd=ours) is True
    answer = loop.run_in_executor(executor=None, func=int)
    assert loop.run_until_complete(answer) == 0
    ours.close()
    theirs.close()
    loop.run_until_complete(loop.shutdown_default_executor())


def test_deadlines_follow_a_clock_of_the_class_after_a_patch_of_the_instance() -> None:
    """The end of `mock.patch.object(loop, "time")` made them follow the system's clock."""

    class Slow(vitok.Loop):
        def time(self) -> float:
            return 1000.0

    loop = Slow()
    loop.time = lambda: 2000.0  # type: ignore[method-assign]
    assert loop.call_later(1, int).when() == 2001.0
    del loop.time
    assert loop.call_later(1, int).when() == 1001.0
    loop.close()


def test_what_a_clock_of_the_users_queues_is_not_slept_over() -> None:
    """The loop had already decided to sleep when it asked for the time."""

    class Queueing(vitok.Loop):
        def time(self) -> float:
            self.call_soon(self.stop)
            return 0.0

    loop = Queueing()
    loop.call_at(3600.0, int)
    loop.run_forever()
    loop.close()
