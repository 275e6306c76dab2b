"""Calls from another thread than the loop's: RuntimeError in debug mode, harmless without it.

Calls of transports are tested in a file of their own.
"""

import asyncio
import functools
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from thread_crews import THREADS, Crew

pytestmark = pytest.mark.vitok_only

TEXT = "Non-thread-safe operation invoked on an event loop other than the current one"
CALLS = 500

Use = Callable[[asyncio.AbstractEventLoop, int], object]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def nothing() -> None:
    """Do nothing."""


class Running:
    """A loop that another thread runs, within a `with` block."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take a loop."""
        self._loop = loop

    def __enter__(self) -> asyncio.AbstractEventLoop:
        """Start the thread, and wait until the loop runs."""
        running = threading.Event()
        self._loop.call_soon_threadsafe(running.set)
        self._crew = Crew(self._loop.run_forever)
        running.wait()
        return self._loop

    def __exit__(self, *_error: object) -> None:
        """End the run."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._crew.join()


def add_and_remove(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """Watch a descriptor, which belongs to one thread, for a moment."""
    loop.add_reader(descriptor, nothing)
    loop.remove_reader(descriptor)


USES: dict[str, Use] = {
    "call_soon": lambda loop, _: loop.call_soon(nothing),
    "call_later": lambda loop, _: loop.call_later(0, nothing),
    "call_at": lambda loop, _: loop.call_at(loop.time(), nothing),
    "add_reader": lambda loop, number: loop.add_reader(number, nothing),
    "add_writer": lambda loop, number: loop.add_writer(number, nothing),
    "remove_reader": lambda loop, number: loop.remove_reader(number),
    "remove_writer": lambda loop, number: loop.remove_writer(number),
}
REFUSED: dict[str, Use] = USES | {
    "stop": lambda loop, _: loop.stop(),
    "run_in_executor": lambda loop, _: loop.run_in_executor(None, nothing),
}


@pytest.mark.parametrize("name", REFUSED)
def test_debug_mode_refuses_methods_of_the_loop(
    loop: asyncio.AbstractEventLoop, pipe: tuple[int, int], name: str
) -> None:
    """Issue 19: RuntimeError with asyncio's text, from another thread than the one that runs the loop."""
    loop.set_debug(True)
    with Running(loop), pytest.raises(RuntimeError, match=TEXT):
        REFUSED[name](loop, pipe[0])


def test_debug_mode_refuses_operations_of_sockets(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: `sock_*` of the loop, as soon as another thread starts to wait for one."""
    loop.set_debug(True)
    one, other = socket.socketpair()
    one.setblocking(False)
    with Running(loop), one, other:
        waiting = loop.sock_recv(one, 1)
        with pytest.raises(RuntimeError, match=TEXT):
            waiting.send(None)


@pytest.mark.parametrize("name", USES)
def test_a_loop_that_does_not_run_may_be_used_by_any_thread(
    loop: asyncio.AbstractEventLoop, pipe: tuple[int, int], name: str
) -> None:
    """Line "`debug` mode": before the run no thread is the wrong one, in debug mode neither."""
    loop.set_debug(True)
    Crew(lambda: USES[name](loop, pipe[name.endswith("writer")])).join()
    loop.remove_reader(pipe[0])
    loop.remove_writer(pipe[1])


@pytest.mark.parametrize("schedule", ["call_soon", "call_later"])
def test_debug_mode_refuses_cancelling_a_handle(loop: asyncio.AbstractEventLoop, schedule: str) -> None:
    """Issue 19: `cancel()` of a handle that is not thread-safe; the handle is as before."""
    loop.set_debug(True)
    handle = loop.call_later(3600, nothing) if schedule == "call_later" else loop.call_soon(nothing)
    with Running(loop):
        with pytest.raises(RuntimeError, match=TEXT):
            handle.cancel()
        assert not handle.cancelled()
    handle.cancel()
    assert handle.cancelled()


def test_debug_mode_lets_any_thread_cancel_a_thread_safe_handle(loop: asyncio.AbstractEventLoop) -> None:
    """Line "In 3.14 `cancel()` of a thread-safe handle": that is what it is for."""
    loop.set_debug(True)
    with Running(loop):
        for _ in range(CALLS):
            handle = loop.call_soon_threadsafe(nothing)
            handle.cancel()
            assert handle.cancelled()


@pytest.mark.parametrize("name", USES)
def test_without_debug_mode_nothing_breaks(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Issue 19: calls from wrong threads, several at once, beside the running loop, are no error and break nothing."""
    pairs = [socket.socketpair() for _ in range(THREADS)]

    def use(own: socket.socket) -> None:
        for _ in range(CALLS):
            USES[name](loop, own.fileno())

    with Running(loop):
        Crew(*[functools.partial(use, pair[0]) for pair in pairs]).join()
    for pair in pairs:
        loop.remove_reader(pair[0])
        loop.remove_writer(pair[0])
        for end in pair:
            end.close()


def test_callbacks_from_wrong_threads_are_not_lost(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: without debug mode, what other threads schedule runs once the loop comes to it, each exactly once."""
    called = itertools.count()
    total = THREADS * CALLS

    def use() -> None:
        for _ in range(CALLS):
            loop.call_soon(next, called)

    with Running(loop):
        Crew(*[use] * THREADS).join()
    assert next(called) == total


def test_descriptors_watched_from_wrong_threads(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 19: the table of descriptors holds what each thread has put there."""
    pairs = [socket.socketpair() for _ in range(THREADS)]

    def use(own: socket.socket) -> None:
        for _ in range(CALLS):
            add_and_remove(loop, own.fileno())

    with Running(loop):
        Crew(*[functools.partial(use, pair[0]) for pair in pairs]).join()
    for pair in pairs:
        assert not loop.remove_reader(pair[0])
        for end in pair:
            end.close()
