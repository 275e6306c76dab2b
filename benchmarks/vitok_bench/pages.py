"""Writes what pages have from the files of runs: README.md the chart of the first, docs/benchmarks.md all tables.

Each is between two markers, and the rest of the page does not change. `figures.py` computes the figures, `chart.py` and
`plot.py` draw the two pictures. It is for a checkout.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from vitok_bench import chart, figures, page, plot
from vitok_bench.figure_text import cell, short_number
from vitok_bench.figures import BASE
from vitok_bench.http_servers import SERVERS
from vitok_bench.loops import ENVIRONMENTS, FACTORIES, ON
from vitok_bench.results import FormatError, Row, Run, SuiteResult

CHECKOUT: Final = Path(__file__).resolve().parents[2]
BEGIN: Final = "<!-- Written by `vitok bench --pages`; edits here are lost. -->"
END: Final = "<!-- The end of what `vitok bench --pages` writes. -->"
README: Final = "README.md"
TABLES: Final = "docs/benchmarks.md"
CHART: Final = "docs/assets/five-rows.svg"
PICTURE: Final = "docs/assets/benchmarks.svg"
# Pages are also read where links from one file of the checkout to another lead nowhere.
FILES_URL: Final = "https://github.com/vitok-loop/vitok/blob/main"
PICTURES_URL: Final = "https://raw.githubusercontent.com/vitok-loop/vitok/main"
LINE_WIDTH: Final = 120
UNIT_NAMES: Final = {"cpu": "", "wait": " (µs waited)", "memory": " (bytes)"}
# The suites whose names are abbreviations.
ABBREVIATIONS: Final = {
    "http": "HTTP",
    "https": "HTTPS",
    "http2": "HTTP/2",
    "threads_http": "HTTP in threads",
    "tls": "TLS",
}
# Pages run their commands in a test, which these would keep busy for long.
NOT_RUN: Final = "<!-- test: skip: it installs the peers and measures for minutes -->"


def write(run: Run, source: Path, *more: tuple[Run, Path], checkout: Path = CHECKOUT) -> list[Path]:
    """Return the files that were written; raises FormatError if a page has no place for its section.

    `more` are later runs of other suites. Only their tables are shown.
    """
    others = ((other, path.name) for other, path in more)
    sections = {README: readme_lines(run), TABLES: table_lines(run, source.name, *others)}
    parts = {name: _around(checkout / name) for name in sections}
    written = []
    for name, lines in sections.items():
        before, after = parts[name]
        (checkout / name).write_text("\n".join([f"{before}{BEGIN}", "", *lines, "", f"{END}{after}"]))
        written.append(checkout / name)
    (checkout / CHART).write_text(chart.draw(run))
    plot.draw(run, checkout / PICTURE)
    return [*written, checkout / CHART, checkout / PICTURE]


def readme_lines(run: Run) -> Iterator[str]:
    """The section of README.md: the chart, and the command that repeats its rows."""
    shown = chart.groups(run)
    yield f"![{chart.TITLE}. {chart.described(shown)}]({PICTURES_URL}/{CHART})"
    yield ""
    yield from _paragraph(
        f"Measured on {chart.conditions(run)}; [every row, every peer and how they are measured]"
        f"({FILES_URL}/{TABLES}). On your machine:"
    )
    names = dict.fromkeys(bar.name for group in shown for bar in group.bars)
    rows = ",".join(group.row.name for group in shown)
    yield from ("", *_commands(run, names, f"vitok bench --rows {rows}"))


def table_lines(run: Run, name: str, *more: tuple[Run, str]) -> Iterator[str]:
    """The section of docs/benchmarks.md, for files of these names in benchmarks/results/."""
    yield from _paragraph(
        f"{_conditions(run)} Figures are medians of "
        "CPU time per operation, in ns where nothing else is said: user and system time, all threads of the process "
        "that runs the loop, or all processes of a server. The last column is the median of the ratios within each "
        f"round, with its quartiles; below 1, {run.subject} is cheaper than the best peer. Trust it more than the "
        "nanoseconds."
    )
    yield from ("", f"![Costs in units of each row's best peer](assets/{Path(PICTURE).name})")
    for suite in run.suites:
        yield from _suite(run, suite)
    for other, _ in more:
        for suite in other.suites:
            yield from _suite(other, suite, conditions=f" {_conditions(other)}")
    yield from ("", "### The run" if not more else "### The runs", "")
    for one, file in ((run, name), *more):
        url = f"{FILES_URL}/benchmarks/results/{file}"
        yield from _paragraph(
            f"The file [`{file}`]({url}) has every row and every round; `vitok bench --show {file} --details` prints "
            "all of it. This is how it was made, with the peers that were installed:"
        )
        yield from ("", *_commands(one, one.loops, one.machine["command"]))
        if more and one is not more[-1][0]:
            yield ""


def _conditions(run: Run) -> str:
    """When, where and with which versions a run was made."""
    machine, python = run.machine, run.machine["python"]
    versions = ", ".join(f"{loop} {version}" for loop, version in run.versions.items() if loop != BASE)
    load = machine["load_average"][0]
    # Other work changes times by more than ratios.
    locked = " without the GIL" if "--disable-gil" in python.get("build_options", ()) else ""
    busy = f", which had other work (load average {load:.0f})" if load > machine["cores"] else ""
    return (
        f"Measured on {machine['date'].partition('T')[0]} with {python['implementation']} {python['version']}{locked} "
        f"on {machine['kernel']}, {machine['processor']}, {machine['cores']} cores{busy}: {versions}."
    )


def _around(path: Path) -> tuple[str, str]:
    """What is before and after the section of a page."""
    if not path.is_file():
        raise FormatError(f"there is no {path.name} here: --pages is for a checkout")
    text = path.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise FormatError(f"{path.name} does not have the two markers of the section: {BEGIN} {END}")
    before, rest = text.split(BEGIN)
    return before, rest.split(END)[1]


def _commands(run: Run, names: Iterable[str], command: str) -> list[str]:
    peers = " ".join(package for package in _packages(names) if package not in (BASE, run.subject))
    return [NOT_RUN, "```console", f"$ pip install 'vitok[bench]' {peers}".rstrip(), f"$ {command}", "```"]


def _suite(run: Run, suite: SuiteResult, *, conditions: str = "") -> Iterator[str]:
    names = [name for name in run.loops if any(name in row.columns for row in suite.rows)]
    heading = ABBREVIATIONS.get(suite.name, suite.name.capitalize())
    yield from ("", f"### {heading}", "")
    yield from _paragraph(f"{suite.title[:1].upper()}{suite.title[1:]}; {suite.method}.{conditions}")
    yield ""
    head = ["row", *names, "operations per second", f"{run.subject} / best peer"]
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for row in suite.rows:
        yield f"| {' | '.join(_cells(run, suite, row, names))} |"
    means = ((name, figures.mean_in_units_of_best(suite, name, run.subject)) for name in names)
    shown = {name: mean[0] for name, mean in means if mean is not None}
    yield ""
    said = ""
    if run.subject in shown:
        peers = ", ".join(f"{name} {mean:.2f}" for name, mean in shown.items() if name != run.subject)
        said = (
            f"Geometric mean over all {_cpu_rows(suite)} rows of CPU time, in units of each row's best peer: "
            f"**{run.subject} {shown[run.subject]:.2f}**; {peers}. "
        )
    standings = figures.standings(suite, run.subject)
    lost = [one for one in standings if one.is_lost]
    yield from _paragraph(f"{said}Rows that {run.subject} loses, of {len(standings)}: {page.named(lost) or 'none'}.")


def _packages(names: Iterable[str]) -> list[str]:
    """The packages to install for these columns."""
    wanted = [name for name in names if name not in ENVIRONMENTS]
    loops = (part for name in wanted for part in name.split(ON) if part in FACTORIES)
    served = (package for name in wanted if name in SERVERS for package in SERVERS[name].packages)
    optional = (package for name in wanted if name in SERVERS for package in SERVERS[name].optional)
    return list(dict.fromkeys((*loops, *served, *optional)))


def _paragraph(text: str) -> list[str]:
    """Wrap a text. Names and numbers stay whole, so that a reader can search for them."""
    return textwrap.wrap(text, LINE_WIDTH, break_long_words=False, break_on_hyphens=False)


def _cells(run: Run, suite: SuiteResult, row: Row, names: list[str]) -> Iterator[str]:
    yield f"`{row.name}`{UNIT_NAMES[row.kind]}"
    for name in names:
        yield cell(row, name)
    column = row.measured.get(run.subject)
    rate = figures.operations_per_second(column) if column else None
    yield short_number(rate) if rate else ""
    one = figures.standing(row, run.subject, floor=suite.floor)
    if one is None:
        yield ""
    else:
        lower, upper = one.ratio.lower_quartile, one.ratio.upper_quartile
        yield f"**{one.ratio.median:.2f}** ({lower:.2f} to {upper:.2f}) {one.peer}"


def _cpu_rows(suite: SuiteResult) -> int:
    return sum(row.kind == "cpu" for row in suite.rows)
