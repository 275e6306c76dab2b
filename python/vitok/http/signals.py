"""Signals of a loop for as long as something runs in it; afterwards they are whose they were.

It knows nothing of what a signal means to the server.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def handled(
    loop: asyncio.AbstractEventLoop, numbers: Iterable[signal.Signals], callback: Callable[[signal.Signals], object]
) -> Iterator[None]:
    """Call callback(number) in the loop for each of these signals that arrives.

    Python delivers signals to the main thread alone; in any other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    for number in before:
        loop.add_signal_handler(number, callback, number)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                # None is a handler that C code installed: nothing that Python could put back.
                signal.signal(number, handler)
