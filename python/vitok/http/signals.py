"""Handles signals while a block runs in a loop, and restores their handlers afterwards.

The effect of a signal on the server is not known here.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def handled(
    loop: asyncio.AbstractEventLoop,
    numbers: Iterable[signal.Signals],
    callback: Callable[[signal.Signals], object],
    *,
    notice: Callable[[signal.Signals], object] | None = None,
) -> Iterator[None]:
    """Call callback(number) in the loop for each of these signals that arrives.

    `notice` is called before that, wherever the main thread is, even if the loop gets no turn.

    Python delivers signals to the main thread only; in any other thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    for number in before:
        loop.add_signal_handler(number, callback, number)
        if notice is not None:
            # Instead of a handler that does nothing: the loop receives signals through the wake-up descriptor.
            signal.signal(number, lambda number, _: notice(signal.Signals(number)))
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                # None is a handler that C code installed, which Python can't restore.
                signal.signal(number, handler)
