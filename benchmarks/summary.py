"""What is computed from the samples: quartiles, percentiles, ratios to the best peer, geometric means.

Pure functions of the harness's results; knows neither how they were measured nor how they are shown.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness import RowResult
from row import Sample

# asyncio itself fires a timer one tick of its clock early, and a float that holds the uptime of a year rounds by a few
# ns; what is earlier than this is early.
EARLY_US: Final = -0.01


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Where the samples of one loop lie, in ns of CPU per operation."""

    median: float
    lower_quartile: float
    upper_quartile: float
    minimum: float

    @property
    def relative(self) -> float:
        """The distance of the quartiles as a share of the median."""
        return (self.upper_quartile - self.lower_quartile) / self.median


@dataclass(frozen=True, kw_only=True)
class Waits:
    """The waits of all rounds together, in µs."""

    median_us: float
    tail_us: float
    maximum_us: float
    early: int
    count: int


def spread(samples: Sequence[Sample]) -> Spread:
    values = [sample.cpu_ns_per_operation for sample in samples]
    lower, median, upper = quartiles(values)
    return Spread(median=median, lower_quartile=lower, upper_quartile=upper, minimum=min(values))


def waits(samples: Sequence[Sample], tail_percent: int) -> Waits:
    values = sorted(wait for sample in samples for wait in sample.waits_us)
    return Waits(
        median_us=statistics.median(values),
        tail_us=values[min(len(values) - 1, len(values) * tail_percent // 100)],
        maximum_us=values[-1],
        early=sum(wait < EARLY_US for wait in values),
        count=len(values),
    )


def central(result: RowResult, name: str) -> float:
    """The one figure of a loop in a row: the median in ns of CPU, or in µs of waiting."""
    samples = result.samples[name]
    if result.row.is_latency:
        return waits(samples, result.row.tail_percent).median_us
    return spread(samples).median


def best_peer(result: RowResult, subject: str) -> str | None:
    """The fastest loop of the row that is not the subject. One that fires early has not done what the row asks."""
    peers = [name for name in result.samples if name != subject and not _fires_early(result, name)]
    return min(peers, key=lambda name: central(result, name), default=None)


def ratio(result: RowResult, name: str, reference: str) -> float:
    """How much `name` costs in units of `reference`.

    The ratios are taken within each round, between samples that are neighbours in time, and the median of those is less
    disturbed by a machine that slows down for a while than the ratio of two medians. Waits have no such neighbours.
    """
    if result.row.is_latency:
        return central(result, name) / central(result, reference)
    pairs = zip(result.samples[name], result.samples[reference], strict=True)
    return statistics.median(one.cpu_ns_per_operation / other.cpu_ns_per_operation for one, other in pairs)


def ratios_to_best_peer(results: Sequence[RowResult], name: str, subject: str) -> dict[str, float]:
    """By name of the row, over the rows in CPU time that this loop and at least one peer got through."""
    found = {}
    for result in results:
        reference = best_peer(result, subject)
        if not result.row.is_latency and reference is not None and name in result.samples:
            found[result.row.name] = ratio(result, name, reference)
    return found


def geometric_mean(ratios: dict[str, float]) -> float | None:
    return statistics.geometric_mean(ratios.values()) if ratios else None


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, median, upper


def _fires_early(result: RowResult, name: str) -> bool:
    return result.row.is_latency and waits(result.samples[name], result.row.tail_percent).early > 0
