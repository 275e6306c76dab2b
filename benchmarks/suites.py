"""What a suite is, and which ones there are: every file `suite_NAME.py` of this folder has one, as `SUITE`.

To add one, add such a file. Knows no suite by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from results import Row


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long and how often to measure."""

    rounds: int
    sample_s: float


@dataclass(frozen=True, kw_only=True)
class Cores:
    """Where server and client run, so that they don't take turns on one core. None: wherever the kernel likes."""

    server: int | None
    client: int | None

    def is_shared(self) -> bool:
        return self.client is None or self.server == self.client


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one run of a suite is given."""

    effort: Effort
    cores: Cores
    # Where the load generator is, if it is not where it is looked for.
    load: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row, as far as choosing goes."""

    name: str
    title: str
    # Part of a first look.
    is_quick: bool
    # Stands in README.md, beside those of a first look.
    is_main: bool = False
    # What it takes with one loop, over the time of its samples: processes that start, connections that open.
    overhead_s: float = 0.1
    # What comes with every sample, over its time.
    sample_overhead_s: float = 0.0
    # How much longer a sample of it is than was asked for.
    weight: float = 1.0
    # What a sample takes in any effort, for a row that is not sized by the clock.
    fixed_s: float | None = None
    # Where more would say no more.
    rounds_at_most: int | None = None


@dataclass(kw_only=True)
class Session:
    """A suite that has been set up. `measure` runs a row on all loops but some, and calls back after every round."""

    measure: Callable[[str, Collection[str], Callable[[], None]], Row]
    # By loop.
    versions: dict[str, str] = field(default_factory=dict)
    # By loop, why it is in no row.
    missing: dict[str, str] = field(default_factory=dict)


class Spec(Protocol):
    """A column that can be asked for: a loop or a server."""

    @property
    def text(self) -> str:
        """How it was asked for."""

    @property
    def label(self) -> str:
        """How the column is called."""


class Suite(Protocol):
    """Rows that are measured in the same way."""

    name: str
    title: str
    # Its place among the others.
    order: int
    # The column without a loop; empty where there is none.
    floor: str
    # The column that ratios are shown to, beside the best peer.
    base: str
    # The option that names its columns: "loop" or "server".
    option: str

    def entries(self) -> Sequence[Entry]:
        """The rows that this Python has."""

    def lacks(self, settings: Settings) -> str | None:
        """What is needed and is not there, in one line; it may be made here, which takes a while."""

    def specs(self, names: Sequence[str] | None) -> Sequence[Spec]:
        """Those of the named that have anything of their own to show here, or of all that are installed.

        Raises ValueError for a name that is not known.
        """

    def effort(self, *, is_quick: bool) -> Effort:
        """Unless told otherwise."""

    def method(self, settings: Settings) -> str:
        """How the figures are taken, in a line."""

    def session(self, specs: Sequence[Any], settings: Settings) -> AbstractContextManager[Session]:
        """Sets up what the rows share, for columns that `specs` returned."""


def suites() -> list[Suite]:
    """All of them, in their order."""
    found = (importlib.import_module(path.stem) for path in Path(__file__).parent.glob("suite_*.py"))
    return sorted((cast(Suite, module.SUITE) for module in found), key=lambda suite: suite.order)


def round_s(entry: Entry, effort: Effort) -> float:
    """What one round takes on one loop, about: a share of what comes once, and the sample."""
    rounds = min(effort.rounds, entry.rounds_at_most or effort.rounds) + 1
    sample_s = entry.fixed_s or effort.sample_s * entry.weight
    return entry.overhead_s / rounds + entry.sample_overhead_s + sample_s


def row_s(entry: Entry, effort: Effort, loops: int) -> float:
    """What a row takes, about. The first sample of a loop is a warm-up and makes a round more."""
    rounds = min(effort.rounds, entry.rounds_at_most or effort.rounds) + 1
    return round_s(entry, effort) * rounds * loops
