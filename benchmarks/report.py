"""Shows the results: the table on the terminal, and the same with every sample as JSON.

Knows the shape of a page; what the figures mean is computed in `summary.py`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import page
import summary
from harness import RowResult, Settings
from page import FIGURE_WIDTH, figure

NAME_WIDTH: Final = 17
# Two figures and a share in per cent.
CELL_WIDTH: Final = 2 * FIGURE_WIDTH + 5
# What a release may cost in any one row, in units of the row's best peer.
ROW_LIMIT: Final = 1.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """All of one run."""

    machine: dict[str, Any]
    settings: Settings
    loops: tuple[str, ...]
    subject: str
    missing: dict[str, str]
    results: tuple[RowResult, ...]

    def lines(self) -> Iterator[str]:
        """The page for the terminal."""
        conditions = f"{self.settings.rounds} rounds on core {self.machine['pinned_to_core']}"
        yield from page.heading(self.machine, conditions)
        cpu = [result for result in self.results if not result.row.is_latency]
        if cpu:
            title = "CPU ns per operation: median, minimum, distance of the quartiles"
            yield from self._table(cpu, title, _cpu_cell)
        waiting = [result for result in self.results if result.row.is_latency]
        if waiting:
            title = "waiting in µs: median, tail (see the row), events that were early"
            yield from self._table(waiting, title, _wait_cell)
        yield from page.failures(self.missing, {result.row.name: result.failures for result in self.results})
        yield from self._verdict()

    def write_json(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self._as_json(), indent=1, ensure_ascii=False) + "\n")

    def _table(self, results: Sequence[RowResult], title: str, cell: Callable[[RowResult, str], str]) -> Iterator[str]:
        yield from ("", title)
        names = "".join(f"{name[-CELL_WIDTH + 1 :]:>{CELL_WIDTH}}" for name in self.loops)
        yield f"{'':{NAME_WIDTH}}{names}  {self.subject} / best peer"
        for result in results:
            cells = "".join(
                cell(result, name) if name in result.samples else f"{page.absence(result.failures, name):>{CELL_WIDTH}}"
                for name in self.loops
            )
            yield f"{result.row.name:{NAME_WIDTH}}{cells}  {self._comparison(result)}".rstrip()

    def _comparison(self, result: RowResult) -> str:
        reference = summary.best_peer(result, self.subject)
        if reference is None or self.subject not in result.samples:
            return f"best is {reference}" if reference else ""
        return f"{summary.ratio(result, self.subject, reference):5.2f} {reference}"

    def _verdict(self) -> Iterator[str]:
        means = "  ".join(
            f"{name} {mean:.3f} ({len(ratios)} rows)" for name, ratios, mean in self._means() if mean is not None
        )
        if means:
            yield f"geometric mean over the rows in CPU time, in units of each row's best peer: {means}"
        ratios = summary.ratios_to_best_peer(self.results, self.subject, self.subject)
        if not ratios:
            return
        lost = {name: value for name, value in ratios.items() if value > 1}
        listed = ", ".join(f"{name} {value:.2f}{'!' if value > ROW_LIMIT else ''}" for name, value in lost.items())
        yield f"{self.subject} loses {len(lost)} of {len(ratios)} rows{': ' if lost else ''}{listed}"
        if any(value > ROW_LIMIT for value in lost.values()):
            yield f"! is past the limit of {ROW_LIMIT}"

    def _means(self) -> Iterator[tuple[str, dict[str, float], float | None]]:
        for name in self.loops:
            ratios = summary.ratios_to_best_peer(self.results, name, self.subject)
            yield name, ratios, summary.geometric_mean(ratios)

    def _as_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "settings": dataclasses.asdict(self.settings),
            "subject": self.subject,
            "missing": self.missing,
            "geometric_means": {name: mean for name, _, mean in self._means()},
            "rows": [self._row_as_json(result) for result in self.results],
        }

    def _row_as_json(self, result: RowResult) -> dict[str, Any]:
        reference = summary.best_peer(result, self.subject)
        ratios = {name: summary.ratio(result, name, reference) for name in result.samples} if reference else {}
        failures = {name: {"status": error.status, "reason": error.reason} for name, error in result.failures.items()}
        return {
            "name": result.row.name,
            "title": result.row.title,
            "unit": "µs waited" if result.row.is_latency else "ns of CPU per operation",
            "operations_per_sample": result.operations,
            "best_peer": reference,
            "ratio_to_best_peer": ratios,
            "loops": {name: _figures(result, name) for name in result.samples} | failures,
        }


def _cpu_cell(result: RowResult, name: str) -> str:
    spread = summary.spread(result.samples[name])
    share = f"{spread.relative:.0%}"
    return f"{figure(spread.median):>{FIGURE_WIDTH}}{figure(spread.minimum):>{FIGURE_WIDTH}}{share:>5}"


def _wait_cell(result: RowResult, name: str) -> str:
    waits = summary.waits(result.samples[name], result.row.tail_percent)
    return f"{figure(waits.median_us):>{FIGURE_WIDTH}}{figure(waits.tail_us):>{FIGURE_WIDTH}}{waits.early:>5}"


def _figures(result: RowResult, name: str) -> dict[str, Any]:
    samples = result.samples[name]
    if result.row.is_latency:
        waits = summary.waits(samples, result.row.tail_percent)
        return dataclasses.asdict(waits) | {"tail_percent": result.row.tail_percent}
    rounds = [round(sample.cpu_ns_per_operation, 2) for sample in samples]
    walls = [round(sample.wall_ns_per_operation, 2) for sample in samples]
    return dataclasses.asdict(summary.spread(samples)) | {"cpu_ns_by_round": rounds, "wall_ns_by_round": walls}
