"""What is computed from the samples of a stream row: what a loop adds to the raw server, and its ratios to its peers.

Everything is computed within each round first, between neighbours in time, and only then is the median taken. Pure
functions; they know neither how the samples were taken nor how they are shown.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from stream_harness import RAW, StreamResult
from summary import quartiles


@dataclass(frozen=True, kw_only=True)
class Middle:
    """The middle of a figure over the rounds, how far its quartiles lie apart, and its best round."""

    median: float
    lower_quartile: float
    upper_quartile: float
    minimum: float

    @property
    def distance(self) -> float:
        """As a share of the median."""
        return (self.upper_quartile - self.lower_quartile) / abs(self.median) if self.median else 0.0


def middle(values: Sequence[float]) -> Middle:
    """Of at least one value."""
    lower, median, upper = quartiles(values)
    return Middle(median=median, lower_quartile=lower, upper_quartile=upper, minimum=min(values))


def costs(result: StreamResult, column: str) -> list[float]:
    """Per operation, by round."""
    return [sample.per_operation for sample in result.samples[column]]


def above_raw(result: StreamResult, column: str) -> list[float] | None:
    """What the loop adds to the raw server, by round; None for a row or a column that has no such figure."""
    if column == RAW or result.row.is_memory or not {column, RAW} <= result.samples.keys():
        return None
    return [cost - raw for cost, raw in zip(costs(result, column), costs(result, RAW), strict=True)]


def ratio(result: StreamResult, column: str, reference: str) -> Middle | None:
    """What one costs in units of the other."""
    if not {column, reference} <= result.samples.keys():
        return None
    return _ratio(costs(result, column), costs(result, reference))


def ratio_above_raw(result: StreamResult, column: str, reference: str) -> Middle | None:
    """What one adds to the raw server in units of what the other adds."""
    ours, theirs = above_raw(result, column), above_raw(result, reference)
    return None if ours is None or theirs is None else _ratio(ours, theirs)


def best_peer(result: StreamResult, subject: str) -> str | None:
    """The loop with the lowest median that is neither the subject nor the raw server."""
    peers = [column for column in result.samples if column not in (subject, RAW)]
    return min(peers, key=lambda column: statistics.median(costs(result, column)), default=None)


def utilisation(result: StreamResult, column: str) -> float | None:
    """The share of the time that the server was busy. Where it is low, the server waited for the client or the core."""
    shares = [sample.cost / sample.wall_ns for sample in result.samples[column] if sample.wall_ns]
    return statistics.median(shares) if shares and not result.row.is_memory else None


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> Middle | None:
    # A loop that costs no more than the raw server is no unit to measure in; in a single round, that is noise.
    if statistics.median(theirs) <= 0:
        return None
    return middle([one / other for one, other in zip(ours, theirs, strict=True) if other > 0])
