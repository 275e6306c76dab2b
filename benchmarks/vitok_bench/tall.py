"""A table for many columns: for each row a line per column, the cheapest first.

It knows the shape of the lines, and when they are wanted; `figures.py` computes the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from vitok_bench import figures
from vitok_bench.figure_text import NS_PER_US, cell, figure, in_unit, rate, ratio
from vitok_bench.results import Column, Kind, Row, Run, SuiteResult

NAME_WIDTH: Final = 18
PERCENT: Final = 100
# The title of the column for a rate or a tail.
LAST: Final[dict[Kind, str]] = {"cpu": "op/s", "wait": "tail", "memory": ""}


def table(run: Run, suite: SuiteResult, rows: Sequence[Row], names: Sequence[str]) -> Iterator[str]:
    """All rows of one kind. "client" is the load generator's time for a round trip; "busy" is the load of the server's
    core.
    """
    kind = rows[0].kind
    head = f"{'':{NAME_WIDTH}}{'median':>10}{'quartiles':>16}{LAST[kind]:>9}"
    if kind == "cpu":
        head += f"{'p50 µs':>9}{'p99 µs':>9}"
    head += f"{f'/ {suite.base}':>13}{'/ best peer':>13}"
    if kind == "cpu":
        head += f"{'client':>9}{'busy':>6}"
    yield head
    for row in rows:
        yield f"{row.name}: {row.title}"
        for name in sorted((name for name in names if name in row.columns), key=lambda name: _place(row, name)):
            yield f"  {_line(run, suite, row, name)}".rstrip()


def is_wanted(suite: SuiteResult) -> bool:
    """Return whether the columns have more than fits elsewhere: the client's time."""
    return any("client_ns" in column.notes for row in suite.rows for column in row.columns.values())


def _place(row: Row, name: str) -> float:
    found = figures.cost(row, name)
    return found.median if found is not None else float("inf")


def _line(run: Run, suite: SuiteResult, row: Row, name: str) -> str:
    column, found = row.columns[name], figures.cost(row, name)
    label = f"{name:{NAME_WIDTH - 2}}{cell(row, name):>10}"
    if found is None:
        return label
    between = f"{in_unit(row, found.lower_quartile)}-{in_unit(row, found.upper_quartile)}"
    peer = figures.best_peer(row, run.subject, floor=suite.floor)
    to_best = figures.ratio(row, name, peer) if peer and name != suite.floor else None
    to_base = figures.ratio(row, name, suite.base) if name != suite.floor else None
    text = f"{label}{between:>16}{rate(row, column):>9}"
    if row.kind == "cpu":
        text += f"{_micro(column, 'p50_ns'):>9}{_micro(column, 'p99_ns'):>9}"
    text += f"{ratio(to_base):>13}{ratio(to_best):>13}"
    if row.kind == "cpu":
        text += f"{_note(column, 'client_ns'):>9}{_percent(column, 'utilisation'):>6}"
    one = figures.standing(row, run.subject, floor=suite.floor) if name == run.subject else None
    return text + (" LOST" if one and one.is_lost and one.is_beyond_noise else "")


def _note(column: Column, name: str) -> str:
    value = column.notes.get(name)
    return figure(value) if value else ""


def _micro(column: Column, name: str) -> str:
    value = column.notes.get(name)
    return figure(value / NS_PER_US) if value else ""


def _percent(column: Column, name: str) -> str:
    value = column.notes.get(name)
    return f"{value * PERCENT:.0f}%" if value else ""
