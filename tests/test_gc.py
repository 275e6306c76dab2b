"""Garbage and finalizers: cycles through a loop are collected, and objects that die at an awkward moment break nothing.

Plain reference counts are tested in test_handles.py.
"""

import asyncio
import gc
import socket
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import NewLoop, loop_factory, private, turn, turn_until


class Node:
    """An object that can be part of a cycle and whose end can be watched."""

    def __init__(self) -> None:
        self.link: Any = None

    def callback(self, *_: object) -> None:
        """Something to call."""


def in_ready_queue(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node waits in the queue of ready callbacks."""
    loop.call_soon(node.callback, node)


def in_inbox(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node waits in the queue that other threads fill."""
    loop.call_soon_threadsafe(node.callback, node)


def in_timer(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node waits for a deadline."""
    loop.call_later(3600, node.callback, node)


def in_reader(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node is called when a descriptor is readable; the sockets die with it."""
    node.sockets = socket.socketpair()  # type: ignore[attr-defined]
    loop.add_reader(node.sockets[0], node.callback, node)  # type: ignore[attr-defined]


def in_writer(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node is called when a descriptor is writable."""
    node.sockets = socket.socketpair()  # type: ignore[attr-defined]
    loop.add_writer(node.sockets[0], node.callback, node)  # type: ignore[attr-defined]


def in_exception_handler(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node is the loop's exception handler."""
    loop.set_exception_handler(node.callback)


def in_task_factory(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node is the loop's task factory."""
    loop.set_task_factory(private(node.callback))


def in_attribute(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """The node is an attribute of the loop."""
    private(loop).anything = node


def in_cancelled_timer(loop: asyncio.AbstractEventLoop, node: Node) -> None:
    """A handle that is cancelled but still in the heap, kept by the node."""
    node.handle = loop.call_later(3600, node.callback, node)  # type: ignore[attr-defined]
    node.handle.cancel()  # type: ignore[attr-defined]
    private(loop).anything = node


PLACES: list[Callable[[asyncio.AbstractEventLoop, Node], None]] = [
    in_ready_queue,
    in_inbox,
    in_timer,
    in_reader,
    in_writer,
    in_exception_handler,
    in_task_factory,
    in_attribute,
    in_cancelled_timer,
]


@pytest.fixture
def no_automatic_collection() -> Iterator[None]:
    """Collections happen where a test asks for them and nowhere else."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_a_forgotten_loop_is_collected(
    loop_name: str, place: Callable[[asyncio.AbstractEventLoop, Node], None], no_automatic_collection: None
) -> None:
    """Trap "Types that hold Python objects take part in garbage collection": a cycle through each of them."""
    loop = loop_factory(loop_name)()
    node = Node()
    node.link = loop
    place(loop, node)
    watched: list[weakref.ref[Any]] = [weakref.ref(loop), weakref.ref(node)]
    # An unclosed loop warns when it is collected, and an unclosed socket too; that they do is tested below.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del loop, node
        assert watched[0]() is not None
        gc.collect()
        gc.collect()
    assert [reference() for reference in watched] == [None, None]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_closing_a_loop_breaks_its_cycles(
    loop_name: str, place: Callable[[asyncio.AbstractEventLoop, Node], None]
) -> None:
    """Trap "Types that hold Python objects take part in garbage collection": once closed, it holds nothing."""
    loop = loop_factory(loop_name)()
    node = Node()
    node.link = loop
    place(loop, node)
    watched: list[weakref.ref[Any]] = [weakref.ref(loop), weakref.ref(node)]
    loop.close()
    for end in getattr(node, "sockets", ()):
        end.close()
    del loop, node
    gc.collect()
    assert [reference() for reference in watched] == [None, None]


def test_an_unclosed_loop_warns_when_it_is_collected(loop_name: str) -> None:
    """Line "nothing leaks": asyncio's ResourceWarning, and its descriptors are closed nevertheless."""
    loop = loop_factory(loop_name)()
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del loop
        gc.collect()


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_a_handle_in_its_own_arguments_is_collected(
    loop: asyncio.AbstractEventLoop, method: str, no_automatic_collection: None
) -> None:
    """Trap "Types that hold Python objects take part in garbage collection": a cycle through a handle alone."""
    node = Node()
    arguments = (0,) if method == "call_later" else ()
    node.link = getattr(loop, method)(*arguments, node.callback, node)
    assert gc.is_tracked(node.link)
    watched = weakref.ref(node)
    turn(loop, 3)
    del node
    gc.collect()
    assert watched() is None


def test_a_collection_in_the_middle_of_a_turn(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "Types that hold Python objects take part in garbage collection": also within a turn."""
    ran: list[int] = []
    for number in range(20):
        loop.call_soon(ran.append, number)
        loop.call_soon(gc.collect)
        loop.call_later(0, gc.collect)
        loop.call_soon_threadsafe(gc.collect)
    turn_until(loop, lambda: len(ran) == 20)
    turn(loop, 3)
    assert ran == list(range(20))


class Target(list[object]):
    """A list whose end can be watched."""


def test_a_handle_that_cancels_itself_keeps_its_arguments(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "A handle that cancels itself while it runs keeps its arguments alive".

    The callback is a C function which borrows its arguments: `list.extend` asks the iterator for more, and the iterator
    cancels the handle, which lets go of list and iterator, whom nobody else holds.
    """
    seen: list[object] = []

    def items(target: weakref.ref[Target]) -> Iterator[int]:
        handles.pop().cancel()
        gc.collect()
        seen.append(target() is not None)
        yield 1
        seen.append(list(target() or ()))
        yield 2
        seen.append(target() is not None)

    handles: list[asyncio.Handle] = []
    for schedule in (loop.call_soon, loop.call_soon_threadsafe, lambda *arguments: loop.call_later(0, *arguments)):
        target = Target()
        handles.append(schedule(list.extend, target, items(weakref.ref(target))))
        del target
        seen.clear()
        turn_until(loop, lambda: len(seen) == 3)
        assert seen[0] is True
        assert seen[2] is True


def test_a_handle_that_cancels_itself_keeps_its_callback(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "A handle that cancels itself while it runs": the callable itself, whom only the handle holds, too."""
    seen: list[bool] = []

    class Callback:
        def __call__(self, me: weakref.ref["Callback"]) -> None:
            handles.pop().cancel()
            gc.collect()
            seen.append(me() is self)

    callback = Callback()
    handles = [loop.call_soon(callback, weakref.ref(callback))]
    del callback
    turn(loop)
    assert seen == [True]


def test_a_reader_that_removes_itself_keeps_its_arguments(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "A handle that cancels itself while it runs": a watcher too, which is let go of while it runs."""
    ours, peer = socket.socketpair()
    seen: list[bool] = []

    def items(target: weakref.ref[Target]) -> Iterator[int]:
        loop.remove_reader(ours)
        gc.collect()
        seen.append(target() is not None)
        yield 1

    with ours, peer:
        target = Target()
        loop.add_reader(ours, list.extend, target, items(weakref.ref(target)))
        del target
        peer.send(b"x")
        turn_until(loop, lambda: seen)
    assert seen == [True]


class Finalized:
    """Calls something when it dies, at whatever moment that is."""

    def __init__(self, then: Callable[[], object]) -> None:
        self.then = then

    def __del__(self) -> None:
        self.then()


@pytest.mark.parametrize("method", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_a_finalizer_asks_for_more_while_a_handle_is_cancelled(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Trap "a finalizer may re-enter the loop": cancelling releases an argument, whose end asks for callbacks."""
    ran: list[str] = []

    def ask() -> None:
        loop.call_soon(ran.append, "soon")
        loop.call_soon_threadsafe(ran.append, "threadsafe")
        loop.call_later(-1, ran.append, "timer")

    arguments = (3600,) if method == "call_later" else ()
    handle = getattr(loop, method)(*arguments, print, Finalized(ask))
    handle.cancel()
    turn_until(loop, lambda: len(ran) == 3)
    assert sorted(ran) == ["soon", "threadsafe", "timer"]


def test_finalizers_rearrange_the_timers_while_timers_are_released(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a heap or ring is consistent before anything is released": changed from within its clearing."""
    base = loop.time() - 10
    ran: list[int] = []
    rest: list[asyncio.TimerHandle] = []
    expected: list[int] = []

    def rearrange(number: int) -> None:
        expected.append(1000 + number)
        loop.call_at(base + number / 1000, ran.append, 1000 + number)
        if rest:
            rest.pop().cancel()

    # Each release nests within the one before it, so this is also how deep the stack gets.
    for number in range(50):
        expected.append(number)
        loop.call_at(base + number / 1000, ran.append, number)
        rest.append(loop.call_at(base + number / 1000, print, Finalized(lambda number=number: rearrange(number))))  # type: ignore[misc]
    while rest:
        rest.pop().cancel()
    turn_until(loop, lambda: len(ran) == len(expected))
    assert sorted(ran) == sorted(expected)


def test_finalizers_run_when_a_ready_callback_is_over(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a finalizer may re-enter the loop": what dies with a handle that has run asks for the next one."""
    ran: list[int] = []

    def ask(number: int) -> None:
        ran.append(number)
        if number < 50:
            loop.call_soon(hash, Finalized(lambda: ask(number + 1)))

    loop.call_soon(hash, Finalized(lambda: ask(0)))
    turn_until(loop, lambda: len(ran) == 51)
    assert ran == list(range(51))


def test_finalizers_during_close(new_loop: NewLoop) -> None:
    """Trap "a heap or ring is consistent": closing releases everything, and what dies then calls the loop again."""
    loop = new_loop()
    told: list[str] = []

    def call_again(method: str, *arguments: object) -> None:
        try:
            getattr(loop, method)(*arguments, print)
        except RuntimeError as error:
            told.append(str(error))

    for _ in range(10):
        loop.call_soon(print, Finalized(lambda: call_again("call_soon")))
        loop.call_later(3600, print, Finalized(lambda: call_again("call_later", 1)))
        loop.call_soon_threadsafe(print, Finalized(lambda: call_again("call_soon_threadsafe")))
    loop.close()
    gc.collect()
    assert told == ["Event loop is closed"] * 30


def test_a_finalizer_that_closes_the_loop(new_loop: NewLoop) -> None:
    """Trap "a finalizer may re-enter the loop": even with `close()`, which is then done already."""
    loop = new_loop()
    loop.call_soon(print, Finalized(loop.close))
    loop.call_later(3600, print, Finalized(loop.close))
    loop.close()
    assert loop.is_closed()


def test_a_finalizer_that_runs_within_the_removal_of_a_reader(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "a finalizer may re-enter the loop": what dies with a watcher watches the same descriptor again."""
    ours, peer = socket.socketpair()
    ran: list[str] = []
    with ours, peer:
        peer.send(b"x")
        loop.add_reader(ours, print, Finalized(lambda: loop.add_reader(ours, ran.append, "again")))
        loop.remove_reader(ours)
        turn_until(loop, lambda: ran)
        assert loop.remove_reader(ours) is True
