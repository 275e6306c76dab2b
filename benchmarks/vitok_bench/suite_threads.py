"""The suite of threads: the CPU of an operation with one loop, and with two in two threads.

The rows are in `thread_rows.py`. Workers are not bound to a core: two threads are to have two.
"""

from __future__ import annotations

from typing import Final

from vitok_bench.in_process import InProcess

SUITE: Final = InProcess(
    name="threads",
    title="loops in one thread and in two, CPU of the process per operation",
    order=15,
    rows_module="vitok_bench.thread_rows",
    quick_rows=frozenset({"chain_1", "chain_2", "echo_1", "echo_2"}),
    is_pinned=False,
)
