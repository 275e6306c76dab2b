"""`loop.slow_callback_hook`: which callbacks are passed to it, with which handle and duration, without debug mode.

The log of debug mode is tested in test_debug_mode.py.
"""

import asyncio
import gc
import logging
import socket
import time
import unittest.mock
import weakref
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import vitok
from support import ErrorLog, turn, turn_until

pytestmark = pytest.mark.vitok_only


@pytest.fixture
def loop() -> Iterator[vitok.Loop]:
    """A loop of ours: asyncio's has nothing to compare with."""
    with closing(vitok.new_event_loop()) as made:
        yield made


class Seen:
    """The hook, and what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, float]] = []

    def __call__(self, handle: asyncio.Handle, seconds: float) -> None:
        """Keep the call."""
        self.calls.append((handle, seconds))

    def texts(self) -> list[str]:
        """The representations of the handles."""
        return [repr(handle) for handle, _ in self.calls]


@pytest.fixture
def seen(loop: vitok.Loop) -> Iterator[Seen]:
    """A hook that is set; every callback is slow."""
    hook = Seen()
    loop.slow_callback_duration = 0.0
    loop.slow_callback_hook = hook
    yield hook
    loop.slow_callback_hook = None


def named(seconds: float = 0.0) -> None:
    """A callback that takes at least so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize("schedule", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_gets_the_handle_and_its_seconds(loop: vitok.Loop, seen: Seen, schedule: str) -> None:
    """The handle is the one that the method returned, and the duration is what the callback took."""
    arguments = [0] if schedule == "call_later" else []
    handle = getattr(loop, schedule)(*arguments, named, 0.003)
    turn_until(loop, lambda: any(one is handle for one, _ in seen.calls))
    seconds = next(seconds for one, seconds in seen.calls if one is handle)
    assert seconds >= 0.003
    assert type(seconds) is float


def test_is_called_from_the_duration_of_the_loop_on(loop: vitok.Loop, seen: Seen) -> None:
    """`slow_callback_duration` decides, whenever it is set, and may be any number."""
    loop.slow_callback_duration = 3600
    loop.call_soon(named, 0.002)
    turn(loop)
    assert seen.calls == []
    loop.slow_callback_duration = 0.002
    loop.call_soon(named, 0.002)
    turn(loop)
    assert [text for text in seen.texts() if "named" in text]


def test_the_default_duration_is_asyncios(loop: vitok.Loop) -> None:
    """100 ms, as in asyncio."""
    hook = loop.slow_callback_hook = Seen()
    loop.call_soon(named, 0.1)
    turn(loop)
    assert loop.slow_callback_duration == 0.1
    assert ["named" in text for text in hook.texts()] == [True]


def test_a_step_of_a_task_is_a_callback(loop: vitok.Loop, seen: Seen) -> None:
    """Its handle leads to the task."""

    async def main() -> None:
        named()

    task = loop.create_task(main())
    loop.run_until_complete(task)
    owners = [getattr(handle._callback, "__self__", None) for handle, _ in seen.calls]
    assert task in owners


def test_an_event_of_a_protocol_has_a_handle_too(loop: vitok.Loop, seen: Seen) -> None:
    """A slow `data_received` is called by no handle; the hook gets one that names the method of the protocol."""

    class Slow(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            """Receive."""
            received.set_result(None)

    received = loop.create_future()

    async def main() -> None:
        left, right = socket.socketpair()
        transport, _ = await loop.create_connection(Slow, sock=left)
        with right:
            right.send(b"x")
            await received
            transport.abort()

    loop.run_until_complete(main())
    turn(loop, 2)
    assert [text for text in seen.texts() if "Slow.data_received()" in text]


def test_a_protocol_with_the_methods_of_a_transport(loop: vitok.Loop, seen: Seen) -> None:
    """The name of the handle is found without calls of the protocol: a mock has every method, also `get_protocol()`."""
    protocol = unittest.mock.Mock()

    async def main() -> None:
        left, right = socket.socketpair()
        received = loop.create_future()
        protocol.data_received.side_effect = received.set_result
        transport, _ = await loop.create_connection(lambda: protocol, sock=left)
        with right:
            right.send(b"x")
            assert await received == b"x"
            transport.abort()

    loop.run_until_complete(main())
    turn(loop, 2)
    assert not protocol.get_protocol.called
    assert [text for text in seen.texts() if "data_received" in text]


def test_is_called_in_debug_mode_beside_the_log(loop: vitok.Loop, seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    """Debug mode keeps its line."""
    loop.set_debug(True)
    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.call_soon(named)
        turn(loop)
    assert [text for text in seen.texts() if "named" in text]
    assert [record for record in caplog.records if "named" in record.getMessage()]


def test_without_debug_mode_there_is_no_log(loop: vitok.Loop, seen: Seen, caplog: pytest.LogCaptureFixture) -> None:
    """The hook replaces the line."""
    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.call_soon(named)
        turn(loop)
    assert seen.calls
    assert caplog.records == []


def test_an_exception_of_the_hook_is_reported_and_ends_nothing(loop: vitok.Loop, error_log: ErrorLog) -> None:
    """It goes to the exception handler with the handle; the loop goes on."""
    details: list[dict[str, Any]] = []
    called: list[int] = []

    def fail(handle: asyncio.Handle, seconds: float) -> None:
        raise ValueError("of the hook")

    loop.set_exception_handler(lambda _, context: details.append(context))
    loop.slow_callback_duration = 0.0
    loop.slow_callback_hook = fail
    handle = loop.call_soon(called.append, 1)
    turn(loop)
    loop.slow_callback_hook = None
    assert called == [1]
    assert (str(details[0]["exception"]), details[0]["handle"]) == ("of the hook", handle)
    assert details[0]["message"] == "Exception in slow_callback_hook"


@pytest.mark.parametrize("leaving", [KeyboardInterrupt, SystemExit])
def test_an_exception_that_ends_programs_leaves_the_loop(loop: vitok.Loop, leaving: type[BaseException]) -> None:
    """As from a callback; what waits is called in the next run."""
    called: list[int] = []

    def leave(handle: asyncio.Handle, seconds: float) -> None:
        loop.slow_callback_hook = None
        raise leaving

    loop.slow_callback_duration = 0.0
    loop.slow_callback_hook = leave
    loop.call_soon(called.append, 1)
    loop.call_soon(called.append, 2)
    with pytest.raises(leaving):
        loop.run_forever()
    turn(loop)
    assert called == [1, 2]


def test_a_hook_that_is_removed_is_called_no_more(loop: vitok.Loop, seen: Seen) -> None:
    """Also by itself, within its own call."""

    def once(handle: asyncio.Handle, seconds: float) -> None:
        seen(handle, seconds)
        loop.slow_callback_hook = None

    loop.slow_callback_hook = once
    loop.call_soon(named)
    loop.call_soon(named)
    turn(loop, 2)
    assert len(seen.calls) == 1
    assert loop.slow_callback_hook is None


@pytest.mark.parametrize("wrong", ["name", 3, object()])
def test_only_a_callable_or_none_is_taken(loop: vitok.Loop, wrong: Any) -> None:
    """The error names the attribute, what was expected and the value."""
    with pytest.raises(TypeError, match="slow_callback_hook: a callable object or None was expected, got "):
        loop.slow_callback_hook = wrong
    assert loop.slow_callback_hook is None


def test_a_duration_that_is_no_number_is_the_error_of_asyncio(loop: vitok.Loop, error_log: ErrorLog) -> None:
    """It is raised where it is compared, out of `run_forever`."""
    loop.slow_callback_hook = Seen()
    wrong: Any = "long"
    loop.slow_callback_duration = wrong
    loop.call_soon(named)
    with pytest.raises(TypeError):
        loop.run_forever()
    loop.slow_callback_duration = 1.0
    turn(loop)


def test_a_cycle_through_the_hook_is_collected() -> None:
    """A hook that holds its loop keeps nothing alive."""
    loop = vitok.new_event_loop()
    hook = Seen()
    hook.calls.append((loop, 0.0))
    loop.slow_callback_hook = hook
    turn(loop)
    loop.close()
    watched = weakref.ref(loop)
    del loop, hook
    gc.collect()
    assert watched() is None
