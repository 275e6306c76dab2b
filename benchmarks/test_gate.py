"""The tests of the gate on instructions: what fails it, what it says, and that the counted echoes run.

Run by `pytest benchmarks`. Nothing is counted here: that takes valgrind and a minute.
"""

from __future__ import annotations

import asyncio

import echo_rows
import gate
import pytest
from counted import countable
from gate import Verdict
from row import Row


@pytest.mark.parametrize(
    ("counted", "kept", "is_held", "word", "is_failure"),
    [
        (1000.0, 1000.0, True, "ok", False),
        (1029.0, 1000.0, True, "ok", False),
        (1031.0, 1000.0, True, "MORE", True),
        (1031.0, 1000.0, False, "not held", False),
        (900.0, 1000.0, True, "less: keep it by --update", False),
        (900.0, None, False, "new", False),
        (None, 1000.0, True, "NOT COUNTED", True),
    ],
)
def test_more_than_the_tolerance_fails(
    counted: float | None, kept: float | None, *, is_held: bool, word: str, is_failure: bool
) -> None:
    verdict = Verdict(name="sleep_0", counted=counted, kept=kept, is_held=is_held)
    assert (verdict.word, verdict.is_failure) == (word, is_failure)
    assert word in "\n".join(gate.lines([verdict]))


def test_every_path_can_be_counted() -> None:
    assert gate.PATHS.keys() <= {row.name for row in countable()}


@pytest.mark.parametrize("row", echo_rows.rows(), ids=lambda row: row.name)
def test_echo_runs_on_asyncio(row: Row) -> None:
    loop = asyncio.new_event_loop()
    try:
        row.body(loop, 3)
    finally:
        loop.close()
