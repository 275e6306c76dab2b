"""What `vitok top` asks a process: its loops with their metrics, tasks and slow callbacks.

A thread of the inspected process answers on a Unix socket: one that the process listens at (`listen`), or one that
`vitok top` listens at and has told the process to connect to (`connect`). The protocol is an empty line as a question,
and an answer of one line in JSON. The thread reads frames of other threads while it holds the GIL; nothing is changed
but that the loops measure time as long as someone asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import platform
import socket
import stat
import sys
import tempfile
import threading
import time
import weakref
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from . import _measuring, _metrics
from ._native import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

# Walking the stacks of this many tasks takes about 20 ms, during which the process does nothing else.
_MOST_TASKS: Final = 2_000
# The groups of tasks with equal stacks that are told, the most frequent first.
_MOST_GROUPS: Final = 40
_DEEPEST: Final = 24
# Connections that wait for the thread that answers.
_BACKLOG: Final = 8


# The path of the socket that this process listens at, and the number of the process that made it.
_listening: tuple[Path, int] | None = None


def listen() -> Path:
    """Answer whoever of this user connects to a socket in the user's runtime folder. Return its path.

    OSError if there is none that only this user can enter. A process listens once, however often it is asked.
    """
    global _listening
    if _listening is not None and _listening[1] == os.getpid():
        return _listening[0]
    path = folder_of(os.getuid(), os.environ.get("XDG_RUNTIME_DIR")) / f"{os.getpid()}.sock"
    make_private(path.parent)
    _remove_left(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    _start(_accept, listener)
    _remove_at_exit(path)
    # A forked child has no such thread; a connection to it would wait for ever.
    os.register_at_fork(after_in_child=listener.close)
    _listening = (path, os.getpid())
    return path


def connect(path: str) -> None:
    """Answer at this socket, which `vitok top` listens at."""
    asker = socket.socket(socket.AF_UNIX)
    try:
        asker.connect(path)
    except BaseException:
        asker.close()
        raise
    _start(serve, asker)


def folder_of(user: int, runtime: str | None) -> Path:
    """Return the folder for the sockets of a user, whose runtime folder may be known."""
    return Path(runtime) / "vitok" if runtime else Path(tempfile.gettempdir()) / f"vitok-{user}"


def make_private(folder: Path) -> None:
    """Make a folder that only this user can enter. OSError if another user may have prepared it."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder of this user alone")


def _remove_left(own: Path) -> None:
    """Remove the sockets of processes that were killed, one of which may have had the number of this one."""
    for path in own.parent.glob("*.sock"):
        if path == own or (path.stem.isdigit() and not _is_of_this_user(int(path.stem))):
            path.unlink(missing_ok=True)


def _is_of_this_user(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    return True


def serve(asker: socket.socket) -> None:
    """Answer questions until the other side ends."""
    inspected: weakref.WeakValueDictionary[int, _measuring.MeasuredLoop] = weakref.WeakValueDictionary()
    try:
        # An asker that goes away is no error of this process.
        with asker, asker.makefile("rwb") as file, contextlib.suppress(OSError):
            for _ in file:
                for loop in _measuring.loops():
                    if id(loop) not in inspected and not loop.is_closed():
                        inspected[id(loop)] = loop
                        loop._measurement.inspect(loop, asker)
                file.write(json.dumps(snapshot()).encode() + b"\n")
                file.flush()
    finally:
        for loop in list(inspected.values()):
            loop._measurement.leave(loop, asker)


def snapshot() -> dict[str, Any]:
    """Return what there is to tell of this process."""
    threads = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()
    loops = [loop for loop in _measuring.loops() if not loop.is_closed()]
    return {
        "pid": os.getpid(),
        "python": platform.python_version(),
        "vitok": __version__,
        "time": time.time(),
        "monotonic": time.monotonic(),
        "loops": [_describe(loop, threads, frames) for loop in loops],
    }


def _describe(loop: Any, threads: dict[int | None, str], frames: dict[int, Any]) -> dict[str, Any]:
    thread = loop._thread_id
    tasks = asyncio.all_tasks(loop)
    current = asyncio.current_task(loop) if thread is not None else None
    stack = _thread_stack(frames.get(thread)) if thread is not None else []
    return {
        "loop": repr(loop),
        "identity": id(loop),
        "thread": threads.get(thread),
        "metrics": dataclasses.asdict(_metrics.measure(loop, reader=_metrics.INSPECTOR)),
        "stack": stack,
        "tasks": _groups(tasks, current, stack),
        "slow": [list(slow) for slow in loop._measurement.slow or ()],
    }


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


def _thread_stack(frame: Any) -> list[str]:
    """Describe the frames of a thread, the outermost first."""
    places: list[str] = []
    while frame is not None and len(places) < _DEEPEST:
        places.append(_place(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return places[::-1]


def _place(code: CodeType, line: int | None) -> str:
    return f"{code.co_qualname} ({code.co_filename}:{line})"


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            asker, _ = listener.accept()
        except OSError:
            # Closed, or no descriptor left for the asker: it sees that nobody answers.
            if listener.fileno() < 0:
                return
            time.sleep(1)
            continue
        _start(serve, asker)


def _start(answer: Any, sock: socket.socket) -> None:
    """Start a thread that does not keep the process from its end."""
    threading.Thread(target=answer, args=(sock,), name="vitok-inspect", daemon=True).start()


def _remove_at_exit(path: Path) -> None:
    import atexit

    process = os.getpid()

    def remove() -> None:
        # A forked child has the same exit functions.
        if os.getpid() == process:
            path.unlink(missing_ok=True)

    atexit.register(remove)
