"""The responses with server-sent events that are being sent, which end when a server of their loop begins to end.

A client that gets events connects again by itself; a server that waited for the end of such responses would wait until
its time is up. Streams and servers are not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Generator

_open: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, set[asyncio.Task[None]]] = weakref.WeakKeyDictionary()


@contextlib.contextmanager
def note(task: asyncio.Task[None]) -> Generator[None]:
    """Note that a task of the running loop sends events."""
    tasks = _open.setdefault(asyncio.get_running_loop(), set())
    tasks.add(task)
    try:
        yield
    finally:
        tasks.discard(task)


def end_events(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks of a loop that send events."""
    for task in _open.get(loop, ()):
        task.cancel()
