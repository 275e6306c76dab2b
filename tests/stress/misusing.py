"""Scenarios of what asyncio forbids: methods of a loop, its handles and transports are called from other threads.

In debug mode that is RuntimeError where asyncio checks it. Without debug mode nothing is promised but that the process
survives, that no call happens twice, and that the loop goes on.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from random import Random
from typing import Any

from .context import Context

_HIGH = 64 * 1024
# What a forbidden call may raise; anything else is a fault, and a dead process is one in any case.
_REFUSED = (RuntimeError, ValueError, OSError, asyncio.InvalidStateError)


class _Sink(asyncio.Protocol):
    """Reads and forgets; writing is paused and resumed as the transport says."""

    def __init__(self) -> None:
        self.lost = threading.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


class Once:
    """A callback that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


class _Target:
    """What the threads of one loop misuse."""

    def __init__(self, context: Context, loop: asyncio.AbstractEventLoop) -> None:
        self.context = context
        self.loop = loop
        self.callbacks: list[Once] = []
        self.transport: Any = None
        self.futures: list[Any] = []
        self.handles: list[Any] = []
        self.protocol = _Sink()

    async def open(self, end: socket.socket) -> None:
        """Make what is misused, in the loop's thread."""
        self.transport, _ = await self.loop.create_connection(lambda: self.protocol, sock=end)
        self.transport.set_write_buffer_limits(_HIGH)
        self.futures = [self.loop.create_future() for _ in range(20)]
        self.handles = [self.loop.call_later(0.001 * number, self.callback()) for number in range(50)]
        self.handles += [self.loop.call_soon(self.callback()) for _ in range(20)]

    def callback(self) -> Once:
        """Return a new callback, whose calls are counted at the end."""
        callback = Once()
        self.callbacks.append(callback)
        return callback

    def misuses(self, random: Random) -> list[Callable[[], object]]:
        """What a thread may do to the loop and its objects."""
        loop, transport = self.loop, self.transport
        future, handle = random.choice(self.futures), random.choice(self.handles)
        return [
            lambda: loop.call_soon(self.callback()),
            lambda: self.handles.append(loop.call_later(random.random() * 0.01, self.callback())),
            lambda: self.handles.append(loop.call_soon(self.callback())),
            handle.cancel,
            lambda: repr(handle),
            lambda: future.done() or future.set_result(None),
            future.cancel,
            lambda: future.add_done_callback(str),
            lambda: transport.write(b"x" * random.randint(0, 3000)),
            lambda: transport.writelines([b"x" * 100, b"y" * 100]),
            transport.pause_reading,
            transport.resume_reading,
            transport.get_write_buffer_size,
            lambda: transport.set_write_buffer_limits(random.randint(0, _HIGH)),
            lambda: transport.get_extra_info("peername"),
            lambda: repr(transport),
            transport.get_protocol,
            lambda: repr(loop),
            loop.is_running,
            loop.time,
        ]

    def misuse(self, random: Random, count: int) -> None:
        """Do such things, in another thread than that of the loop."""
        for _ in range(count):
            with contextlib.suppress(*_REFUSED):
                random.choice(self.misuses(random))()
        if random.random() < 0.3:
            with contextlib.suppress(*_REFUSED):
                random.choice((self.transport.close, self.transport.abort))()


def wrong_threads(context: Context) -> None:
    """Threads call methods that belong to the loop's own thread, while the loop is at work."""
    if context.settings.loop_name != "vitok":
        return
    ours, theirs = socket.socketpair()
    with theirs, context.running_loop() as loop:
        loop.set_debug(False)
        loop.set_exception_handler(lambda _loop, _about: None)
        ours.setblocking(False)
        target = _Target(context, loop)
        context.result(asyncio.run_coroutine_threadsafe(target.open(ours), loop))
        threads = [
            context.start(target.misuse, context.fork_random(), context.count(50, 300))
            for _ in range(context.random.randint(1, 3))
        ]
        reading = context.start(_drain, theirs)
        for thread in threads:
            thread.join()
        # The loop goes on: a post is called, the transport closes.
        loop.call_soon_threadsafe(target.transport.abort)
        context.check(target.protocol.lost.wait(context.settings.patience), "the transport does not end")
        context.result(asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loop))
        reading.join()
        for callback in target.callbacks:
            context.check(callback.calls <= 1, f"a call of another thread happened {callback.calls} times")
    target.handles.clear()
    target.futures.clear()


def _drain(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while end.recv(65536):
            pass


def wrong_threads_in_debug_mode(context: Context) -> None:
    """In debug mode asyncio's checks refuse other threads."""
    with context.running_loop() as loop:
        loop.set_debug(True)
        calls: list[Callable[[], object]] = [
            lambda: loop.call_soon(print),
            lambda: loop.call_later(1, print),
            lambda: loop.call_at(loop.time() + 1, print),
        ]
        for _ in range(context.count(5, 50)):
            try:
                context.random.choice(calls)()
            except RuntimeError as error:
                context.check("Non-thread-safe operation" in str(error), f"another text: {error}")
            else:
                context.fault("a call of another thread is accepted in debug mode")


SCENARIOS = (wrong_threads, wrong_threads_in_debug_mode)
