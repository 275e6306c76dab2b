"""The class of the loop: CPython's own, with the native one in front of it.

What is native takes precedence by the order of the bases; everything else is inherited, of whichever Python runs. Here
stands only what joins the two: the self-pipe that does not exist, and signals.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import unix_events
from selectors import EVENT_READ, EVENT_WRITE, SelectorKey
from typing import TYPE_CHECKING, Any

from . import _compat
from ._hooks import descriptor_of
from ._native import EventLoop

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor


class Loop(EventLoop, _compat.RunHooks, unix_events._UnixSelectorEventLoop):
    """An event loop: asyncio.AbstractEventLoop in full, with native scheduling and polling."""

    # What asyncio's constructors assign has a slot, so that the instance's dict is born only when a user assigns
    # something of their own: the interpreter calls methods of an instance without a dict faster, by
    # LOAD_ATTR_METHOD_LAZY_DICT.
    __slots__ = _compat.LOOP_ATTRIBUTES

    if TYPE_CHECKING:
        # asyncio's own, which typeshed does not tell of.
        _default_executor: Executor | None
        _internal_fds: int
        _signal_handlers: dict[int, asyncio.Handle]

    def __init__(self) -> None:
        """Make an open loop. OSError where the process has no descriptors left."""
        view: Any = PollerView(weakref.ref(self))
        super().__init__(view)
        if type(self).time is not EventLoop.time:
            self._follow_own_time()

    @property
    def _csock(self) -> WakeupEnd | None:
        """What asyncio's signal methods hand to `signal.set_wakeup_fd`."""
        return None if self.is_closed() else WakeupEnd(self)

    @property
    def _ssock(self) -> WakeupEnd | None:
        return self._csock

    def _make_self_pipe(self) -> None:
        # The native waker takes the place of the socket pair: one descriptor, made with the poller.
        self._internal_fds = 1

    def _close_self_pipe(self) -> None:
        self._internal_fds = 0

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]
        """Call callback(*args) in the loop when the signal arrives. Main thread only (RuntimeError)."""
        self._hold_wakeup_descriptor()
        try:
            super().add_signal_handler(sig, callback, *args)
        finally:
            self._settle_wakeup_descriptor()

    def remove_signal_handler(self, sig: int) -> bool:
        """Take the handler away; whether there was one."""
        try:
            return super().remove_signal_handler(sig)
        finally:
            self._settle_wakeup_descriptor()

    def _settle_wakeup_descriptor(self) -> None:
        """Hold the wake-up descriptor of signals for as long as it is needed, then give it back to whose it was.

        asyncio's own methods set it without asking whose it is; this comes after them.
        """
        if self.is_closed():
            return
        self._hold_wakeup_descriptor()
        self._note_signal_handlers(bool(self._signal_handlers))
        if not self._signal_handlers and not self.is_running():
            self._release_wakeup_descriptor()


class WakeupEnd:
    """The writing end of the pipe that signal numbers come through, as far as asyncio asks for it."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def fileno(self) -> int:
        return self._loop._wakeup_descriptor()


class PollerView:
    """What stands in the place of the selector: a view of what the native poller watches. It cannot be polled."""

    def __init__(self, loop: weakref.ref[Loop]) -> None:
        self._loop = loop

    def get_map(self) -> dict[int, SelectorKey]:
        loop = self._loop()
        watched = loop._watched() if loop is not None else []
        return {
            fd: SelectorKey(fd, fd, (EVENT_READ if reader else 0) | (EVENT_WRITE if writer else 0), None)
            for fd, reader, writer in watched
        }

    def get_key(self, fileobj: Any) -> SelectorKey:
        return self.get_map()[descriptor_of(fileobj)]

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        raise RuntimeError("a vitok loop polls natively: replace _run_once to drive it from outside")

    def close(self) -> None:
        """Nothing: the loop closes its poller."""
