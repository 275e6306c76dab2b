"""Runs of a loop that are interrupted, and checks of the loop and the thread afterwards.

As a program it interrupts each kind of run many times and prints what was left behind. The exit code is 1 if anything
was.

- `LOOP every`: at every instruction of Python's in turn, by a trace function.
- `LOOP COUNT [SEED]`: this many times, at random, by a real SIGINT from a timer of Linux.

Runs without an interrupt are not tested here.
"""

import asyncio
import ctypes
import gc
import logging
import random
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import vitok
from support import loop_factory, private, turn

Loop = asyncio.AbstractEventLoop
# The time after which a run counts as hanging, on a busy machine too.
HANG_SECONDS = 5
# The places of a run's Python code.
INTERRUPTED = (str(Path(__file__).parent), *(str(Path(vars(module)["__file__"]).parent) for module in (asyncio, vitok)))
# The time after which an idle loop certainly sleeps: everything before takes half of it.
LONG_ASLEEP_NS = 120_000
# The exceptions that an interrupt becomes.
INTERRUPTS = (KeyboardInterrupt, asyncio.CancelledError)
# The callback of a future that stops its loop.
STOP_WHEN_DONE = vars(asyncio.base_events)["_run_until_complete_cb"]
# A signal that the tests never send: its handler is there to be removed.
HANDLED = signal.SIGUSR1


class Run(NamedTuple):
    """The interrupted call, the call before it that is not interrupted, and whether it ends only by the interrupt."""

    body: Callable[[Loop], object]
    prepare: Callable[[Loop], object] = lambda _: None
    sleeps: bool = False


class Hang(BaseException):
    """A run that neither its own callback nor the interrupt has ended."""


def end_hang(number: int, frame: FrameType | None) -> None:
    """The handler of SIGALRM."""
    raise Hang


async def two_turns() -> None:
    """A main coroutine, with an asynchronous generator that the loop has to know."""
    await asyncio.sleep(0)
    async for _ in numbers():
        break


async def numbers() -> Any:
    """An asynchronous generator."""
    yield 1
    yield 2


def run_forever(loop: Loop) -> None:
    """A run that a callback ends."""
    loop.call_soon(loop.stop)
    loop.run_forever()


def run_in_runner(loop: Loop) -> None:
    """A run as in `asyncio.run`; the loop is closed after it."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(two_turns())


class Leave(SystemExit):
    """The exception with which a callback ends its run: only this kind and a KeyboardInterrupt leave the loop."""


def run_until_exit(loop: Loop) -> None:
    """A run that an exception ends after its future was done."""

    async def main() -> None:
        loop.call_soon(leave)

    def leave() -> None:
        raise Leave

    with suppress(Leave):
        loop.run_until_complete(main())


RUNS = {
    "run_forever": Run(run_forever),
    "run_until_complete": Run(lambda loop: loop.run_until_complete(two_turns())),
    "exit": Run(run_until_exit),
    "debug mode": Run(lambda loop: loop.run_until_complete(two_turns()), lambda loop: loop.set_debug(True)),
    "Runner": Run(run_in_runner),
    "close": Run(lambda loop: loop.close(), lambda loop: loop.add_signal_handler(HANDLED, int)),
    "asleep": Run(lambda loop: loop.run_forever(), sleeps=True),
}


def thread_state() -> dict[str, object]:
    """Return what a run takes from its thread."""
    wakeup = signal.set_wakeup_fd(-1)
    # asyncio's loop may have closed it.
    with suppress(OSError):
        signal.set_wakeup_fd(wakeup)
    return {
        "running loop": asyncio._get_running_loop(),
        "hooks of generators": tuple(sys.get_asyncgen_hooks()),
        "depth of origins": sys.get_coroutine_origin_tracking_depth(),
        "wake-up descriptor": wakeup,
    }


def problems(loop: Loop, before: dict[str, object]) -> list[str]:
    """Return what an interrupted run has left behind; the loop is closed then."""
    if loop.is_running():
        return ["running"]
    # Only a loop with handlers may hold it after a run.
    held = signal.getsignal(HANDLED) is not signal.SIG_DFL and "wake-up descriptor"
    found = [name for name, value in thread_state().items() if value != before[name] and name != held]
    try:
        if not loop.is_closed():
            if stops_later_run(loop):
                found.append("stops a later run")
            for task in asyncio.all_tasks(loop):
                task.cancel()
            # The callback of an interrupted run may still be there, and end the first turns.
            with suppress(Leave):
                turn(loop, 3)
            turn(loop, 3)
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    except Exception as error:
        found.append(f"{type(error).__name__}: {error}")
    if signal.getsignal(HANDLED) is not signal.SIG_DFL:
        found.append("handler")
        signal.signal(HANDLED, signal.SIG_DFL)
    if thread_state()["wake-up descriptor"] != before["wake-up descriptor"]:
        found.append("wake-up descriptor after close()")
    return found


def stops_later_run(loop: Loop) -> bool:
    """Return whether a future of an earlier run is going to stop the loop."""
    waiting = [callback for task in asyncio.all_tasks(loop) for callback, _ in private(task)._callbacks or ()]
    called = [handle._callback for handle in private(loop)._ready]
    return STOP_WHEN_DONE in waiting + called


def put_back(loop: Any, before: dict[str, Any]) -> None:
    """Make the thread usable again, after a loop that stays "running"."""
    asyncio._set_running_loop(None)
    sys.set_asyncgen_hooks(*before["hooks of generators"])
    sys.set_coroutine_origin_tracking_depth(before["depth of origins"])
    signal.set_wakeup_fd(before["wake-up descriptor"])
    loop._thread_id = None
    with suppress(Exception):
        loop.close()


class Tracer:
    """A trace function that raises KeyboardInterrupt at one instruction, counted from the start."""

    def __init__(self, instruction: int) -> None:
        self.left = instruction

    def __call__(self, frame: FrameType, event: str, argument: object) -> Self | None:
        """Called before each instruction of each function that is entered from now on."""
        if event == "call" and not frame.f_code.co_filename.startswith(INTERRUPTED):
            # An interrupt inside a call leaves the call.
            return None
        frame.f_trace_opcodes = True
        if event in ("call", "opcode"):
            self.left -= 1
            if self.left < 0:
                # As everywhere, an exception ends the tracing.
                raise KeyboardInterrupt
        return self

    def interrupt(self, loop: Loop, run: Run) -> BaseException | None:
        """Run until the end or the interrupt, and return the exception."""
        try:
            signal.alarm(HANG_SECONDS)
            sys.settrace(self)
            run.body(loop)
        except BaseException as error:
            return error
        finally:
            sys.settrace(None)
            signal.alarm(0)
        return None


def interrupt_everywhere(loop_name: str, run: Run) -> Counter[str]:
    """Interrupt a run at its first instruction, its second, and so on, and count what is wrong afterwards."""
    before, result, new_loop = thread_state(), Counter[str](), loop_factory(loop_name)
    while True:
        loop = new_loop()
        run.prepare(loop)
        tracer = Tracer(result["runs"])
        raised = tracer.interrupt(loop, run)
        result["runs"] += 1
        look_at(loop, raised, before, result)
        del loop, raised
        # Objects that an interrupted run has left in asyncio's set of all tasks would make the next one longer.
        gc.collect()
        if tracer.left >= 0:
            return result


def look_at(loop: Loop, raised: BaseException | None, before: dict[str, object], result: Counter[str]) -> None:
    """Count the interrupt, if it was raised, and what was left behind."""
    # A runner's main task is cancelled, and its clean-up cancels the rest.
    result["interrupts"] += isinstance(raised, INTERRUPTS)
    found = problems(loop, before)
    # `Runner.close()` names its loop inside the block whose end asks for it: that instant is CPython's.
    if raised is not None and not isinstance(raised, (*INTERRUPTS, UnboundLocalError)):
        found.append(f"{type(raised).__name__}: {raised}")
    result.update(found)
    if found:
        put_back(loop, before)


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


class _Event(ctypes.Structure):
    _fields_ = (("value", ctypes.c_void_p), ("number", ctypes.c_int), ("rest", ctypes.c_char * 52))


class Interrupter:
    """A timer of the kernel's that sends this process a SIGINT: `setitimer` has other signals."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = ctypes.c_void_p()
        event = _Event(None, signal.SIGINT, b"")
        if self._libc.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer)):
            raise OSError(ctypes.get_errno(), "timer_create")

    def set(self, nanoseconds: int) -> None:
        """Send it after this time; 0 means never."""
        setting = _Setting(_Time(0, 0), _Time(0, nanoseconds))
        self._libc.timer_settime(self._timer, 0, ctypes.byref(setting), None)

    def interrupt(self, loop: Loop, run: Run, nanoseconds: int) -> BaseException | None:
        """Run until the end or the interrupt, and return the exception."""
        try:
            try:
                signal.alarm(HANG_SECONDS)
                self.set(nanoseconds)
                run.body(loop)
            finally:
                self.set(0)
        except BaseException as error:
            return error
        finally:
            signal.alarm(0)
        return None


def interrupt_at_random(loop_name: str, run: Run, *, count: int, seed: int) -> Counter[str]:
    """Interrupt this many runs, each at a random time, and count what is wrong afterwards."""
    chance, interrupter, new_loop = random.Random(seed), Interrupter(), loop_factory(loop_name)
    before, result = thread_state(), Counter[str]()
    longest: float = LONG_ASLEEP_NS if run.sleeps else 2 * typical_duration(new_loop, run)
    while result["interrupts"] < count:
        loop = new_loop()
        run.prepare(loop)
        raised = interrupter.interrupt(loop, run, chance.randrange(1, max(int(longest), 1000)))
        # About half of the runs are interrupted, however fast the machine is at the moment.
        if not run.sleeps:
            longest *= 0.9 if raised is None else 1.1
        result["runs"] += 1
        look_at(loop, raised, before, result)
    return result


def typical_duration(new_loop: Callable[[], Loop], run: Run) -> int:
    """Return the median duration of some runs, in nanoseconds."""
    durations = []
    for _ in range(51):
        loop = new_loop()
        run.prepare(loop)
        start = time.perf_counter_ns()
        run.body(loop)
        durations.append(time.perf_counter_ns() - start)
        loop.close()
    return sorted(durations)[25]


def main(loop_name: str, count: str, seed: str = "1") -> int:
    """Print a line for each kind of run."""
    # An interrupted coroutine was never awaited, an interrupted task is pending for ever, and an interrupted finalizer
    # is reported.
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sys.unraisablehook = lambda _: None
    signal.signal(signal.SIGALRM, end_hang)
    # A shell may have started this with the signal ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()
    wrong = False
    for name, run in RUNS.items():
        if count == "every":
            if run.sleeps:
                continue
            result = interrupt_everywhere(loop_name, run)
        else:
            result = interrupt_at_random(loop_name, run, count=int(count) // len(RUNS), seed=int(seed))
        print(f"{name}: {dict(result)}", flush=True)
        wrong |= set(result) > {"runs", "interrupts"}
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
