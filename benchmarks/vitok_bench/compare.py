"""The effect of a change: two runs side by side, and the differences that are beyond the noise.

The two runs were made at different times, so the unit in each of them is the base of the suite if both have it:
asyncio's own loop, or uvicorn on uvloop. The machine affects all loops of a run alike, and the ratios are taken within
its rounds. A difference counts as beyond the noise if the quartiles of the two runs do not overlap, and the medians
differ by more than those of unchanged loops do in nine rows of ten. Rounds alone are not enough: a new process has
another memory layout, and a machine that is busy in one run may be idle in the other; other loops show both, and
vitok's own rounds neither. How runs are made is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from vitok_bench import figures
from vitok_bench.figure_text import figure
from vitok_bench.figures import Spread
from vitok_bench.page import NAME_WIDTH
from vitok_bench.results import Row, Run

# The limit if too few other loops are in both runs to tell. Two runs of the same build on a busy virtual machine differ
# by this much in some rows.
USUAL_LIMIT: Final = 0.10
# The smallest limit: even on a quiet machine a smaller difference is not worth reporting.
LEAST_LIMIT: Final = 0.02
CONTROLS_AT_LEAST: Final = 5
CONTROLS_WITHIN: Final = 0.9
# With fewer rounds, quartiles mean nothing.
ROUNDS_AT_LEAST: Final = 4
RULE: Final = (
    "faster, slower: the quartiles of the two runs do not overlap, and the medians differ by more than {limit:.0%}, "
    "{why}; the unit is asyncio's loop, or uvicorn, in the same round, or ns where a run lacks it"
)
# If these differ, two machines are compared.
CONDITIONS: Final = ("processor", "cores", "kernel")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One loop in one row of both runs."""

    row: Row
    before: Spread
    after: Spread
    is_in_units_of_base: bool
    rounds: int
    # The least difference of the medians.
    limit: float = USUAL_LIMIT

    @property
    def factor(self) -> float:
        return self.after.median / self.before.median

    @property
    def is_beyond_noise(self) -> bool:
        apart = (
            self.after.lower_quartile > self.before.upper_quartile
            or self.after.upper_quartile < self.before.lower_quartile
        )
        is_large = max(self.factor, 1 / self.factor) > 1 + self.limit
        return self.rounds >= ROUNDS_AT_LEAST and apart and is_large

    @property
    def word(self) -> str:
        if not self.is_beyond_noise:
            return "" if self.rounds >= ROUNDS_AT_LEAST else "too few rounds"
        return "slower" if self.factor > 1 else "faster"


def changes(before: Run, after: Run, name: str) -> list[Change]:
    """The changes in every row that the loop completed in both runs."""
    rows = {(suite.name, row.name): row for suite in before.suites for row in suite.rows}
    found = []
    for suite in after.suites:
        for row in suite.rows:
            old = rows.get((suite.name, row.name))
            change = _change(old, row, name, suite.base) if old is not None else None
            if change is not None:
                found.append(change)
    return found


def noise(before: Run, after: Run) -> float | None:
    """The change of loops that are the same in both runs; None if there are too few to tell."""
    bases = {suite.base for suite in after.suites}
    same = [
        name
        for name in after.loops
        if name not in (after.subject, *bases) and before.versions.get(name) == after.versions[name]
    ]
    factors = [
        max(change.factor, 1 / change.factor)
        for name in same
        for change in changes(before, after, name)
        if change.is_in_units_of_base
    ]
    if len(factors) < CONTROLS_AT_LEAST:
        return None
    return max(LEAST_LIMIT, sorted(factors)[int(len(factors) * CONTROLS_WITHIN)] - 1)


def lines(before: Run, after: Run) -> Iterator[str]:
    """The page: the subject of both runs, row by row."""
    for label, run in (("before", before), ("after", after)):
        python, version = run.machine["python"], run.versions.get(run.subject, "not in it")
        interpreter = f"{python['implementation']} {python['version']}"
        yield f"{label:7} {run.machine['date']}  {interpreter}  {run.subject} {version}"
    differing = [name for name in CONDITIONS if before.machine.get(name) != after.machine.get(name)]
    if before.machine["python"]["version"] != after.machine["python"]["version"]:
        differing.append("Python")
    if differing:
        yield f"the two runs differ in {', '.join(differing)}: what follows compares those as well"
    measured = noise(before, after)
    limit = USUAL_LIMIT if measured is None else measured
    found = [replace(change, limit=limit) for change in changes(before, after, after.subject)]
    if not found:
        yield f"no row of both runs has {after.subject}"
        return
    yield ""
    yield f"{'':{NAME_WIDTH}}{'before':>10}{'after':>10}{'change':>9}   quartiles before, after"
    for change in found:
        yield _line(change)
    yield ""
    for word in ("slower", "faster"):
        names = [change.row.name for change in found if change.word == word]
        yield f"{word}: {', '.join(names) or 'no row'}"
    why = "which is usual" if measured is None else "as the loops that did not change do not in nine rows of ten"
    yield RULE.format(limit=limit, why=why)


def _line(change: Change) -> str:
    quartiles = ", ".join(
        f"{_shown(change, one.lower_quartile)}-{_shown(change, one.upper_quartile)}"
        for one in (change.before, change.after)
    )
    before, after = (_shown(change, one.median) for one in (change.before, change.after))
    name = f"{change.row.name:{NAME_WIDTH}}"
    return f"{name}{before:>10}{after:>10}{change.factor - 1:>+9.1%}   {quartiles}  {change.word}".rstrip()


def _shown(change: Change, value: float) -> str:
    return f"{value:.3f}" if change.is_in_units_of_base else figure(value)


def _change(old: Row, new: Row, name: str, base: str) -> Change | None:
    pair = [figures.ratio(row, name, base) for row in (old, new)] if name != base else [None, None]
    is_in_units_of_base = None not in pair
    if not is_in_units_of_base:
        pair = [figures.cost(row, name) for row in (old, new)]
    before, after = pair
    if before is None or after is None or not before.median or not after.median:
        return None
    rounds = min(len(row.columns[name].costs) for row in (old, new))
    return Change(row=new, before=before, after=after, is_in_units_of_base=is_in_units_of_base, rounds=rounds)
