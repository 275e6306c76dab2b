"""Measures a stream row on every loop and on the raw server, round after round.

Every server and client keeps its connections through all rounds: the figures are for a server that is running, not for
one that starts. The order of samples is in `rounds.py`, a sample in `cell.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from vitok_bench import rounds
from vitok_bench.cell import Cell, Commands, StreamSample
from vitok_bench.child import ChildError
from vitok_bench.loops import LoopSpec
from vitok_bench.stream_rows import StreamRow
from vitok_bench.suites import Cores, Effort

# The column of the server that only makes system calls.
RAW: Final = "raw"


@dataclass(kw_only=True)
class StreamResult:
    """All samples of one row: one per round for each column that completed it, or why it did not."""

    row: StreamRow
    samples: dict[str, list[StreamSample]] = field(default_factory=dict)
    failures: dict[str, ChildError] = field(default_factory=dict)
    # The versions of the loops that answered, by column.
    versions: dict[str, str] = field(default_factory=dict)


class Bench:
    """The compared loops, and what is needed to run each row on them."""

    def __init__(self, specs: Sequence[LoopSpec], *, commands: Commands, cores: Cores, raw: str = RAW) -> None:
        """`raw` is the column of the raw server."""
        floor = {} if commands.raw is None else {raw: None}
        self.columns: dict[str, LoopSpec | None] = {**floor, **{spec.label: spec for spec in specs}}
        self.commands = commands
        self.cores = cores

    def cell(self, row: StreamRow, column: str) -> Cell:
        """Return a cell that is not started yet."""
        return Cell(row, self.columns[column], commands=self.commands, cores=self.cores)

    def measure(
        self,
        row: StreamRow,
        effort: Effort,
        *,
        without: Collection[str] = (),
        on_round: Callable[[], None] = lambda: None,
    ) -> StreamResult:
        """Take one warm-up for each column, then the rounds. A column that fails is left out of this row only."""
        result = StreamResult(row=row)
        cells = {column: self.cell(row, column) for column in self.columns if column not in without}
        try:
            rounds.take(result, cells, effort, is_memory=row.is_memory, on_round=on_round)
        finally:
            for cell in cells.values():
                cell.close()
        return result
