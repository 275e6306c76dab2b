"""Draws a run: a panel for each suite, with the cost of every loop in units of the row's best peer, and its spread.

It uses matplotlib, which only `--plot` and `--pages` need; `figures.py` computes the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vitok_bench import figures
from vitok_bench.colours import colours
from vitok_bench.results import Row, Run, SuiteResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN: Final = 9.0
ROW_IN: Final = 0.3
# The height of the title, the axis and, for the first panel, the legend.
PANEL_IN: Final = 1.05
# How many names of servers fit above a panel.
LEGEND_COLUMNS: Final = 6
MANY_COLOUR: Final = "#555555"
LOST_COLOUR: Final = "#A00018"
# Points outside are marked at the edge with their figures, so that one slow loop does not press all others together.
RATIOS: Final = (0.25, 6.0)
TICKS: Final = (0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 3, 4, 6)
DOTS_PER_INCH: Final = 150
# Makes the same run draw the same file, to the byte.
SALT: Final = "vitok"


def draw(run: Run, path: Path, *, rows: Callable[[SuiteResult], Sequence[Row]] = lambda suite: suite.rows) -> None:
    """Draw the run. The ending of the path decides on the format."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    panels = [(suite, shown) for suite in run.suites if (shown := _comparable(run, suite, rows(suite)))]
    with mpl.rc_context({"svg.hashsalt": SALT, "svg.fonttype": "path", "font.size": 9, "font.family": "DejaVu Sans"}):
        # An empty run has an empty panel.
        heights = [PANEL_IN + ROW_IN * len(shown) for _, shown in panels] or [PANEL_IN]
        figure, grid = pyplot.subplots(
            len(heights),
            1,
            figsize=(WIDTH_IN, sum(heights)),
            height_ratios=heights,
            squeeze=False,
            layout="constrained",
        )
        for axes, (suite, shown) in zip(grid[:, 0], panels, strict=False):
            _panel(axes, run, suite, shown)
        _legend(
            figure, run, [name for name in run.loops if any(name in row.measured for _, rows in panels for row in rows)]
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(figure)


def _comparable(run: Run, suite: SuiteResult, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if figures.best_peer(row, run.subject, floor=suite.floor) is not None]


def _panel(axes: Axes, run: Run, suite: SuiteResult, rows: Sequence[Row]) -> None:
    names = [name for name in run.loops if name != run.subject] + [run.subject] * (run.subject in run.loops)
    for place, row in enumerate(rows):
        axes.axhline(place, color="#E8E8E8", linewidth=0.8, zorder=0)
        outside = [found for name in names if (found := _point(axes, run, suite, row, name, place)) is not None]
        _outside(axes, place, [one for one in outside if one[0] > 1])
        _outside(axes, place, [one for one in outside if one[0] < 1])
    axes.axvline(1, color="#404040", linewidth=1, zorder=1)
    lost = {one.row.name for one in figures.standings(suite, run.subject) if one.is_lost and one.is_beyond_noise}
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        if row.name in lost:
            label.set_color(LOST_COLOUR)
            label.set_fontweight("bold")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _scale(axes)
    axes.set_title(f"{suite.name}: cost in units of each row's best peer", loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel(
        f"less is better; bars are quartiles over {suite.rounds} rounds"
        + (f"; rows in red are lost by {run.subject}" if lost else "")
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    # Room for the figures of points outside, on either side.
    axes.tick_params(axis="y", length=0, pad=62)


def _point(axes: Axes, run: Run, suite: SuiteResult, row: Row, name: str, place: int) -> tuple[float, str] | None:
    """Draw one loop in one row. A point outside is not drawn but returned, with its colour."""
    peer = figures.best_peer(row, run.subject, floor=suite.floor)
    found = figures.ratio(row, name, peer) if peer else None
    # A loop that fires early has not done what the row asks.
    if found is None or row.columns[name].notes.get("early"):
        return None
    is_subject = name == run.subject
    colour, size, layer = _colour(run, name), 7.5 if is_subject else 5.5, 4 if is_subject else 3
    least, most = RATIOS
    if not least <= found.median <= most:
        return found.median, colour
    bars = [[max(0.0, found.median - found.lower_quartile)], [max(0.0, found.upper_quartile - found.median)]]
    axes.errorbar(
        found.median,
        place,
        xerr=bars,
        fmt=_marker(run, name),
        color=colour,
        markersize=size,
        markeredgecolor="white",
        markeredgewidth=0.6,
        elinewidth=2 if is_subject else 1.4,
        zorder=layer,
    )
    return None


def _outside(axes: Axes, place: int, points: Sequence[tuple[float, str]]) -> None:
    """Draw the points beyond one edge as one mark with its figures: several marks would overlap."""
    if not points:
        return
    least, most = RATIOS
    ratios = sorted(ratio for ratio, _ in points)
    is_above = ratios[0] > most
    edge, marker, offset, side = (most, ">", 7, "left") if is_above else (least, "<", -7, "right")
    colour = points[0][1] if len(points) == 1 else MANY_COLOUR
    axes.plot(edge, place, marker, color=colour, markersize=6, clip_on=False, zorder=4)
    ends = [f"{ratio:.0f}" if is_above else f"{ratio:.2f}" for ratio in (ratios[0], ratios[-1])]
    text = " to ".join(dict.fromkeys(ends))
    axes.annotate(
        text, (edge, place), (offset, 0), textcoords="offset points", color=colour, va="center", ha=side, fontsize=8
    )


def _marker(run: Run, name: str) -> str:
    return "D" if name == run.subject else "o"


def _colour(run: Run, name: str) -> str:
    return colours(run.loops, run.subject)[name]


def _scale(axes: Axes) -> None:
    """Make the axis logarithmic: twice and half have the same distance from 1."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_xlim(*RATIOS)
    axes.xaxis.set_major_locator(FixedLocator(list(TICKS)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _legend(figure: Figure, run: Run, names: Sequence[str]) -> None:
    """Draw every loop once; all panels have the same colours."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=_marker(run, name), color=_colour(run, name), markersize=7, label=name)
        for name in names
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=min(len(handles), LEGEND_COLUMNS), frameon=False)
