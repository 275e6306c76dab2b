"""The page of a run for the terminal: its conditions, a table for each suite, the rows that are lost, and failures.

It knows the shape of a page; `figures.py` computes the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vitok_bench import figures, tall
from vitok_bench.figure_text import cell, in_unit, rate, ratio
from vitok_bench.figures import BASE, Standing
from vitok_bench.results import Column, Row, Run, SuiteResult

NAME_WIDTH: Final = 23
FIGURE_WIDTH: Final = 9
# The width of a loop's name; a longer one is a path or a module, whose end says more than its beginning.
WIDEST: Final = 14
# More columns do not fit on a terminal; then each has a line of its own.
MOST_COLUMNS: Final = 8
# The limit of a release in any one row, in units of the row's best peer.
ROW_LIMIT: Final = 1.05
TITLES: Final = {
    "cpu": "CPU ns per operation, medians; of {subject} also quartiles and operations per second",
    "wait": "µs of waiting, medians of the rounds' medians; of {subject} also quartiles and the tail",
    "memory": "bytes of the server per idle connection, medians; of {subject} also quartiles",
}


def lines(run: Run, *, with_details: bool = False) -> Iterator[str]:
    """The whole page."""
    yield from heading(run.machine, run.versions)
    for suite in run.suites:
        yield from ("", f"{suite.name}: {suite.title}", suite.method)
        for kind in TITLES:
            rows = [row for row in suite.rows if row.kind == kind]
            if rows:
                yield from _table(run, suite, rows)
        if with_details:
            yield from _details(run, suite)
        yield from _failures(suite)
        yield from verdict(run, suite)


def heading(machine: Mapping[str, Any], versions: Mapping[str, str]) -> Iterator[str]:
    """The conditions of the run."""
    python = machine["python"]
    yield f"{machine['date']}  {machine['processor']}, {machine['cores']} cores  {machine['kernel']}"
    packages = "  ".join(f"{name} {version}" for name, version in versions.items() if name != BASE)
    yield f"{python['implementation']} {python['version']}  {packages}"
    yield f"load average {machine['load_average'][0]}, an empty Python call {python['empty_call_ns']} ns"


def verdict(run: Run, suite: SuiteResult) -> Iterator[str]:
    """Geometric means, and every row that is lost by name."""
    means = ((name, figures.mean_in_units_of_best(suite, name, run.subject)) for name in run.loops)
    shown = "  ".join(f"{name} {mean[0]:.2f}" for name, mean in means if mean is not None and name != suite.floor)
    if shown:
        yield f"geometric means over the rows of CPU time, each row's best peer being 1: {shown}"
    standings = figures.standings(suite, run.subject)
    if standings:
        lost = [one for one in standings if one.is_lost]
        yield f"{run.subject} loses {len(lost)} of {len(standings)} rows{': ' if lost else ''}{named(lost)}"


def named(lost: Iterable[Standing]) -> str:
    """The rows that are lost, each with its ratio, and whether three rounds of four agree."""
    return ", ".join(
        f"{one.row.name} {one.ratio.median:.2f} to {one.peer}{'' if one.is_beyond_noise else ' (within the noise)'}"
        for one in lost
    )


def _table(run: Run, suite: SuiteResult, rows: list[Row]) -> Iterator[str]:
    names = [suite.floor, *run.loops] if suite.floor else run.loops
    names = [name for name in names if any(name in row.columns for row in rows)]
    subject = run.subject if any(run.subject in row.measured for row in rows) else ""
    yield ""
    title = TITLES[rows[0].kind].format(subject=subject) if subject else TITLES[rows[0].kind].partition(";")[0]
    yield title
    last = {"cpu": "op/s", "wait": "tail", "memory": ""}[rows[0].kind]
    if len(names) > MOST_COLUMNS or tall.is_wanted(suite):
        yield from tall.table(run, suite, rows, names)
        return
    widths = {name: max(FIGURE_WIDTH, len(_short(name)) + 1) for name in names}
    head = "".join(f"{_short(name):>{width}}" for name, width in widths.items())
    more = f"{'quartiles':>14}{last:>8}{f'/ {suite.base}':>13}{'/ best peer':>14}" if subject else ""
    yield f"{'':{NAME_WIDTH}}{head}{more}"
    for row in rows:
        cells = "".join(f"{cell(row, name):>{width}}" for name, width in widths.items())
        yield f"{row.name:{NAME_WIDTH}}{cells}{_subject_cells(run, suite, row) if subject else ''}".rstrip()


def _subject_cells(run: Run, suite: SuiteResult, row: Row) -> str:
    column, found = row.columns.get(run.subject, Column()), figures.cost(row, run.subject)
    if found is None:
        return ""
    between = f"{in_unit(row, found.lower_quartile)}-{in_unit(row, found.upper_quartile)}"
    one = figures.standing(row, run.subject, floor=suite.floor)
    best = f"{ratio(one.ratio):>14} {one.peer}" if one else ""
    above = figures.ratio_above_floor(row, run.subject, one.peer, floor=suite.floor) if one else None
    floor = f" (above {suite.floor} {above.median:.2f})" if above else ""
    lost = " LOST" if one and one.is_lost and one.is_beyond_noise else ""
    base = ratio(figures.ratio(row, run.subject, suite.base))
    return f"{between:>14}{rate(row, column):>8}{base:>13}{best}{floor}{lost}"


def _details(run: Run, suite: SuiteResult) -> Iterator[str]:
    """Every figure of every loop."""
    yield ""
    head = f"{'median':>11}{'quartiles':>19}{'minimum':>11}{'op/s':>9}{f'/ {suite.base}':>13}{'/ best peer':>13}"
    yield f"{'':{NAME_WIDTH}}{'':18}{head}"
    for row in suite.rows:
        peer = figures.best_peer(row, run.subject, floor=suite.floor)
        for name, column in row.measured.items():
            found = figures.spread(column.costs)
            between = f"{in_unit(row, found.lower_quartile)}-{in_unit(row, found.upper_quartile)}"
            speed = rate(row, column) if row.kind == "cpu" else ""
            base, best = figures.ratio(row, name, suite.base), figures.ratio(row, name, peer) if peer else None
            yield (
                f"{row.name:{NAME_WIDTH}}{name:18}{in_unit(row, found.median):>11}{between:>19}"
                f"{in_unit(row, found.minimum):>11}{speed:>9}{ratio(base):>13}{ratio(best):>13}"
            )


def _failures(suite: SuiteResult) -> Iterator[str]:
    """A line for each loop that could not be started, and for each reason for which one did not complete a row."""
    yield ""
    for name, reason in suite.missing.items():
        yield f"{name} is missing: {reason}"
    rows: dict[tuple[str, str, str], list[str]] = {}
    for row in suite.rows:
        for name, column in row.columns.items():
            if column.status:
                rows.setdefault((name, column.status, column.reason), []).append(row.name)
    for (name, status, reason), row_names in rows.items():
        where = "every row" if 1 < len(row_names) == len(suite.rows) else ", ".join(row_names)
        yield f"{name}, {where}: {status} ({reason})"


def _short(name: str) -> str:
    """A name that fits above a column."""
    return name.replace("aiofastnet", "aiofn").replace("uvicorn+", "uvi+")[-WIDEST:]
