"""What every report has: the head of the page, the failures below the tables, and figures that fit into a column.

Knows the shape of a page; knows no row and no arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from child import ChildError

FIGURE_WIDTH: Final = 7
# From here on a decimal is less than a thousandth.
DECIMAL_BELOW: Final = 100


def heading(machine: Mapping[str, Any], conditions: str) -> Iterator[str]:
    """What the figures were measured on and how."""
    python = machine["python"]
    yield f"{machine['date']}  {machine['processor']}, {machine['cores']} cores  {machine['kernel']}"
    packages = "  ".join(f"{name} {version}" for name, version in machine["packages"].items())
    yield f"{python['implementation']} {python['version']}  {packages}"
    yield f"{conditions}, load average {machine['load_average'][0]}, an empty call {python['empty_call_ns']} ns"


def failures(missing: Mapping[str, str], by_row: Mapping[str, Mapping[str, ChildError]]) -> Iterator[str]:
    """A line for each loop that could not be started, and for each reason for which one did not get through a row."""
    yield ""
    for name, reason in missing.items():
        yield f"{name} is missing: {reason}"
    rows: dict[tuple[str, str, str], list[str]] = {}
    for row_name, errors in by_row.items():
        for name, error in errors.items():
            rows.setdefault((name, error.status, error.reason), []).append(row_name)
    for (name, status, reason), row_names in rows.items():
        where = "every row" if 1 < len(row_names) == len(by_row) else ", ".join(row_names)
        yield f"{name}, {where}: {status} ({reason})"


def absence(failures_of_row: Mapping[str, ChildError], name: str) -> str:
    """What stands in the cell of a loop without samples."""
    return failures_of_row[name].status if name in failures_of_row else "-"


def figure(value: float) -> str:
    """The longest form that leaves a space before it in the column; what it leaves out is noise."""
    candidates = (f"{value:.1f}" if abs(value) < DECIMAL_BELOW else f"{value:.0f}", f"{value / 1000:.0f}k")
    return next((text for text in candidates if len(text) < FIGURE_WIDTH), candidates[-1])
