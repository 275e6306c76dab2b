"""The suite of what a loop asks the system for: names, connections and processes. Its rows are in `system_rows.py`."""

from __future__ import annotations

from typing import Final

from vitok_bench.in_process import InProcess

SUITE: Final = InProcess(
    name="system",
    title="a name, a connection and a child process, each made by the loop that is measured",
    order=15,
    rows_module="vitok_bench.system_rows",
    quick_rows=frozenset({"lookup_literal", "connect_accept", "spawn_wait"}),
    # The child runs while the loop waits, for about as long as the loop takes to start it.
    weights={"spawn_wait": 3.0},
)
