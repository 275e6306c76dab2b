"""Shows the results of the stream rows: tables on the terminal, and the same with every sample as JSON.

Knows the shape of a page; what the figures mean is computed in `stream_summary.py`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import page
import stream_summary as summary
from page import FIGURE_WIDTH, figure
from stream_harness import RAW, StreamResult, StreamSettings
from stream_summary import Middle

NAME_WIDTH: Final = 22
SHARE_WIDTH: Final = 5
# Two figures and a share in per cent.
CELL_WIDTH: Final = 2 * FIGURE_WIDTH + SHARE_WIDTH
# A ratio and a share in per cent, twice.
COMPARISON_WIDTH: Final = 24
# The peers that the project measures itself against by name, besides whichever is best.
NAMED_PEERS: Final = ("uvloop", "zuvloop")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamReport:
    """All of one run."""

    machine: dict[str, Any]
    settings: StreamSettings
    columns: tuple[str, ...]
    subject: str
    results: tuple[StreamResult, ...]

    def lines(self) -> Iterator[str]:
        """The page for the terminal."""
        conditions = f"{self.settings.rounds} rounds of {self.settings.sample_s:g} s"
        cores = f"servers on core {self.machine['pinned_to_core']}, clients on {self.machine['client_core']}"
        yield from page.heading(self.machine, f"{conditions}, {cores}")
        cpu = [result for result in self.results if not result.row.is_memory]
        if cpu:
            yield from self._costs(cpu, "CPU ns per operation: median, distance of the quartiles, above raw")
            yield from self._comparisons(cpu)
        memory = [result for result in self.results if result.row.is_memory]
        if memory:
            yield from self._costs(memory, "bytes of the server per idle connection: median, distance of the quartiles")
            yield from self._comparisons(memory)
        yield from page.failures({}, {result.row.name: result.failures for result in self.results})

    def write_json(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self._as_json(), indent=1, ensure_ascii=False) + "\n")

    def _costs(self, results: Sequence[StreamResult], title: str) -> Iterator[str]:
        yield from ("", title)
        yield f"{'':{NAME_WIDTH}}" + "".join(f"{name[-CELL_WIDTH + 1 :]:>{CELL_WIDTH}}" for name in self.columns)
        for result in results:
            cells = "".join(_cell(result, column) for column in self.columns)
            yield f"{result.row.name:{NAME_WIDTH}}{cells}".rstrip()

    def _comparisons(self, results: Sequence[StreamResult]) -> Iterator[str]:
        """What the subject costs in units of its peers, where it is in the run and has any."""
        if not any(self.subject in result.samples and self._references(result) for result in results):
            return
        peers = [peer for peer in NAMED_PEERS if peer in self.columns and peer != self.subject]
        yield from ("", f"{self.subject} in units of a peer: total, above raw, each with the distance of the quartiles")
        names = "".join(f"{name:>{COMPARISON_WIDTH}}" for name in (*peers, "best peer"))
        yield f"{'':{NAME_WIDTH}}{names}"
        for result in results:
            best = summary.best_peer(result, self.subject)
            cells = "".join(self._comparison(result, peer) for peer in (*peers, best))
            yield f"{result.row.name:{NAME_WIDTH}}{cells}  {best or ''}".rstrip()

    def _comparison(self, result: StreamResult, peer: str | None) -> str:
        total = summary.ratio(result, self.subject, peer) if peer else None
        above = summary.ratio_above_raw(result, self.subject, peer) if peer else None
        return f"{_ratio(total)}{_ratio(above)}".rjust(COMPARISON_WIDTH)

    def _references(self, result: StreamResult) -> list[str]:
        return [column for column in result.samples if column not in (self.subject, RAW)]

    def _as_json(self) -> dict[str, Any]:
        return {
            "machine": self.machine,
            "settings": dataclasses.asdict(self.settings),
            "subject": self.subject,
            "rows": [self._row_as_json(result) for result in self.results],
        }

    def _row_as_json(self, result: StreamResult) -> dict[str, Any]:
        failures = {name: {"status": error.status, "reason": error.reason} for name, error in result.failures.items()}
        return {
            "name": result.row.name,
            "title": result.row.title,
            "unit": result.row.unit,
            "best_peer": summary.best_peer(result, self.subject),
            f"{self.subject}_in_units_of": {
                peer: {
                    "total": _as_dict(summary.ratio(result, self.subject, peer)),
                    "above_raw": _as_dict(summary.ratio_above_raw(result, self.subject, peer)),
                }
                for peer in self._references(result)
                if self.subject in result.samples
            },
            "columns": {column: _figures(result, column) for column in result.samples} | failures,
        }


def _cell(result: StreamResult, column: str) -> str:
    if column not in result.samples:
        return f"{page.absence(result.failures, column):>{CELL_WIDTH}}"
    cost, above = summary.middle(summary.costs(result, column)), summary.above_raw(result, column)
    added = figure(summary.middle(above).median) if above is not None else ""
    return f"{figure(cost.median):>{FIGURE_WIDTH}}{cost.distance:>{SHARE_WIDTH}.0%}{added:>{FIGURE_WIDTH}}"


def _ratio(found: Middle | None) -> str:
    if found is None:
        return f"{'-':>7}{'':{SHARE_WIDTH}}"
    return f"{found.median:7.2f}{found.distance:>{SHARE_WIDTH}.0%}"


def _figures(result: StreamResult, column: str) -> dict[str, Any]:
    above = summary.above_raw(result, column)
    return {
        "cost": _as_dict(summary.middle(summary.costs(result, column))),
        "above_raw": _as_dict(summary.middle(above) if above is not None else None),
        "utilisation": summary.utilisation(result, column),
        "rounds": [dataclasses.asdict(sample) for sample in result.samples[column]],
    }


def _as_dict(found: Middle | None) -> dict[str, float] | None:
    return dataclasses.asdict(found) if found is not None else None
