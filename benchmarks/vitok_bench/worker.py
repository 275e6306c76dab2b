"""The child process that runs the rows on one loop, as requested by the parent.

It reads one JSON request per line from stdin, blocks there while other workers run, and answers in one line on what was
its stdout: `{"row": NAME, "operations": N}` is answered by the fields of a `Sample`, or by `{"error": REASON}`. Other
loops, rounds and statistics are not known here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import gc
import importlib
import json
import os
import sys
import time
from typing import Any, TextIO

from vitok_bench.loops import LoopFactory, LoopSpec
from vitok_bench.row import Row, Sample


class RowRunner:
    """Takes samples of rows; keeps one loop for as long as the same row is asked for.

    A new loop per row keeps the effects of one row out of the next; the same loop for all samples of a row is like that
    of a long-lived program, with its queues grown and its threads started.
    """

    def __init__(self, factory: LoopFactory, rows: tuple[Row, ...]) -> None:
        self._factory = factory
        self._rows = {row.name: row for row in rows}
        self._row_name = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failure: dict[str, Any] | None = None

    def sample(self, row_name: str, operations: int) -> Sample:
        """Return a sample. Raises what the row raises, or RuntimeError with the exception of one of its callbacks."""
        loop = self._loop_for(row_name)
        body = self._rows[row_name].body
        self._failure = None
        gc.collect()
        wall_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
        try:
            waits_us = body(loop, operations)
        except Exception:
            self._raise_failure()
            raise
        cpu_ns, wall_ns = time.process_time_ns() - cpu_ns, time.perf_counter_ns() - wall_ns
        self._raise_failure()
        return Sample(operations=operations, cpu_ns=cpu_ns, wall_ns=wall_ns, waits_us=tuple(waits_us or ()))

    def close(self) -> None:
        if self._loop is not None:
            end = self._rows[self._row_name].close
            if end is not None:
                end(self._loop)
            self._loop.close()
        self._loop, self._row_name = None, ""

    def _loop_for(self, row_name: str) -> asyncio.AbstractEventLoop:
        if self._loop is None or self._row_name != row_name:
            self.close()
            self._loop, self._row_name = self._factory(), row_name
            self._loop.set_exception_handler(self._stop_on_failure)
        return self._loop

    def _stop_on_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # A callback that raises ends the chain that would have stopped the loop; without this the row would hang.
        self._failure = context
        loop.stop()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            exception = self._failure.get("exception")
            raise RuntimeError(f"{self._failure.get('message')}: {exception!r}")


def main() -> None:
    options = _parse(sys.argv[1:])
    answers = claim_stdout()
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    spec = LoopSpec.parse(options.loop)
    try:
        runner = RowRunner(spec.load(), importlib.import_module(options.rows_module).rows())
    except Exception as error:
        _answer(answers, {"error": describe(error)})
        return
    _answer(answers, {"module": spec.module, "version": spec.version()})
    _serve(runner, answers)


def describe(error: BaseException) -> str:
    """Return one line that names the error."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _serve(runner: RowRunner, answers: TextIO) -> None:
    # When the parent has gone, stdin is closed, and that ends the worker.
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = dataclasses.asdict(runner.sample(request["row"], request["operations"]))
        except Exception as error:
            answer = {"error": describe(error)}
            # The loop may be left in any state; the next row gets a new one, and a failure to close is not reported.
            with contextlib.suppress(Exception):
                runner.close()
        _answer(answers, answer)
    # Without the finalizers: the teardown of a peer is not measured, and must not look like a crash in a row.
    os._exit(0)


def _answer(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def claim_stdout() -> TextIO:
    """Keep stdout for answers; output of a loop goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The child of the scheduling rows.")
    parser.add_argument("--loop", required=True)
    parser.add_argument("--rows-module", required=True)
    parser.add_argument("--core", type=int)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
