"""What `vitok top` shows of a process's loops: each in the moment in which it is asked, without disturbing it for long.

With the GIL the asking thread looks at the loops and at the frames of other threads while it holds the GIL. Without, a
loop describes itself in its own thread, since its state and the frames of its tasks change meanwhile; a loop that is
blocked is described from outside, and then its tasks don't change. How questions and answers travel is not known here.
"""

from __future__ import annotations

import asyncio
import dataclasses
import faulthandler
import itertools
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from . import _measuring, _metrics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType

# Walking the stacks of this many tasks takes about 20 ms, during which the process does nothing else.
_MOST_TASKS: Final = 2_000
# The groups of tasks with equal stacks that are told, the most frequent first.
_MOST_GROUPS: Final = 40
_DEEPEST: Final = 24
# The time for all loops to describe themselves: one that is not blocked needs a turn, which is much shorter.
_TURN_SECONDS: Final = 0.1
# What faulthandler writes: a line for each thread, with its identity, and one for each of its frames.
_THREAD: Final = re.compile(r"(?:Current thread|Thread) (0x[0-9a-f]+)")
_FRAME: Final = re.compile(r'  File "(.*)", line (\d+|\?\?\?) in (.*)')


def described() -> list[dict[str, Any]]:
    """Return what there is to tell of each open loop of this process. Any thread but that of a loop may call this."""
    loops: list[Any] = [loop for loop in _measuring.loops() if not loop.is_closed()]
    threads = {thread.ident: thread.name for thread in threading.enumerate()}
    is_gil_enabled = getattr(sys, "_is_gil_enabled", None)
    if is_gil_enabled is None or is_gil_enabled():
        frames = sys._current_frames()
        stacks = {loop._thread_id: _thread_stack(frames.get(loop._thread_id)) for loop in loops}
        return [_describe(loop, threads, stacks, _current(loop)) for loop in loops]
    stacks = _stacks()
    return _asked(loops, [partial(_describe, loop, threads, stacks, _current(loop)) for loop in loops])


def _asked(loops: Sequence[Any], describe: Sequence[partial[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return what the loops tell of themselves in their threads, in their turn; from here for one that has none."""
    questions = [_Question(one) for one in describe]
    for loop, question in zip(loops, questions, strict=True):
        question.put(loop)
    deadline = time.monotonic() + _TURN_SECONDS
    return [question.answer(deadline) for question in questions]


class _Question:
    """One loop's description, which is made once: by its thread, or by the one that no longer waits for it."""

    def __init__(self, describe: partial[dict[str, Any]]) -> None:
        self._describe = describe
        self._lock = threading.Lock()
        self._is_taken = False
        self._done = threading.Event()
        self._told: dict[str, Any] | None = None

    def put(self, loop: Any) -> None:
        """Ask a loop, if it runs in another thread."""
        if loop._thread_id in (None, threading.get_ident()):
            return
        try:
            loop.call_soon_threadsafe(self._in_loop)
        except RuntimeError:
            # It was closed meanwhile.
            return

    def answer(self, deadline: float) -> dict[str, Any]:
        """Return the answer, made here if the loop did not begin it in time."""
        if not self._done.wait(max(0.0, deadline - time.monotonic())) and self._takes():
            return self._describe()
        self._done.wait()
        if self._told is None:
            # It has failed in the loop, which was told.
            return self._describe()
        return self._told

    def _takes(self) -> bool:
        with self._lock:
            takes, self._is_taken = not self._is_taken, True
        return takes

    def _in_loop(self) -> None:
        if self._takes():
            try:
                self._told = self._describe()
            finally:
                self._done.set()


def _describe(
    loop: Any,
    threads: dict[int | None, str],
    stacks: dict[int | None, list[str]],
    current: asyncio.Task[Any] | None,
) -> dict[str, Any]:
    """Describe a loop whose thread had this stack and this task when it was asked."""
    thread = loop._thread_id
    stack = stacks.get(thread, []) if thread is not None else []
    return {
        "loop": repr(loop),
        "identity": id(loop),
        "thread": threads.get(thread),
        "metrics": dataclasses.asdict(_metrics.measure(loop, reader=_metrics.INSPECTOR)),
        "stack": stack,
        "tasks": _groups(asyncio.all_tasks(loop), current, stack),
        "slow": [list(slow) for slow in loop._measurement.slow or ()],
    }


def _current(loop: Any) -> asyncio.Task[Any] | None:
    return asyncio.current_task(loop) if loop._thread_id is not None else None


def _groups(
    tasks: set[asyncio.Task[Any]], current: asyncio.Task[Any] | None, running: list[str]
) -> list[dict[str, Any]]:
    """Return the tasks by what they do: those with the same state and stack are one group, with the name of one."""
    counts: Counter[tuple[Any, ...]] = Counter()
    names: dict[tuple[Any, ...], str] = {}
    group: tuple[str, str | None, str, tuple[str, ...]]
    for task in itertools.islice(tasks, _MOST_TASKS):
        if task is current:
            group = ("running", None, _qualified_name(task), tuple(running))
        else:
            group = (*_state_of(task), _qualified_name(task), tuple(_coroutine_stack(task.get_coro())))
        counts[group] += 1
        names.setdefault(group, task.get_name())
    return [
        {"count": count, "state": state, "waits": waits, "coroutine": coroutine, "name": names[group], "stack": stack}
        for group, count in counts.most_common(_MOST_GROUPS)
        for state, waits, coroutine, stack in [group]
    ]


def _state_of(task: Any) -> tuple[str, str | None]:
    """Return what a task that does not run waits for: the name of a task, or the class of a future."""
    waiter = getattr(task, "_fut_waiter", None)
    if waiter is None:
        return "ready", None
    if isinstance(waiter, asyncio.Task):
        return "waiting", f"task {waiter.get_name()}"
    return "waiting", type(waiter).__name__


def _qualified_name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return str(getattr(coroutine, "__qualname__", type(coroutine).__name__))


def _coroutine_stack(awaited: Any) -> Iterator[str]:
    """Describe the frames of a coroutine that waits, the outermost first."""
    for _ in range(_DEEPEST):
        frame = _first_of(awaited, "cr_frame", "gi_frame", "ag_frame")
        if frame is None:
            return
        yield _place(frame.f_code, frame.f_lineno)
        awaited = _first_of(awaited, "cr_await", "gi_yieldfrom", "ag_await")


def _first_of(awaited: Any, *names: str) -> Any:
    return next((found for name in names if (found := getattr(awaited, name, None)) is not None), None)


def _stacks() -> dict[int | None, list[str]]:
    """Return the stacks of all threads by their identities, the outermost frames first.

    faulthandler stops all threads while it reads their frames, which Python code can't. It knows the names of functions
    without those of their classes.
    """
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        lines = file.read().decode(errors="replace").splitlines()
    stacks: dict[int | None, list[str]] = {}
    places: list[str] = []
    for line in lines:
        if (thread := _THREAD.match(line)) is not None:
            places = stacks[int(thread[1], 16)] = []
        elif (frame := _FRAME.fullmatch(line)) is not None and len(places) < _DEEPEST:
            places.insert(0, f"{frame[3]} ({frame[1]}:{frame[2]})")
    return stacks


def _thread_stack(frame: Any) -> list[str]:
    """Describe the frames of a thread, the outermost first."""
    places: list[str] = []
    while frame is not None and len(places) < _DEEPEST:
        places.append(_place(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return places[::-1]


def _place(code: CodeType, line: int | None) -> str:
    return f"{code.co_qualname} ({code.co_filename}:{line})"
