"""The process that the instruction counter runs under valgrind: one loop, and a forked child for every count.

Start-up under valgrind takes longer than any count, so it is done once and each count is taken in a copy of the
process; valgrind writes a profile for each copy when it ends. Run as `counted.py LOOP ROW:OPERATIONS ...`; it answers
each count in one line on stdout, in the order asked: the process id of the copy, or the error. valgrind is not known
here.

The garbage collector is on, as in a program, except for objects that exist when a count begins: their number depends on
what was imported, and would change with any line of any module. Objects that the operations make are collected and
counted.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Final

from vitok_bench import round_trips, rows, system_rows
from vitok_bench.loops import LoopSpec
from vitok_bench.row import Row
from vitok_bench.worker import RowRunner, claim_stdout, describe

# A count takes seconds under valgrind on an idle machine.
COUNT_LIMIT_S: Final = 120


def main() -> None:
    answers = claim_stdout()
    try:
        runner = RowRunner(LoopSpec.parse(sys.argv[1]).load(), countable())
    except Exception as error:
        print("-", describe(error), file=answers, flush=True)
        return
    for count in sys.argv[2:]:
        row_name, _, operations = count.partition(":")
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _count(runner, row_name, int(operations), writing)
        os.close(writing)
        with os.fdopen(reading) as words:
            said = words.read()
        _, status = os.waitpid(child, 0)
        print(_outcome(child, said, os.waitstatus_to_exitcode(status)), file=answers, flush=True)


def countable() -> tuple[Row, ...]:
    """The rows of this Python whose count depends neither on threads nor on the clock."""
    known = (*rows.rows(), *system_rows.rows(), *round_trips.rows())
    return tuple(row for row in known if row.counted is not None and sys.version_info >= row.since)


def _count(runner: RowRunner, row_name: str, operations: int, writing: int) -> None:
    """Count in the child, which exits without the finalizers: those are not counted."""
    # The default action kills the process, whatever the loop is doing.
    signal.alarm(COUNT_LIMIT_S)
    gc.collect()
    gc.freeze()
    try:
        runner.sample(row_name, operations)
    except Exception as error:
        os.write(writing, describe(error).encode())
        os._exit(1)
    os._exit(0)


def _outcome(child: int, said: str, code: int) -> str:
    if code == 0:
        return f"{child} counted"
    if code == -signal.SIGALRM:
        return f"- no end in {COUNT_LIMIT_S} s"
    return f"- {said or f'ended with {code}'}"


if __name__ == "__main__":
    main()
