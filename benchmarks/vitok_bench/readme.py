"""Writes the performance section of README.md, and its picture, from the file of one run.

The section is between two markers; the rest of the page does not change. It has the main rows of each suite, every row
that is lost, and the command that repeats the run. `figures.py` computes the figures.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vitok_bench import figures, page, plot
from vitok_bench.figure_text import cell, short_number
from vitok_bench.figures import BASE
from vitok_bench.http_servers import SERVERS
from vitok_bench.loops import ENVIRONMENTS, FACTORIES, ON
from vitok_bench.results import FormatError, Row, Run, SuiteResult
from vitok_bench.suites import suites

README: Final = Path(__file__).resolve().parents[2] / "README.md"
BEGIN: Final = "<!-- Written by `vitok bench --readme`; edits here are lost. -->"
END: Final = "<!-- The end of what `vitok bench --readme` writes. -->"
LINE_WIDTH: Final = 120
PICTURE_ENDING: Final = ".svg"
UNIT_NAMES: Final = {"cpu": "", "wait": " (µs waited)", "memory": " (bytes)"}


def write(run: Run, source: Path, *, readme: Path = README) -> list[Path]:
    """Return the files that were written; raises FormatError if the page has no place for the section."""
    if not readme.is_file():
        raise FormatError("there is no README.md here: --readme is for a checkout")
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise FormatError(f"{readme.name} does not have the two markers of the section: {BEGIN} {END}")
    source = source.resolve()
    if not source.is_relative_to(readme.resolve().parent):
        raise FormatError(f"{source.name} is no file of the checkout: the section links to it")
    picture = source.with_suffix(PICTURE_ENDING)
    plot.draw(run, picture, rows=lambda suite: main_rows(run, suite))
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    name = source.relative_to(readme.resolve().parent).as_posix()
    section = "\n".join(lines(run, name, picture_name=Path(name).with_suffix(PICTURE_ENDING).as_posix()))
    readme.write_text(f"{before}{BEGIN}\n\n{section}\n\n{END}{after}")
    return [picture, readme]


def lines(run: Run, name: str, *, picture_name: str) -> Iterator[str]:
    """The section, for a file of that name from the root of the checkout."""
    machine, python = run.machine, run.machine["python"]
    versions = ", ".join(f"{loop} {version}" for loop, version in run.versions.items() if loop != BASE)
    yield from _paragraph(
        f"Measured on {machine['date'].partition('T')[0]} with {python['implementation']} {python['version']} on "
        f"{machine['kernel']}, {machine['processor']}, {machine['cores']} cores: {versions}. Figures are medians of "
        "CPU time per operation, in ns where nothing else is said: user and system time, all threads of the process "
        "that runs the loop, or all processes of a server. The last column is the median of the ratios within each "
        f"round, with its quartiles; below 1, {run.subject} is cheaper than the best peer. Trust it more than the "
        "nanoseconds."
    )
    yield from ("", f"![Costs in units of each row's best peer]({picture_name})")
    for suite in run.suites:
        yield from _suite(run, suite)
    yield ""
    yield from _paragraph(
        f"The file [`{name}`]({name}) has every row and every round; `vitok bench --show {name}` prints all of it. "
        "To repeat the run on your machine, with the peers that you have installed:"
    )
    peers = " ".join(package for package in _packages(run) if package not in (BASE, run.subject))
    yield from ("", f"    pip install 'vitok[bench]' {peers}".rstrip(), f"    {machine['command']}", "")
    yield from _paragraph(
        "`vitok bench --quick` takes less than a minute. `benchmarks/README.md` says what each row does and how it is "
        "measured."
    )


def main_rows(run: Run, suite: SuiteResult) -> list[Row]:
    """The rows of a first look, and every row that is lost. All rows, if the suite is not known here."""
    known = next((one for one in suites() if one.name == suite.name), None)
    if known is None:
        return list(suite.rows)
    main = {entry.name for entry in known.entries() if entry.is_quick or entry.is_main}
    lost = {one.row.name for one in figures.standings(suite, run.subject) if one.is_lost}
    return [row for row in suite.rows if row.name in main | lost]


def _suite(run: Run, suite: SuiteResult) -> Iterator[str]:
    names = [name for name in run.loops if any(name in row.columns for row in suite.rows)]
    # A name that is an abbreviation is in capitals.
    heading = suite.name.upper() if suite.name == "http" else suite.name.capitalize()
    yield from ("", f"### {heading}", "")
    yield from _paragraph(f"{suite.title[:1].upper()}{suite.title[1:]}; {suite.method}.")
    yield ""
    head = ["row", *names, "operations per second", f"{run.subject} / best peer"]
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * (len(head) - 1)}"
    for row in main_rows(run, suite):
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


def _packages(run: Run) -> list[str]:
    """The packages to install for the columns of the run."""
    servers = (SERVERS[name] for name in run.loops if name in SERVERS)
    served = (package for server in servers for package in (*server.packages, *server.optional))
    names = (name for name in run.versions if name not in ENVIRONMENTS)
    loops = (part for name in names for part in name.split(ON) if part in FACTORIES)
    return list(dict.fromkeys((*loops, *served)))


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
