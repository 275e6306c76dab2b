"""Interrupts at any instant: afterwards the loop and the thread can be used again.

Each kind of run is interrupted at every instruction of Python's, and at random times by a real signal, in a child
(interrupt_support.py), and so is a loop at work (interrupt_work.py). `VITOK_INTERRUPTS` sets the number of those.
asyncio's own loop is not the reference here: it leaves hooks and depth behind, may be half closed, loses callbacks, and
some of its runs hang.
"""

import asyncio
import faulthandler
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import vitok
from interrupt_support import problems, thread_state
from support import loop_factory, private, run_python

pytestmark = pytest.mark.vitok_only
PROGRAM = Path(__file__).with_name("interrupt_support.py")
WORK = Path(__file__).with_name("interrupt_work.py")
# Real signals, where nothing else is asked for: a few seconds. A release is tried with a million, which takes a quarter
# of an hour in each of the two tests.
REAL_INTERRUPTS = os.environ.get("VITOK_INTERRUPTS", "5000")
HOUR = 3600


def test_interrupted_at_every_instruction() -> None:
    """The loop stayed "running" for good, `close()` refused, where the interrupt met the set-up or the clean-up."""
    child = run_python(PROGRAM, "vitok", "every", seconds=50)
    assert (child.returncode, child.stderr) == (0, ""), child.stdout


@pytest.mark.timeout(HOUR)
def test_interrupted_at_random() -> None:
    """The same by real signals, which also come while native code runs."""
    # Its program ends each run that hangs.
    faulthandler.cancel_dump_traceback_later()
    child = run_python(PROGRAM, "vitok", REAL_INTERRUPTS, seconds=HOUR)
    assert (child.returncode, child.stderr) == (0, ""), child.stdout


@pytest.mark.timeout(HOUR)
def test_interrupted_work_loses_nothing() -> None:
    """Issue 14, item 4: "Ctrl-C ... at any instant without a lost callback"; asyncio's loop loses one in a hundred."""
    faulthandler.cancel_dump_traceback_later()
    child = run_python(WORK, "vitok", REAL_INTERRUPTS, seconds=HOUR)
    assert (child.returncode, child.stderr) == (0, ""), child.stdout
    assert child.stdout.endswith("interrupts, 0 losses\n")


def test_a_subclass_may_surround_its_own_turns() -> None:
    """`_run_forever_setup` and `_run_forever_cleanup` are there for that, from 3.13 on: each does all or nothing."""
    loop = private(loop_factory("vitok")())
    before, ran = thread_state(), list[int]()
    loop._run_forever_setup()
    try:
        assert loop.is_running()
        assert asyncio.get_running_loop() is loop
        with pytest.raises(RuntimeError, match="already running"):
            loop._run_forever_setup()
        loop.call_soon(ran.append, 1)
        loop._run_once()
        assert ran == [1]
    finally:
        loop._run_forever_cleanup()
    loop._run_forever_cleanup()
    assert problems(loop, before) == []


@pytest.mark.parametrize("method", ["_run_forever_setup", "_run_forever_cleanup"])
@pytest.mark.parametrize("raises_first", [True, False])
def test_what_an_override_leaves_undone_is_done(method: str, raises_first: bool) -> None:
    """A subclass's own set-up or clean-up that fails: the loop must not stay "running" for it."""

    def override(self: Any) -> None:
        if raises_first:
            raise KeyboardInterrupt
        getattr(vitok.Loop, method)(self)
        raise KeyboardInterrupt

    before = thread_state()
    loop = type("Own", (vitok.Loop,), {method: override})()
    loop.call_soon(loop.stop)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert thread_state() == before
    assert not loop.is_running()
    loop.close()


def test_an_interrupt_behind_the_end_of_a_future_stops_no_later_run() -> None:
    """The call that stops the loop was in the queue already, and met the next run."""
    loop = loop_factory("vitok")()
    first, second = loop.create_future(), loop.create_future()
    loop.call_soon(first.set_result, None)
    loop.call_soon(signal.raise_signal, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(first)
    loop.call_soon(loop.call_soon, loop.call_soon, second.set_result, "reached")
    assert loop.run_until_complete(second) == "reached"
    loop.close()
