"""The suite of scheduling: the cost of a loop when no byte moves. Its rows are in `rows.py`."""

from __future__ import annotations

from typing import Final

from vitok_bench.in_process import InProcess

SUITE: Final = InProcess(
    name="scheduling",
    title="callbacks, timers, tasks and threads; no byte moves",
    order=10,
    rows_module="vitok_bench.rows",
    quick_rows=frozenset({"call_soon_0", "turn", "threadsafe_wake", "timer_cancel", "timer_fire", "sleep_0"})
    | {"future", "task", "executor"},
    # Two switches of threads per operation, a sleep before every thousand timers.
    weights={"threadsafe_wake": 2.0, "executor": 1.8, "timer_fire": 1.6},
)
