"""Kinds of calls to which `memory_child` refuses memory.

Each is made on a new loop, called once without memory, and then checked: counts and open descriptors are as before.
"""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

# The longest of them takes 12.
TURNS = 30


class Kind:
    """A call with what it needs."""

    # Whether CPython itself may leak a descriptor: `socket.accept()` has one before it has an object for it.
    may_leak = False
    # Whether a failure occurred that was reported elsewhere.
    met_failure = False
    # The ways of refusing that are tested.
    ways: tuple[str, ...] = ("once", "on")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.open: list[Callable[[], Any]] = []
        self.set_up()

    def set_up(self) -> None:
        """Prepare the call while there is memory."""

    def call(self) -> Any:
        """Make the call without memory."""
        raise NotImplementedError

    def check(self, succeeded: bool) -> None:
        """Check that everything is as it has to be."""

    def close(self) -> None:
        """Close what was opened."""
        for close in reversed(self.open):
            close()
        turn(self.loop, 3)

    def drive(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine for a number of turns: a failure may leave it waiting for ever."""
        task = self.loop.create_task(coroutine)
        for _ in range(TURNS):
            turn(self.loop)
            if task.done():
                task.result()
                return
        raise MemoryError("not done in time")

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Return a pair of connected sockets that do not block."""
        left, right = socket.socketpair()
        for sock in left, right:
            sock.setblocking(False)
            self.open.append(sock.close)
        return left, right


def turn(loop: asyncio.AbstractEventLoop, times: int = 1) -> None:
    """Run turns of the loop, unless it is closed."""
    for _ in range(times):
        if not loop.is_closed():
            loop.call_soon(loop.stop)
            loop.run_forever()


def nothing(*arguments: Any) -> None:
    """A callback."""


class CallSoon(Kind):
    """call_soon()."""

    arguments: tuple[Any, ...] = ()

    def call(self) -> None:
        self.loop.call_soon(nothing, *self.arguments)


class CallSoonWithThree(CallSoon):
    """call_soon() with as many arguments as a handle holds itself."""

    arguments = (1, 2, 3)


class CallSoonWithFour(CallSoon):
    """call_soon() with more."""

    arguments = (1, 2, 3, 4)


class CallSoonInDebugMode(Kind):
    """A handle that knows where it was made."""

    def set_up(self) -> None:
        self.loop.set_debug(True)

    def call(self) -> None:
        self.loop.call_soon(nothing, 1)


class CallSoonMany(Kind):
    """More than the pool of handles has."""

    def call(self) -> None:
        for _ in range(64):
            self.loop.call_soon(nothing)


class CallLater(Kind):
    """call_later()."""

    def call(self) -> None:
        self.loop.call_later(0, nothing, 1)


class CancelTimer(Kind):
    """cancel() of a timer."""

    def set_up(self) -> None:
        self.timer = self.loop.call_later(100, nothing)

    def call(self) -> None:
        self.timer.cancel()

    def check(self, succeeded: bool) -> None:
        assert not succeeded or self.timer.cancelled()


class CallSoonThreadsafe(Kind):
    """call_soon_threadsafe()."""

    def call(self) -> None:
        self.loop.call_soon_threadsafe(nothing, 1)


class CreateFuture(Kind):
    """create_future()."""

    def call(self) -> None:
        self.loop.create_future()


async def no_wait() -> None:
    """A coroutine."""


class CreateTask(Kind):
    """create_task()."""

    def call(self) -> None:
        coroutine = no_wait()
        try:
            self.loop.create_task(coroutine)
        finally:
            coroutine = None


class CreateNamedTask(Kind):
    """create_task() with keywords."""

    def call(self) -> None:
        self.loop.create_task(no_wait(), name="a")


class CreateEagerTask(Kind):
    """A task that starts at once, from Python 3.12 on."""

    def set_up(self) -> None:
        factory = getattr(asyncio, "eager_task_factory", None)
        if factory is not None:
            self.loop.set_task_factory(factory)

    def call(self) -> None:
        async def inner() -> None:
            self.loop.create_task(no_wait())

        self.drive(inner())


class RunUntilComplete(Kind):
    """run_until_complete()."""

    def call(self) -> None:
        self.loop.run_until_complete(no_wait())


class RunForever(Kind):
    """run_forever()."""

    def set_up(self) -> None:
        self.loop.call_soon(self.loop.stop)

    def call(self) -> None:
        self.loop.run_forever()


class Make(Kind):
    """The native part of making a loop: in asyncio's part CPython 3.11 crashes when it is refused an iterator."""

    def set_up(self) -> None:
        self.make = type(self.loop)

    def call(self) -> None:
        self.make.__new__(self.make)


class MakeWithFinalizer(Make):
    """The same for a subclass whose finalizer uses the loop."""

    def set_up(self) -> None:
        class Finalized(type(self.loop)):  # type: ignore[misc]
            """Makes the calls that a finalizer may make."""

            def __del__(self) -> None:
                if not self.is_closed():
                    self.close()
                self.is_running()

        self.make = Finalized


class Close(Kind):
    """close()."""

    def call(self) -> None:
        self.loop.close()

    def check(self, succeeded: bool) -> None:
        self.loop.close()
        assert self.loop.is_closed()


class RunInExecutor(Kind):
    """run_in_executor()."""

    def set_up(self) -> None:
        from concurrent.futures import Executor, Future

        class Pool(Executor):
            """Runs at once: other threads must not run while memory is refused."""

            def submit(self, function: Any, /, *arguments: Any, **keywords: Any) -> Any:
                future: Future[Any] = Future()
                future.set_result(function(*arguments))
                return future

        self.pool = Pool()

    def call(self) -> None:
        async def main() -> None:
            await self.loop.run_in_executor(self.pool, nothing, 1)

        self.drive(main())


class AddSignalHandler(Kind):
    """add_signal_handler()."""

    def call(self) -> None:
        self.loop.add_signal_handler(signal.SIGUSR1, nothing)

    def check(self, succeeded: bool) -> None:
        assert self.loop.remove_signal_handler(signal.SIGUSR1) or not succeeded
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)


class SignalArrives(Kind):
    """The handler of a signal is called."""

    def set_up(self) -> None:
        self.loop.add_signal_handler(signal.SIGUSR1, nothing)

    def call(self) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        turn(self.loop, 2)

    def close(self) -> None:
        self.loop.remove_signal_handler(signal.SIGUSR1)
        super().close()


def cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that a failure left behind."""
    if loop.is_closed():
        return
    for task in asyncio.all_tasks(loop):
        task.cancel()
    turn(loop, 3)


class Reports(Kind):
    """A callback raises, and that is reported."""

    def set_up(self) -> None:
        self.loop.set_exception_handler(nothing)
        self.loop.call_soon(self.fail)

    def fail(self) -> None:
        raise MemoryError

    def call(self) -> None:
        turn(self.loop)


class PosixThread(Kind):
    """A handle posted by another thread."""

    def set_up(self) -> None:
        thread = threading.Thread(target=self.loop.call_soon_threadsafe, args=(nothing,))
        thread.start()
        thread.join()

    def call(self) -> None:
        turn(self.loop, 2)


KINDS: list[type[Kind]] = [
    CallSoon,
    CallSoonWithThree,
    CallSoonWithFour,
    CallSoonInDebugMode,
    CallSoonMany,
    CallLater,
    CancelTimer,
    CallSoonThreadsafe,
    CreateFuture,
    CreateTask,
    CreateNamedTask,
    CreateEagerTask,
    RunUntilComplete,
    RunForever,
    Make,
    MakeWithFinalizer,
    Close,
    RunInExecutor,
    AddSignalHandler,
    SignalArrives,
    Reports,
    PosixThread,
]
