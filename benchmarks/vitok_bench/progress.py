"""The progress of a run: a bar with the remaining time on a terminal, a line for each suite elsewhere or without rich.

It knows estimates and a clock. The plan is a guess from the number of samples; the time that finished rows took
corrects it, and the rest is scaled by that. Measuring is not known here.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from types import TracebackType
from typing import Final

# The part of the plan that counts as completed on time before the first row, so that a slow first row changes little.
TRUST_S: Final = 5.0
S_PER_MINUTE: Final = 60
# From here on seconds are not shown.
MINUTES_FROM_S: Final = 100


class Progress:
    """Used as a context manager; `rich` is imported on a terminal only, and if it is installed."""

    def __init__(self, planned_s: float) -> None:
        self._planned_s = planned_s
        self._done_s = 0.0
        self._begun_s = time.monotonic()
        self._bar = _Bar(planned_s) if sys.stderr.isatty() and _has_rich() else None

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def suite(self, name: str) -> None:
        """Show the name of a suite. Without a bar, suites are printed and rows are not."""
        if self._bar is None:
            print(f"{name}: about {words(self.left_s())} left", file=sys.stderr, flush=True)

    def row(self, name: str) -> None:
        if self._bar is not None:
            self._bar.show(name, self._done_s, self.left_s())

    def advance(self, planned_s: float) -> None:
        """Record that this much of the plan is done."""
        self._done_s = min(self._planned_s, self._done_s + planned_s)
        if self._bar is not None:
            self._bar.show(None, self._done_s, self.left_s())

    def left_s(self) -> float:
        elapsed_s = time.monotonic() - self._begun_s
        pace = (elapsed_s + TRUST_S) / (self._done_s + TRUST_S)
        return (self._planned_s - self._done_s) * pace


class _Bar:
    """A bar of rich with an estimate of its own: rows differ too much for one that counts them."""

    def __init__(self, total_s: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        shown = (TextColumn("{task.description:24}"), BarColumn(), TextColumn("{task.fields[left]} left"))
        self._progress = RichProgress(*shown, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=total_s, left=words(total_s))

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def show(self, name: str | None, done_s: float, left_s: float) -> None:
        self._progress.update(self._task, completed=done_s, left=words(left_s))
        if name is not None:
            self._progress.update(self._task, description=name)


def _has_rich() -> bool:
    return importlib.util.find_spec("rich") is not None


def words(seconds: float) -> str:
    """A time in words, rounded."""
    if seconds < MINUTES_FROM_S:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / S_PER_MINUTE)} min"
