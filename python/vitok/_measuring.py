"""When a loop measures the time of its callbacks, and what is told of slow ones.

The native loop counts always, and measures time only if it is told to: while it has a `slow_callback_hook`, from the
first call of `metrics()` on, and while `vitok top` looks at it. The numbers themselves are in `_metrics`.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from ._native import EventLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ._metrics import Metrics

# The slow callbacks that are kept for `vitok top`.
_KEPT_SLOW: Final = 32

# Every loop of the process that is not garbage, by its identity: a subclass may not be hashable.
_loops: weakref.WeakValueDictionary[int, MeasuredLoop] = weakref.WeakValueDictionary()


def loops() -> list[MeasuredLoop]:
    """Return the loops of this process. Any thread may call this."""
    found = [known() for known in _loops.valuerefs()]
    return [loop for loop in found if loop is not None]


class Measurement:
    """Why, and for how long, a loop measures time.

    Threads of inspectors change it beside the loop's own. There is no lock, which a fork could leave locked: a reason
    is set or removed at once, and the reasons are compared again after acting on them.
    """

    __slots__ = ("_before", "_inspectors", "_is_asked", "_since", "hook", "slow")

    def __init__(self) -> None:
        self.hook: Callable[[asyncio.Handle, float], object] | None = None
        self.slow: deque[tuple[float, float, str]] | None = None
        self._is_asked = False
        self._inspectors: set[object] = set()
        self._since: float | None = None
        self._before = 0.0

    def seconds(self) -> float:
        """Return for how many seconds the loop has measured time."""
        since = self._since
        return self._before if since is None else self._before + time.monotonic() - since

    def set_hook(self, loop: EventLoop, hook: Callable[[asyncio.Handle, float], object] | None) -> None:
        """Set the function that is called with slow callbacks."""
        self.hook = hook
        self._settle(loop)

    def ask(self, loop: EventLoop) -> None:
        """Measure from now on, for the program."""
        if not self._is_asked:
            self._is_asked = True
            self._settle(loop)

    def inspect(self, loop: EventLoop, inspector: object) -> None:
        """Keep slow callbacks for an inspector, and measure time, until it leaves."""
        self._inspectors.add(inspector)
        self._settle(loop)

    def leave(self, loop: EventLoop, inspector: object) -> None:
        """End that."""
        self._inspectors.discard(inspector)
        self._settle(loop)

    def _settle(self, loop: EventLoop) -> None:
        while True:
            wanted = self._wanted()
            is_on, is_inspected = wanted
            if is_on and self._since is None:
                self._since = time.monotonic()
            elif not is_on and self._since is not None:
                self._before, self._since = self.seconds(), None
            if not is_inspected:
                self.slow = None
            elif self.slow is None:
                self.slow = deque(maxlen=_KEPT_SLOW)
            loop._set_timed(is_on)
            if self._wanted() == wanted:
                return

    def _wanted(self) -> tuple[bool, bool]:
        """Return whether there is a reason to measure time, and one to keep slow callbacks."""
        is_inspected = bool(self._inspectors)
        return self._is_asked or self.hook is not None or is_inspected, is_inspected


class MeasuredLoop(EventLoop):
    """The part of the loop that tells about itself."""

    __slots__ = ()

    if TYPE_CHECKING:
        _measurement: Measurement

    def _prepare_measurement(self) -> None:
        self._measurement = Measurement()
        _loops[id(self)] = self

    def metrics(self) -> Metrics:
        """Return counts, times, lengths and transports of this loop at this moment. Any thread may call this.

        Times are measured from the first call on.
        """
        # dataclasses, which few programs need, would delay the import of every other.
        from ._metrics import PROGRAM, measure

        self._measurement.ask(self)
        return measure(self, reader=PROGRAM)

    @property
    def slow_callback_hook(self) -> Callable[[asyncio.Handle, float], object] | None:
        """A function that is called with each slow callback's handle and its seconds, or None.

        A callback is slow if it takes `slow_callback_duration` seconds or longer. TypeError if it is not callable.
        """
        return self._measurement.hook

    @slow_callback_hook.setter
    def slow_callback_hook(self, hook: Callable[[asyncio.Handle, float], object] | None) -> None:
        if hook is not None and not callable(hook):
            raise TypeError(f"slow_callback_hook: a callable object or None was expected, got {hook!r}")
        self._measurement.set_hook(self, hook)
