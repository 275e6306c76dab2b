"""Figures computed from the rounds: quartiles, ratios, the best peer, the rows that are lost, the effect of a change.

Ratios are taken within each round, between samples that are close in time, and only then is the median taken: a machine
that slows down for a while has little effect on them. These are pure functions; measuring and formatting are not known
here.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vitok_bench.results import Column, Row, Run, SuiteResult

# The loop whose cost is the unit of other loops.
BASE: Final = "asyncio"
NS_PER_S: Final = 1e9


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The distribution of one figure over the rounds."""

    median: float
    lower_quartile: float
    upper_quartile: float
    minimum: float

    @property
    def distance(self) -> float:
        """The distance of the quartiles, as a share of the median."""
        return (self.upper_quartile - self.lower_quartile) / abs(self.median) if self.median else 0.0


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The subject and the best peer of a row."""

    row: Row
    peer: str
    ratio: Spread

    @property
    def is_lost(self) -> bool:
        return self.ratio.median > 1

    @property
    def is_beyond_noise(self) -> bool:
        """Return whether three rounds of four agree."""
        return self.ratio.lower_quartile > 1 or self.ratio.upper_quartile < 1


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    lower, median, upper = quartiles(values)
    return Spread(median=median, lower_quartile=lower, upper_quartile=upper, minimum=min(values))


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, median, upper


def cost(row: Row, name: str) -> Spread | None:
    """The cost of an operation; None if the loop did not complete the row."""
    return spread(row.columns[name].costs) if name in row.measured else None


def operations_per_second(column: Column) -> float | None:
    """Operations per second by wall-clock time, in the middle round."""
    return NS_PER_S / statistics.median(column.walls_ns) if column.walls_ns else None


def ratio(row: Row, name: str, reference: str) -> Spread | None:
    """The cost of one loop in units of another."""
    if not {name, reference} <= row.measured.keys():
        return None
    return _ratio(row.columns[name].costs, row.columns[reference].costs)


def above_floor(row: Row, name: str, floor: str) -> list[float] | None:
    """What the loop adds to the server without one, by round; the floor itself and memory have no such figure."""
    if not floor or name == floor or row.kind != "cpu" or not {name, floor} <= row.measured.keys():
        return None
    pairs = zip(row.columns[name].costs, row.columns[floor].costs, strict=True)
    return [cost - least for cost, least in pairs]


def ratio_above_floor(row: Row, name: str, reference: str, *, floor: str) -> Spread | None:
    """What one loop adds to the floor in units of what the other adds."""
    ours, theirs = above_floor(row, name, floor), above_floor(row, reference, floor)
    return None if ours is None or theirs is None else _ratio(ours, theirs)


def best_peer(row: Row, subject: str, *, floor: str) -> str | None:
    """The cheapest column that is neither the subject, nor a part of its package (`vitok.uvicorn`), nor the floor.

    A loop that fired early did not do what the row asks, so it does not count; nor does a column that is a limit.
    """
    part = f"{subject.partition('@')[0]}."
    peers = [
        name
        for name, column in row.measured.items()
        if name not in (subject, floor) and not name.startswith(part)
        if not column.notes.get("early") and not column.notes.get("limit")
    ]
    return min(peers, key=lambda name: statistics.median(row.columns[name].costs), default=None)


def standing(row: Row, subject: str, *, floor: str) -> Standing | None:
    """The standing of the subject; None if it has no figure or no peer."""
    peer = best_peer(row, subject, floor=floor)
    found = ratio(row, subject, peer) if peer else None
    return Standing(row=row, peer=peer, ratio=found) if peer and found else None


def standings(suite: SuiteResult, subject: str) -> list[Standing]:
    """The standings of every row that has one."""
    found = (standing(row, subject, floor=suite.floor) for row in suite.rows)
    return [one for one in found if one is not None]


def mean_in_units_of_best(suite: SuiteResult, name: str, subject: str) -> tuple[float, int] | None:
    """The geometric mean over the rows in CPU time, in units of each row's best peer; and the number of rows."""
    ratios = []
    for row in suite.rows:
        peer = best_peer(row, subject, floor=suite.floor)
        found = ratio(row, name, peer) if peer and row.kind == "cpu" else None
        if found is not None:
            ratios.append(found.median)
    return (statistics.geometric_mean(ratios), len(ratios)) if ratios else None


def derived(run: Run) -> dict[str, Any]:
    """The figures that the file of a run has in addition to the rounds."""
    return {
        suite.name: {
            "base": suite.base,
            "geometric_means": {
                name: mean[0] for name in run.loops if (mean := mean_in_units_of_best(suite, name, run.subject))
            },
            "lost": [one.row.name for one in standings(suite, run.subject) if one.is_lost],
            "rows": {row.name: _derived_row(row, run.subject, suite.floor, suite.base) for row in suite.rows},
        }
        for suite in run.suites
    }


def _derived_row(row: Row, subject: str, floor: str, base: str) -> dict[str, Any]:
    peer = best_peer(row, subject, floor=floor)
    return {
        "best_peer": peer,
        "columns": {
            name: {
                "cost": _as_dict(cost(row, name)),
                "operations_per_second": operations_per_second(column),
                "ratio_to_base": _as_dict(ratio(row, name, base)),
                "ratio_to_best_peer": _as_dict(ratio(row, name, peer)) if peer else None,
                "above_floor": _as_dict(_spread_or_none(above_floor(row, name, floor))),
            }
            for name, column in row.measured.items()
        },
    }


def _spread_or_none(values: Sequence[float] | None) -> Spread | None:
    return spread(values) if values is not None else None


def _as_dict(found: Spread | None) -> dict[str, float] | None:
    return dataclasses.asdict(found) if found is not None else None


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread | None:
    # A loop that costs no more than the floor is no unit; in a single round, that is noise.
    if statistics.median(theirs) <= 0:
        return None
    # A round in which no event came is missing among the waits of that loop; those that are left are near neighbours.
    return spread(list(_quotients(zip(ours, theirs, strict=False))))


def _quotients(pairs: Iterable[tuple[float, float]]) -> Iterable[float]:
    return (one / other for one, other in pairs if other > 0)
