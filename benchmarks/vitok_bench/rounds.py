"""The order in which servers are measured: all in turn, round after round, so that neighbours see the same machine.

A server that fails is left out of the row. Cells are known by their three methods, samples not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from vitok_bench.child import ChildError
from vitok_bench.harness import excluding_on_failure
from vitok_bench.suites import Effort

# Memory is the same every time, to a few bytes, and a sample of it takes a second or two.
MEMORY_ROUNDS: Final = 3


class Cell(Protocol):
    """A server in a row. Each method raises ChildError."""

    @property
    def version(self) -> str: ...

    def start(self) -> None: ...

    def sample(self, seconds: float) -> Any: ...  # noqa: ANN401 (whatever the suite makes of it)


class Result(Protocol):
    """The results of a row so far, by column."""

    @property
    def samples(self) -> dict[str, Any]: ...

    @property
    def failures(self) -> dict[str, ChildError]: ...

    @property
    def versions(self) -> dict[str, str]: ...


def take(
    result: Result, cells: Mapping[str, Cell], effort: Effort, *, is_memory: bool, on_round: Callable[[], None]
) -> None:
    """Start the cells, and take one sample of each for each round."""
    running = dict(cells)
    for column, cell in cells.items():
        with excluding_on_failure(column, result, running):
            cell.start()
            result.versions[column] = cell.version
    # The first is a warm-up; a server whose memory is measured should be as cold as one that has just started.
    first = 0 if is_memory else -1
    last = min(effort.rounds, MEMORY_ROUNDS) if is_memory else effort.rounds
    for number in range(first, last):
        for column, cell in list(running.items()):
            with excluding_on_failure(column, result, running):
                sample = cell.sample(effort.sample_s)
                if number >= 0:
                    result.samples.setdefault(column, []).append(sample)
        on_round()
