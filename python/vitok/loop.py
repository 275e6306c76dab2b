"""uvloop's module of this name, for programs that import from `uvloop.loop`."""

from __future__ import annotations

from ._loop import Loop
from ._native import Handle, TimerHandle

__all__ = ["Handle", "Loop", "TimerHandle"]
