"""SIGTERM ends a program under `vitok run` as Ctrl-C does: its main task is cancelled, so that `finally` blocks run.

A program that runs no loop, and one that handles the signal itself, is left alone. The process ends by the signal in
any case, unless the program ends otherwise meanwhile, and a second SIGTERM ends it at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import base_events
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._hooks import in_main_thread
from ._loop import Loop
from ._native import EventLoop, end_by_signal

if TYPE_CHECKING:
    from types import FrameType

# The callback of a future that stops its loop: that of the main task.
_stop_when_done: Any = vars(base_events)["_run_until_complete_cb"]
_was_received = False


class Terminated(SystemExit):
    """SIGTERM has ended a run that has no main task, such as a bare `run_forever()`."""


def handle_while_running() -> None:
    """Handle the signal while a loop of vitok's runs in the main thread.

    Not before and not after: Python runs a handler between two instructions, and a program that waits in a call for
    something else would not end.
    """
    own: Any = Loop
    own._run_forever_setup = _set_up
    own._run_forever_cleanup = _clean_up
    # A forked child is not the program: `multiprocessing` ends its children by this signal.
    os.register_at_fork(after_in_child=_forget)


def _set_up(loop: Loop) -> None:
    EventLoop._run_forever_setup(loop)
    is_default = in_main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if is_default and not _is_caught(signal.SIGTERM):
        signal.signal(signal.SIGTERM, _end)


def _clean_up(loop: Loop) -> None:
    try:
        if in_main_thread():
            _leave_alone()
    finally:
        EventLoop._run_forever_cleanup(loop)


def _is_caught(number: int) -> bool:
    """Return whether the process has a handler that Python does not know: one written in another language."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _forget() -> None:
    for name in ("_run_forever_setup", "_run_forever_cleanup"):
        if name in vars(Loop):
            delattr(Loop, name)
    _leave_alone()


def _leave_alone() -> None:
    if signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, _: FrameType | None) -> None:
    """The handler of the signal."""
    global _was_received
    signal.signal(number, signal.SIG_DFL)
    loop = asyncio._get_running_loop()
    if loop is None:
        os.kill(os.getpid(), number)
        return
    _was_received = True
    main = _main_task(loop)
    if main is None:
        raise Terminated(128 + number)
    # As asyncio.Runner does it for SIGINT.
    loop.call_soon_threadsafe(int)
    main.cancel()


def _main_task(loop: asyncio.AbstractEventLoop) -> asyncio.Task[Any] | None:
    """Return the task that `run_until_complete()` waits for."""
    for task in asyncio.all_tasks(loop):
        own: Any = task
        if any(callback is _stop_when_done for callback, _ in own._callbacks or ()):
            return task
    return None


def has_ended(error: BaseException) -> bool:
    """Return whether the signal has ended the program with this exception; then the process will end by the signal."""
    is_end = _was_received and isinstance(error, asyncio.CancelledError | Terminated)
    if is_end:
        end_by_signal(signal.SIGTERM)
    return is_end
