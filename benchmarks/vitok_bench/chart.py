"""Draws the chart of README.md: five rows of a run, each with the cost of vitok, its best and its best-known peers.

It writes SVG itself, so that text stays text. `figures.py` computes the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from vitok_bench import figures
from vitok_bench.colours import colours
from vitok_bench.figure_text import in_unit
from vitok_bench.results import Row, Run, SuiteResult

# For each place, the rows that tell the same, and what they are in words: the first one that was measured is drawn.
PLACES: Final = (
    (("turn", "a turn of the loop"), ("call_soon_0", "call_soon")),
    (("echo_streams_1k_100", "an echo of 1 KiB, streams"),),
    (("tls_echo_1k_100", "an echo of 1 KiB over TLS"), ("echo_protocol_1k_100", "an echo of 1 KiB, a protocol")),
    (("plaintext", "an HTTP request by ASGI"),),
    (("ws_text_1k", "an echo of 1 KiB by WebSocket"), ("json", "an HTTP request, JSON out")),
)
# Beside the best peer of a row.
BEST_KNOWN: Final = ("asyncio", "uvloop", "uvicorn", "granian")
# In px. The bars are of 0 to as many times the cost of vitok; a longer one ends at the edge.
WIDTH: Final = 840
LEFT: Final = 230
RIGHT: Final = 150
TOP: Final = 58
BOTTOM: Final = 34
BAR: Final = 15
STEP: Final = 19
GAP: Final = 16
TIMES_AT_MOST: Final = 10.0
TITLE: Final = "CPU time per operation, in units of vitok's: less is better"


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A loop or server in a row, and how many times the cost of the subject its own is."""

    name: str
    times: float


@dataclass(frozen=True, kw_only=True)
class Group:
    """A row with its bars."""

    row: Row
    words: str
    cost: str
    bars: tuple[Bar, ...]


def groups(run: Run) -> list[Group]:
    """The rows that are drawn, of those that were measured."""
    rows = {row.name: (suite, row) for suite in run.suites for row in suite.rows}
    found = []
    for place in PLACES:
        for name, words in place:
            if name in rows and run.subject in rows[name][1].measured:
                found.append(_group(run, *rows[name], words))
                break
    return found


def draw(run: Run) -> str:
    """The chart as SVG."""
    shown = groups(run)
    painted = colours(run.loops, run.subject)
    height = TOP + sum(len(group.bars) * STEP + GAP for group in shown) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"',
        '  font-family="DejaVu Sans, Verdana, sans-serif" font-size="13" role="img">',
        f"<title>{escape(TITLE)}</title>",
        f"<desc>{escape(described(shown))}</desc>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#FFFFFF"/>',
        _text(20, 32, TITLE, size=16, weight="bold"),
    ]
    top = TOP
    for group in shown:
        parts.extend(_drawn(group, painted, run.subject, top))
        top += len(group.bars) * STEP + GAP
    parts.append(_text(20, height - 14, conditions(run), size=11, fill="#666666"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def described(shown: list[Group]) -> str:
    """The figures as a sentence for each row, for readers who don't see the picture."""
    return " ".join(
        f"{group.words}: {', '.join(f'{bar.name} {bar.times:.3g}' for bar in group.bars)}." for group in shown
    )


def conditions(run: Run) -> str:
    """When and where the run was made."""
    machine, python = run.machine, run.machine["python"]
    day = machine["date"].partition("T")[0]
    return f"{day}, {python['implementation']} {python['version']}, {machine['processor']}, {machine['cores']} cores"


def _group(run: Run, suite: SuiteResult, row: Row, words: str) -> Group:
    one = figures.standing(row, run.subject, floor=suite.floor)
    names = dict.fromkeys([run.subject, *([one.peer] if one else []), *BEST_KNOWN])
    bars = []
    for name in names:
        ratio = figures.ratio(row, name, run.subject)
        if ratio is not None:
            bars.append(Bar(name=name, times=ratio.median))
    cost = figures.cost(row, run.subject)
    text = f"{in_unit(row, cost.median)} ns by {run.subject}" if cost else ""
    return Group(row=row, words=words, cost=text, bars=tuple(sorted(bars, key=lambda bar: bar.times)))


def _drawn(group: Group, painted: dict[str, str], subject: str, top: int) -> Iterator[str]:
    middle = top + len(group.bars) * STEP / 2
    yield _text(LEFT - 12, middle - 4, group.words, anchor="end")
    yield _text(LEFT - 12, middle + 12, group.cost, anchor="end", size=11, fill="#666666")
    for number, bar in enumerate(group.bars):
        y = top + number * STEP
        width = min(bar.times, TIMES_AT_MOST) / TIMES_AT_MOST * (WIDTH - LEFT - RIGHT)
        weight = "bold" if bar.name == subject else "normal"
        yield f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{painted[bar.name]}"/>'
        label = f"{bar.times:.2f} {bar.name}" if bar.name != subject else f"1 {bar.name}"
        yield _text(LEFT + width + 6, y + BAR - 3, label, size=12, weight=weight)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 13,
    weight: str = "normal",
    anchor: str = "start",
    fill: str = "#222222",
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{fill}">{escape(text)}</text>'
    )
