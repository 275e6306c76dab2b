"""The numbers of a loop, as `loop.metrics()` returns them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# The readers of the longest callback, which begins anew at each reader's own calls: the program, and `vitok top`.
PROGRAM: Final = 0
INSPECTOR: Final = 1
# One that does not read the longest callback.
OBSERVER: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The numbers of one loop at one moment. Counts and sums of seconds begin with the loop, and never shrink."""

    turns: int
    """Turns of the loop."""
    callbacks: int
    """Callbacks that were called, and events that were delivered to transports and `sock_*` calls."""
    polls: int
    """Times that the loop looked for events; each sleep is one."""
    wakeups: int
    """Sleeps that have ended: by an event, a timer, another thread or a signal."""
    events: int
    """Events that the kernel reported."""
    bytes_received: int
    """Bytes that transports and `sock_*` calls have read."""
    bytes_sent: int
    """Bytes of transports and `sock_*` calls that the kernel has taken. Those of `sendfile` are not counted."""
    callback_seconds: float
    """Seconds spent in callbacks, of `measured_seconds`."""
    poll_seconds: float
    """Seconds spent waiting for events, of `measured_seconds`."""
    measured_seconds: float
    """Seconds for which the loop has measured time: since the first call of `metrics()`, or since a hook was set."""
    longest_callback: float
    """Seconds of the longest callback since the last call of `metrics()`."""
    ready: int
    """Callbacks that wait for their turn now."""
    timers: int
    """Timers that wait for their time now."""
    tasks: int
    """Tasks of the loop that are not done now."""
    transports: Mapping[str, int]
    """Native transports that are open now, by kind: `stream`, `tls`, `datagram`, `read_pipe` and `write_pipe`."""


def measure(loop: Any, *, reader: int) -> Metrics:
    """Return the numbers of a loop. Any thread may call this."""
    return Metrics(
        **loop._measure(reader),
        measured_seconds=loop._measurement.seconds(),
        tasks=len(asyncio.all_tasks(loop)),
    )


def observe(loop: Any) -> dict[str, Any]:
    """Return the numbers of a loop that cost nothing to have, and affect no other reader: no times, and no tasks."""
    told: dict[str, Any] = loop._measure(OBSERVER)
    return told
