"""Measures a stream row on every loop and on the raw server, round after round.

The loops take turns within each round, as in `harness.py`, and every server and client keeps its connections through
all rounds: what is measured is a server that has been running, not one that starts. Knows the order of samples; does
not know how one is taken, nor what is computed from them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cell import Cell, StreamSample
from child import ChildError
from harness import excluding_on_failure
from loops import LoopSpec
from stream_rows import StreamRow
from suites import Cores, Effort

# The column of the server that is nothing but system calls.
RAW: Final = "raw"
# Memory is the same every time, to a few bytes, and a sample of it takes a second or two.
MEMORY_ROUNDS: Final = 3


@dataclass(kw_only=True)
class StreamResult:
    """All samples of one row: one per round for each column that got through, or why it did not."""

    row: StreamRow
    samples: dict[str, list[StreamSample]] = field(default_factory=dict)
    failures: dict[str, ChildError] = field(default_factory=dict)
    # The versions of the loops that answered, by column.
    versions: dict[str, str] = field(default_factory=dict)


class Bench:
    """The loops under comparison, and what it takes to run each row on them."""

    def __init__(self, specs: Sequence[LoopSpec], *, binary: Path, cores: Cores) -> None:
        self.columns: dict[str, LoopSpec | None] = {RAW: None, **{spec.label: spec for spec in specs}}
        self.binary = binary
        self.cores = cores

    def cell(self, row: StreamRow, column: str) -> Cell:
        """Not started yet."""
        return Cell(row, self.columns[column], binary=self.binary, cores=self.cores)

    def measure(
        self,
        row: StreamRow,
        effort: Effort,
        *,
        without: Collection[str] = (),
        on_round: Callable[[], None] = lambda: None,
    ) -> StreamResult:
        """One warm-up for each column, then the rounds. One that fails is out of this row and back in the next."""
        result = StreamResult(row=row)
        cells = {column: self.cell(row, column) for column in self.columns if column not in without}
        try:
            self._rounds(result, dict(cells), effort, on_round)
        finally:
            for cell in cells.values():
                cell.close()
        return result

    def _rounds(
        self, result: StreamResult, running: dict[str, Cell], effort: Effort, on_round: Callable[[], None]
    ) -> None:
        for column, cell in list(running.items()):
            with excluding_on_failure(column, result, running):
                cell.start()
                result.versions[column] = cell.version
        # A server that has just started is as cold as one whose memory is measured should be.
        first = 0 if result.row.is_memory else -1
        last = min(effort.rounds, MEMORY_ROUNDS) if result.row.is_memory else effort.rounds
        for number in range(first, last):
            for column, cell in list(running.items()):
                with excluding_on_failure(column, result, running):
                    sample = cell.sample(effort.sample_s)
                    if number >= 0:
                        result.samples.setdefault(column, []).append(sample)
            on_round()
