"""Formats figures: medians, ratios and rates, each as short as possible.

It knows numbers and units. Pages are not known here.
"""

from __future__ import annotations

from typing import Final

from vitok_bench import figures
from vitok_bench.figures import Spread
from vitok_bench.results import Column, Row

# From here on a decimal is less than a thousandth.
DECIMAL_BELOW: Final = 100
NS_PER_US: Final = 1000
PREFIXES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def cell(row: Row, name: str) -> str:
    """The median of one loop, or why there is none. A star marks a loop that fired early."""
    found = figures.cost(row, name)
    if found is not None:
        early = "*" if row.columns[name].notes.get("early") else ""
        return in_unit(row, found.median) + early
    return row.columns[name].status if name in row.columns else "-"


def in_unit(row: Row, value: float) -> str:
    """A value in the unit of its row; waiting is shown in µs."""
    return figure(value / NS_PER_US if row.kind == "wait" else value)


def ratio(found: Spread | None) -> str:
    """A ratio with half the distance of its quartiles; empty if there is none."""
    return f"{found.median:.2f} ±{found.distance / 2:.0%}" if found is not None else ""


def figure(value: float) -> str:
    """The longest form that leaves a space before it in the column; the digits left out are noise."""
    if abs(value) >= 1e6:
        return f"{value / 1000:.0f}k"
    return f"{value:.1f}" if abs(value) < DECIMAL_BELOW else f"{value:.0f}"


def short_number(value: float) -> str:
    """A number with two digits at least: 6.6M, 980k, 120."""
    for unit, prefix in PREFIXES:
        if value >= unit:
            return f"{value / unit:.1f}{prefix}" if value < unit * 10 else f"{value / unit:.0f}{prefix}"
    return f"{value:.0f}"


def rate(row: Row, column: Column) -> str:
    """Operations per second; for a row of waiting, the tail in µs."""
    if row.kind == "wait":
        tail_ns = next((value for key, value in column.notes.items() if key.startswith("p")), None)
        return f"{tail_ns / NS_PER_US:.0f}" if tail_ns is not None else ""
    per_second = figures.operations_per_second(column)
    return short_number(per_second) if per_second is not None else ""
