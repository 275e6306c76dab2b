"""The command: the tests, the loop, the number of processes, and the exit status.

Exit status 0: every test passed, was skipped or has a reason. 1: another outcome, or an outdated reason. 2: the run
could not start. Each step is in a module of its own; this one has their order.
"""

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import catalogue, chosen_loop, counts, engines, fork_server, report, verdict
from .outcome import Outcome, Result
from .reasons import REASONS

DEFAULT_LOOP = "vitok:new_event_loop"
CONTROL_LOOP = "asyncio:SelectorEventLoop"
# CPython's tests give up on their own after test.support.SHORT_TIMEOUT, 30 s, and then say what they waited for; twice
# that lets them say it, and ends only what can say nothing.
TIMEOUT_SECONDS = 60.0
# A test that failed beside others is given a second try alone, because CPython's tests measure time and choose ports
# on a machine that they think is theirs. More failures than this are no bad luck.
SECOND_TRIES = 20


def main(arguments: list[str]) -> int:
    """Run the command line; the exit status."""
    options = parse(arguments)
    # Whoever ends this run ends its tests, which are in sessions of their own and would hear nothing of it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    try:
        chosen = chosen_loop.put_in_place(options.loop)
        resources_off()
        found = catalogue.find_cases(chosen.factory, chosen.package)
    except chosen_loop.UnknownLoopError as error:
        return refuse(f"conformance: {error}")
    except ModuleNotFoundError as error:
        if error.name is None or not catalogue.PACKAGE.startswith(error.name.partition(".")[0]):
            raise
        return refuse(catalogue.how_to_install())
    cases = select(found.cases, options)
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    if not cases:
        return refuse("conformance: no test is named so")
    return run(cases, found, chosen, options)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="conformance", description="Run CPython's own event loop tests on a loop.")
    parser.add_argument("--loop", default=DEFAULT_LOOP, metavar="MODULE:FACTORY", help="default: %(default)s")
    parser.add_argument("--only", action="append", default=[], metavar="SUBSTRING", help="tests named so (repeatable)")
    parser.add_argument("--exactly", type=Path, metavar="FILE", help="tests whose full names stand in the file")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="tests at a time; default: %(default)s")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, metavar="SECONDS", help="for each test")
    parser.add_argument("--control", action="store_true", help=f"run what did not pass on {CONTROL_LOOP} too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every result there")
    parser.add_argument("--counts", type=Path, metavar="FILE", help="write the counts of a complete run there")
    parser.add_argument("--verbose", action="store_true", help="show tracebacks and output of what did not pass")
    parser.add_argument("--list", action="store_true", help="name the tests and run none")
    return parser.parse_args(arguments)


def refuse(line: str) -> int:
    """Say in one line why nothing runs."""
    print(line, file=sys.stderr)
    return 2


def resources_off() -> None:
    """Allow no network but the machine itself, no display and no sound, which is regrtest without -u."""
    support: Any = importlib.import_module("test.support")
    support.use_resources = {}
    support.verbose = False


def select(cases: list[catalogue.Case], options: argparse.Namespace) -> list[catalogue.Case]:
    """The tests that were asked for."""
    if options.exactly:
        names = set(options.exactly.read_text().splitlines())
        cases = [case for case in cases if case.name in names]
    if options.only:
        cases = [case for case in cases if any(part in case.name for part in options.only)]
    return cases


def run(
    cases: list[catalogue.Case],
    found: catalogue.Catalogue,
    chosen: chosen_loop.ChosenLoop,
    options: argparse.Namespace,
) -> int:
    """Run, print and judge."""
    report.print_header(chosen, len(cases), options.jobs)
    results = run_twice(cases, chosen, options)
    judged = verdict.judge(results, REASONS, package=chosen.package, is_complete=len(cases) == len(found.cases))
    report.print_table(results)
    report.print_lists(judged, found.missing, verbose=options.verbose)
    if options.control:
        report.print_control(run_control(results, options))
    if options.json:
        options.json.write_text(json.dumps([result.to_json() for result in results], indent=1) + "\n")
    if options.counts:
        record_counts(judged, options.counts, chosen, is_complete=len(cases) == len(found.cases))
    report.print_summary(judged)
    return 0 if judged.is_good else 1


def record_counts(judged: verdict.Verdict, file: Path, chosen: chosen_loop.ChosenLoop, *, is_complete: bool) -> None:
    """Write the counts for the documentation, unless they would say less or something else than a good run does."""
    if is_complete and judged.is_good:
        counts.record(file, judged, package=chosen.package)
    else:
        print(f"\nThe counts are not written to {file}: only those of a complete and good run are.")


def run_twice(cases: list[catalogue.Case], chosen: chosen_loop.ChosenLoop, options: argparse.Namespace) -> list[Result]:
    """Run all, then alone those that failed; hangs and crashes are no matter of timing and get no second try."""
    progress = report.Progress([case.group for case in cases])
    results: dict[str, Result] = {}
    limits = {"timeout": options.timeout, "known_to_hang": known_to_hang(cases, chosen)}
    # Closed by name, so that Ctrl-C ends the tests which run.
    with contextlib.closing(fork_server.run_cases(cases, chosen, jobs=options.jobs, **limits)) as first:
        for result in first:
            results[result.case] = result
            progress.add(result)
    failed = [case for case in cases if results[case.name].outcome is Outcome.FAILED]
    if len(failed) <= SECOND_TRIES:
        with contextlib.closing(fork_server.run_cases(failed, chosen, jobs=1, timeout=options.timeout)) as second:
            for result in second:
                results[result.case] = dataclasses.replace(result, first_failure=results[result.case].detail)
    return [results[case.name] for case in cases]


def known_to_hang(cases: list[catalogue.Case], chosen: chosen_loop.ChosenLoop) -> set[str]:
    """The tests of which a reason says that they hang."""
    reasons = [reason for reason in REASONS if reason.outcome is Outcome.HUNG and reason.applies_to(chosen.package)]
    return {case.name for case in cases if any(reason.names(case.name) for reason in reasons)}


def run_control(results: list[Result], options: argparse.Namespace) -> list[Result]:
    """Run what did not pass on asyncio's own loop, in an interpreter where no other loop was put in place."""
    failed = [result.case for result in results if not result.outcome.is_fine]
    names = list(dict.fromkeys(map(engines.without_engine, failed)))
    if not names:
        return []
    with tempfile.TemporaryDirectory() as folder:
        wanted, written = Path(folder, "names"), Path(folder, "results")
        wanted.write_text("\n".join(names))
        command = [sys.executable, str(Path(__file__).parent), "--loop", CONTROL_LOOP, "--exactly", str(wanted)]
        command += ["--json", str(written), "--jobs", str(options.jobs), "--timeout", str(options.timeout)]
        # Its exit status only says that something failed there too, which is what its results are read for.
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        return [Result.from_json(data) for data in json.loads(written.read_text())]
