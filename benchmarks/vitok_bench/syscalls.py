"""Counts the system calls of a round trip: strace on the server while the client does a known number of operations.

`python syscalls.py --rows 'echo_*_1k_100' --loop vitok,uvloop`. A count has no noise. Under strace a server is slow, so
every connection is ready whenever it polls: the share of the poll is that of a busy server. Rows are defined elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from typing import Final

from vitok_bench import load_generator, usage
from vitok_bench.cell import Commands
from vitok_bench.child import ChildError
from vitok_bench.loops import LoopSpec, default_specs
from vitok_bench.machine import default_client_core, default_core
from vitok_bench.stream_harness import Bench
from vitok_bench.stream_rows import QUICK_SUFFIX, StreamRow, rows
from vitok_bench.suites import Cores

# Enough that the calls of the first and the last turn are a hundredth, few enough for a second or two under strace.
OPERATIONS: Final = 2000
# Operations before the count, so that things that a server does once are done.
WARM_UP: Final = 1000
# A fraction of a second is usual; a loaded machine takes longer.
TRACE_LIMIT_S: Final = 10.0
LOOK_S: Final = 0.01
# The table of strace: % time, seconds, usecs/call, calls, errors (may be empty), name.
CALLS_COLUMN: Final = 3
COLUMNS_AT_LEAST: Final = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loop", help="comma-separated (default: what is installed)")
    parser.add_argument("--rows", default=f"echo_*{QUICK_SUFFIX}", help="a name or pattern (default: %(default)s)")
    options = parser.parse_args()
    names = options.loop.split(",") if options.loop else None
    specs = [LoopSpec.parse(name) for name in names] if names else list(default_specs())
    cores = Cores(server=default_core(), client=default_client_core())
    bench = Bench(specs, commands=Commands.of(load_generator.find_or_build()), cores=cores)
    for line in count(bench, [row for row in rows() if fnmatch.fnmatch(row.name, options.rows)]):
        print(line, flush=True)


def count(bench: Bench, rows: Iterable[StreamRow]) -> Iterator[str]:
    """Yield a line for each row and column; exit if strace is not installed."""
    if shutil.which("strace") is None:
        sys.exit("strace is not installed; on Debian and Ubuntu: apt-get install strace")
    for row in rows:
        for column in bench.columns:
            try:
                calls = _calls_per_operation(bench, row, column)
            except ChildError as error:
                yield f"{row.name:22} {column:10} {error.status} ({error.reason})"
            else:
                listed = "  ".join(f"{name} {number:.2f}" for name, number in calls.items())
                yield f"{row.name:22} {column:10} {sum(calls.values()):6.2f}  {listed}"


def _calls_per_operation(bench: Bench, row: StreamRow, column: str) -> dict[str, float]:
    """Return the calls by name, the most frequent first."""
    cell = bench.cell(row, column)
    try:
        cell.start()
        cell.run(f"operations {WARM_UP}")
        with tempfile.NamedTemporaryFile("r") as table:
            with _traced(cell.server.process_id, table.name):
                done = cell.run(f"operations {OPERATIONS}").operations
            return {name: calls / done for name, calls in parse(table.read()).items()}
    finally:
        cell.close()


@contextlib.contextmanager
def _traced(process_id: int, table: str) -> Iterator[None]:
    """Count the calls of every thread of the process during the block; raises ChildError if strace fails."""
    command = ["strace", "-f", "-c", "-o", table, "-p", str(process_id)]
    strace = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        _wait_for_tracer(strace, process_id)
        yield
    finally:
        # After an interrupt, strace detaches from the process and writes its table.
        strace.send_signal(signal.SIGINT)
        strace.communicate()


def _wait_for_tracer(strace: subprocess.Popen[str], process_id: int) -> None:
    deadline_s = time.monotonic() + TRACE_LIMIT_S
    while not usage.is_traced(process_id):
        if strace.poll() is not None:
            last_words = strace.communicate()[1].strip().splitlines()[-1:]
            raise ChildError("n/a", ": ".join(["strace", *last_words]))
        if time.monotonic() > deadline_s:
            raise ChildError("hang", f"strace is not attached to the server after {TRACE_LIMIT_S:g} s")
        time.sleep(LOOK_S)


def parse(table: str) -> dict[str, int]:
    """Parse calls by name from the table that strace writes."""
    found = {}
    for line in table.splitlines():
        words = line.split()
        # The ruler above and the sum below are not calls, and the heading has no number.
        if len(words) >= COLUMNS_AT_LEAST and words[CALLS_COLUMN].isdigit() and words[-1] != "total":
            found[words[-1]] = int(words[CALLS_COLUMN])
    return dict(sorted(found.items(), key=lambda item: -item[1]))


if __name__ == "__main__":
    main()
