"""What a suite is, and the list of suites: every file `suite_NAME.py` of this folder has one, as `SUITE`.

A new suite is a new file. No suite is known by name here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from vitok_bench.results import Row


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long and how often to measure."""

    rounds: int
    sample_s: float


@dataclass(frozen=True, kw_only=True)
class Cores:
    """The cores of server and client, so that they don't take turns on one. None: the kernel chooses."""

    server: int | None
    client: int | None

    def is_shared(self) -> bool:
        return self.client is None or self.server == self.client


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run of a suite."""

    effort: Effort
    cores: Cores
    # The path of the load generator, if it is not found by default.
    load: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A row, as far as choosing rows needs it."""

    name: str
    title: str
    # Part of a first look.
    is_quick: bool
    # Whether README.md shows it, beside those of a first look.
    is_main: bool = False
    # The time with one loop in addition to its samples: processes that start, connections that open.
    overhead_s: float = 0.1
    # The time of each sample in addition to its own.
    sample_overhead_s: float = 0.0
    # The time of a sample, as a multiple of the time asked for.
    weight: float = 1.0
    # The time of a sample in any effort, for a row that is not sized by the clock.
    fixed_s: float | None = None
    # The largest number of rounds that is useful.
    rounds_at_most: int | None = None
    # Why it cannot be measured here, in one line; empty if it can.
    lacks: str = ""


@dataclass(kw_only=True)
class Session:
    """A suite that has been set up. `measure` runs a row on all loops except some, and calls back after every round."""

    measure: Callable[[str, Collection[str], Callable[[], None]], Row]
    # The version of each loop.
    versions: dict[str, str] = field(default_factory=dict)
    # Why a loop is in no row, by loop.
    missing: dict[str, str] = field(default_factory=dict)
    # What the line of the method says in addition.
    note: str = ""


class Spec(Protocol):
    """A column that can be asked for: a loop or a server."""

    @property
    def text(self) -> str:
        """The text that asked for it."""

    @property
    def label(self) -> str:
        """The name of the column."""

    @property
    def directory(self) -> str:
        """Where its package is imported from; empty if it is an installed one."""

    def is_installed(self) -> bool:
        """Return whether its packages are installed, which does not mean that they work."""


class Suite(Protocol):
    """Rows that are measured in the same way."""

    name: str
    title: str
    # Its place among the others.
    order: int
    # The column without a loop; empty where there is none.
    floor: str
    # The column that ratios refer to, in addition to the best peer.
    base: str
    # The option that names its columns: "loop" or "server".
    option: str

    def entries(self) -> Sequence[Entry]:
        """The rows that this Python has."""

    def lacks(self, settings: Settings) -> str | None:
        """What is missing, in one line. It may be built here, which takes a while."""

    def specs(self, names: Sequence[str] | None) -> Sequence[Spec]:
        """Those of the named columns that this suite can measure, or all that are installed.

        Raises ValueError for a name that is not known.
        """

    def effort(self, *, is_quick: bool) -> Effort:
        """The default effort."""

    def method(self, settings: Settings) -> str:
        """How the figures are measured, in a line."""

    def session(self, specs: Sequence[Any], settings: Settings) -> AbstractContextManager[Session]:
        """Sets up what the rows share, for columns that `specs` returned."""


def suites() -> list[Suite]:
    """All suites, in their order."""
    found = (importlib.import_module(f"{__package__}.{path.stem}") for path in Path(__file__).parent.glob("suite_*.py"))
    return sorted((cast(Suite, module.SUITE) for module in found), key=lambda suite: suite.order)


def round_s(entry: Entry, effort: Effort) -> float:
    """The estimated time of one round on one loop: a share of the overhead, and the sample."""
    rounds = min(effort.rounds, entry.rounds_at_most or effort.rounds) + 1
    sample_s = entry.fixed_s or effort.sample_s * entry.weight
    return entry.overhead_s / rounds + entry.sample_overhead_s + sample_s


def row_s(entry: Entry, effort: Effort, loops: int) -> float:
    """The estimated time of a row. The first sample of a loop is a warm-up and makes one more round."""
    rounds = min(effort.rounds, entry.rounds_at_most or effort.rounds) + 1
    return round_s(entry, effort) * rounds * loops
