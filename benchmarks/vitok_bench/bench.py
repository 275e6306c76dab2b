"""`vitok bench`: measures event loops and HTTP servers side by side, in one run, and lists the rows that vitok loses.

This is the command line: it chooses suites, rows, loops and servers, estimates the time, and calls the suites and the
modules that show results. README.md explains the output.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fnmatch
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from vitok_bench import compare, figures, machine, page, pages, results
from vitok_bench.http_servers import SERVERS
from vitok_bench.http_servers import specs as server_specs
from vitok_bench.loops import FACTORIES, SUBJECT, default_specs
from vitok_bench.options import COMMAND, parse, refuse
from vitok_bench.options import specs as specs_of
from vitok_bench.progress import Progress, words
from vitok_bench.results import Row, Run, SuiteResult
from vitok_bench.suites import Cores, Effort, Entry, Session, Settings, Spec, Suite, round_s, row_s, suites

INTERRUPTED: Final = 130
MS_PER_S: Final = 1000
# `--quick` promises less than a minute; a row that has begun may take some seconds, more if a loop hangs.
QUICK_LIMIT_S: Final = 50.0
QUICK_PLAN_S: Final = 36.0
QUICK_ROUNDS_AT_LEAST: Final = 3
# A loop that hung this often in a suite is given up: more would take the rest of the day.
HANGS_AT_MOST: Final = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """The part of one suite that is run."""

    suite: Suite
    entries: list[Entry]
    specs: list[Spec]
    settings: Settings

    @property
    def columns(self) -> int:
        return len(self.specs) + bool(self.suite.floor)

    @property
    def planned_s(self) -> float:
        return sum(row_s(entry, self.settings.effort, self.columns) for entry in self.entries)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command. SystemExit with 2 for what can't be done, and with 130 after an interruption."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        if options.compare:
            _print(compare.lines(*map(results.read, options.compare)))
        elif options.show:
            _show(results.read(options.show), options)
        elif options.pages:
            (run, source), *more = ((results.read(path), path) for path in options.pages)
            for path in pages.write(run, source, *more):
                print(f"written: {path.name}")
        elif options.list:
            _list(options)
        else:
            _measure(options)
    except results.FormatError as error:
        refuse(str(error))


def _measure(options: argparse.Namespace) -> None:
    parts = _parts(options)
    planned_s = sum(part.planned_s for part in parts)
    for part in parts:
        columns = ", ".join(spec.label for spec in part.specs)
        print(f"{part.suite.name}: {len(part.entries)} rows on {columns}", file=sys.stderr)
    print(
        f"this takes about {words(planned_s)}; Ctrl-C ends it and shows the results so far", file=sys.stderr, flush=True
    )
    measured: list[SuiteResult] = []
    versions: dict[str, str] = {}
    described = machine.describe(command=COMMAND, core=options.core)
    is_interrupted = False
    deadline_s = time.monotonic() + QUICK_LIMIT_S if options.quick else math.inf
    with Progress(planned_s) as progress:
        try:
            for part in parts:
                _measure_part(part, progress, measured, versions, deadline_s=deadline_s)
        except KeyboardInterrupt:
            is_interrupted = True
    labels = dict.fromkeys(spec.label for part in parts for spec in part.specs)
    run = Run(
        machine=described,
        subject=options.subject or SUBJECT,
        versions={label: versions[label] for label in labels if label in versions},
        suites=tuple(suite for suite in measured if suite.rows or suite.missing),
    )
    _show(run, options)
    if is_interrupted:
        print("interrupted: rows that were not finished are left out", file=sys.stderr)
        raise SystemExit(INTERRUPTED)


def _measure_part(
    part: Part, progress: Progress, measured: list[SuiteResult], versions: dict[str, str], *, deadline_s: float
) -> None:
    """Measure a part. Finished rows are in `measured`, also after an early end."""
    suite, effort = part.suite, part.settings.effort
    result = SuiteResult(
        name=suite.name,
        title=suite.title,
        method=suite.method(part.settings),
        rounds=effort.rounds,
        floor=suite.floor,
        base=suite.base,
    )
    rows: list[Row] = []
    progress.suite(suite.name)
    with contextlib.ExitStack() as stack:
        session = stack.enter_context(suite.session(part.specs, part.settings))
        try:
            _measure_rows(part, session, progress, rows, deadline_s=deadline_s)
        finally:
            versions.update(session.versions)
            method = ", ".join(filter(None, [result.method, session.note]))
            measured.append(dataclasses.replace(result, rows=tuple(rows), missing=session.missing, method=method))


def _measure_rows(part: Part, session: Session, progress: Progress, rows: list[Row], *, deadline_s: float) -> None:
    effort, hangs = part.settings.effort, Counter[str]()
    for number, entry in enumerate(part.entries):
        if time.monotonic() > deadline_s:
            left = ", ".join(entry.name for entry in part.entries[number:])
            print(f"the machine is busy and the minute is over; left out: {left}", file=sys.stderr)
            return
        progress.row(entry.name)
        step_s = round_s(entry, effort) * part.columns
        done_s = 0.0

        def on_round(step_s: float = step_s) -> None:
            nonlocal done_s
            done_s += step_s
            progress.advance(step_s)

        without = [name for name, count in hangs.items() if count >= HANGS_AT_MOST]
        row = session.measure(entry.name, without, on_round)
        progress.advance(row_s(entry, effort, part.columns) - done_s)
        given_up = results.Column(status="hang", reason=f"given up after {HANGS_AT_MOST} rows in which it hung")
        row = dataclasses.replace(row, columns={**row.columns, **dict.fromkeys(without, given_up)})
        hangs.update(name for name, column in row.columns.items() if column.status == "hang")
        rows.append(row)


def _parts(options: argparse.Namespace) -> list[Part]:
    """The suites that are asked for and can be run; for one that can't, a line is printed."""
    asked = _chosen_parts(options)
    absent = dict.fromkeys(spec.text for part in asked for spec in part.specs if not _is_present(spec))
    chosen = [dataclasses.replace(part, specs=list(filter(_is_present, part.specs))) for part in asked]
    labels = list(dict.fromkeys(spec.label for part in chosen for spec in part.specs))
    if not chosen:
        refuse("nothing to measure: expected suites, rows, loops and servers that belong together")
    if options.subject and options.subject not in labels:
        refuse(f"--subject: expected a loop or server that is measured ({', '.join(labels)}), not {options.subject!r}")
    for text in absent:
        print(f"{text} is left out: not installed with all it needs", file=sys.stderr)
    parts = []
    for part in filter(lambda part: part.specs, chosen):
        for entry in filter(lambda entry: entry.lacks, part.entries):
            print(f"{entry.name} is left out: {entry.lacks}", file=sys.stderr)
        entries = [entry for entry in part.entries if not entry.lacks]
        # It may take a build, so what makes no sense is refused before.
        lacking = part.suite.lacks(part.settings) if entries else None
        if lacking:
            print(f"{part.suite.name} is left out: {lacking}", file=sys.stderr)
        elif entries:
            parts.append(dataclasses.replace(part, entries=entries))
    if not parts:
        refuse("nothing to measure: every row is left out")
    return _shortened(parts) if options.quick and not options.rounds else parts


def _is_present(spec: Spec) -> bool:
    """Whether a column can be measured. A package in a directory of its own is only found once it is loaded."""
    return bool(spec.directory) or spec.is_installed()


def _chosen_parts(options: argparse.Namespace) -> list[Part]:
    """The parts with rows and columns, whether these can be measured or not."""
    cores = Cores(server=options.core, client=options.client_core)
    parts, known = [], []
    for suite in _chosen_suites(options.suite):
        settings = Settings(effort=_effort(suite, options), cores=cores, load=options.load)
        entries, specs = _chosen_rows(suite.entries(), options), specs_of(suite, options)
        known += [entry.name for entry in suite.entries()]
        if entries and specs:
            parts.append(Part(suite=suite, entries=entries, specs=specs, settings=settings))
    for pattern in options.rows or []:
        if not any(fnmatch.fnmatch(name, pattern) for name in known):
            refuse(f"--rows: expected names of `{COMMAND} --list`, not {pattern!r}")
    return parts


def _shortened(parts: list[Part]) -> list[Part]:
    """Return the parts with fewer rounds, if many loops would take longer than a first look may."""
    while sum(part.planned_s for part in parts) > QUICK_PLAN_S:
        efforts = [part.settings.effort for part in parts]
        if all(effort.rounds <= QUICK_ROUNDS_AT_LEAST for effort in efforts):
            break
        parts = [_with_a_round_less(part) for part in parts]
    return parts


def _with_a_round_less(part: Part) -> Part:
    rounds = max(QUICK_ROUNDS_AT_LEAST, part.settings.effort.rounds - 1)
    effort = dataclasses.replace(part.settings.effort, rounds=rounds)
    return dataclasses.replace(part, settings=dataclasses.replace(part.settings, effort=effort))


def _effort(suite: Suite, options: argparse.Namespace) -> Effort:
    usual = suite.effort(is_quick=options.quick)
    sample_s = options.sample_ms / MS_PER_S if options.sample_ms else usual.sample_s
    return Effort(rounds=options.rounds or usual.rounds, sample_s=sample_s)


def _chosen_suites(names: Sequence[str] | None) -> list[Suite]:
    every = suites()
    return [suite for suite in every if not names or suite.name in names]


def _chosen_rows(entries: Iterable[Entry], options: argparse.Namespace) -> list[Entry]:
    """Select rows by name, or those of a first look, or all."""
    if options.rows:
        return [entry for entry in entries if any(fnmatch.fnmatch(entry.name, one) for one in options.rows)]
    return [entry for entry in entries if entry.is_quick or not options.quick]


def _list(options: argparse.Namespace) -> None:
    for suite in _chosen_suites(options.suite):
        entries = _chosen_rows(suite.entries(), options)
        if entries:
            _print([f"{suite.name}: {suite.title}", *(f"  {entry.name:23}{entry.title}" for entry in entries)])
    for kind, installed, known in (("loops", default_specs(), FACTORIES), ("servers", server_specs(None), SERVERS)):
        _print([f"{kind} that are installed: {', '.join(spec.text for spec in installed)}; known: {', '.join(known)}"])


def _show(run: Run, options: argparse.Namespace) -> None:
    """Print the table, and write every file that was asked for."""
    _print(page.lines(run, with_details=options.details))
    if options.json is not None:
        try:
            results.write(run, options.json, derived=figures.derived(run))
        except OSError as error:
            refuse(f"--json: {str(options.json)!r} was not written: {error.strerror}")
        print(f"written: {options.json}")
    if options.plot is not None:
        from vitok_bench import plot

        plot.draw(run, options.plot)
        print(f"drawn: {options.plot}")


def _print(lines: Iterable[str]) -> None:
    """Write to standard output, and nothing more once its reader has left, as in `vitok bench --list | head`."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        # Python flushes once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
