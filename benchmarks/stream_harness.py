"""Measures a stream row on every loop and on the raw server, round after round.

The loops take turns within each round, as in `harness.py`, and every server and client keeps its connections through
all rounds: what is measured is a server that has been running, not one that starts. Knows the order of samples; does
not know how one is taken, nor what is computed from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cell import Cell, Cores, StreamSample
from child import ChildError
from harness import excluding_on_failure
from loops import LoopSpec
from stream_rows import StreamRow

# The column of the server that is nothing but system calls.
RAW: Final = "raw"
# Memory is the same every time, to a few bytes, and a sample of it takes a second or two.
MEMORY_ROUNDS: Final = 3


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """How long and how often to measure."""

    rounds: int
    sample_s: float


@dataclass(kw_only=True)
class StreamResult:
    """All samples of one row: one per round for each column that got through, or why it did not."""

    row: StreamRow
    samples: dict[str, list[StreamSample]] = field(default_factory=dict)
    failures: dict[str, ChildError] = field(default_factory=dict)
    # The versions of the modules that answered, by module.
    versions: dict[str, str] = field(default_factory=dict)


class Bench:
    """The loops under comparison, and what it takes to run each row on them."""

    def __init__(self, specs: Sequence[LoopSpec], *, binary: Path, cores: Cores) -> None:
        self.columns: dict[str, LoopSpec | None] = {RAW: None, **{spec.text: spec for spec in specs}}
        self.binary = binary
        self.cores = cores

    def cell(self, row: StreamRow, column: str) -> Cell:
        """Not started yet."""
        return Cell(row, self.columns[column], binary=self.binary, cores=self.cores)

    def measure(self, row: StreamRow, settings: StreamSettings) -> StreamResult:
        """One warm-up for each column, then the rounds. One that fails is out of this row and back in the next."""
        result = StreamResult(row=row)
        cells = {column: self.cell(row, column) for column in self.columns}
        try:
            self._rounds(result, dict(cells), settings)
        finally:
            for cell in cells.values():
                cell.close()
        return result

    def _rounds(self, result: StreamResult, running: dict[str, Cell], settings: StreamSettings) -> None:
        for column, cell in list(running.items()):
            with excluding_on_failure(column, result, running):
                cell.start()
                result.versions[cell.module] = cell.version
        # A server that has just started is as cold as one whose memory is measured should be.
        first = 0 if result.row.is_memory else -1
        last = min(settings.rounds, MEMORY_ROUNDS) if result.row.is_memory else settings.rounds
        for number in range(first, last):
            for column, cell in list(running.items()):
                with excluding_on_failure(column, result, running):
                    sample = cell.sample(settings.sample_s)
                    if number >= 0:
                        result.samples.setdefault(column, []).append(sample)
