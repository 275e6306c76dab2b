"""Measures what scheduling costs on each loop, all loops in one run.

The command line: chooses loops, rows and durations, and hands over to the harness and the report.
See README.md for how to read what it prints.
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

import command
import machine
from harness import Fleet, RowResult, Settings, default_core
from report import Report
from row import Row
from rows import rows

# Fifteen rounds bring the median of the ratios to about 1 % on a noisy virtual machine; five are for a first look.
ROUNDS: Final = 15
QUICK_ROUNDS: Final = 5
# Long against the tick of the scheduler (4 ms), short enough that neighbours in a round see the same machine.
SAMPLE_MS: Final = 75
QUICK_SAMPLE_MS: Final = 20


def main() -> None:
    options = parse(sys.argv[1:])
    chosen = _choose(options.rows or "*")
    if options.list:
        print("\n".join(f"{row.name:18}{row.title}" for row in chosen))
        return
    fleet = Fleet(options.loops, rows_module="rows", core=options.core)
    try:
        results = tuple(_measure(fleet, row, options.settings) for row in chosen)
    finally:
        fleet.close()
    report = _report(fleet, results, options)
    print("\n".join(report.lines()))
    if options.json is not None:
        report.write_json(options.json)
        print(f"written to {options.json.name}")


def _choose(patterns: str) -> list[Row]:
    """The rows of this Python whose name matches one of the comma-separated patterns."""
    return [row for row in command.matching(rows(), patterns) if sys.version_info >= row.since]


def _measure(fleet: Fleet, row: Row, settings: Settings) -> RowResult:
    if sys.stderr.isatty():
        print(f"\r{row.name:40}", end="\r", file=sys.stderr, flush=True)
    return fleet.measure(row, settings)


def _report(fleet: Fleet, results: tuple[RowResult, ...], options: argparse.Namespace) -> Report:
    versions = {worker.module: worker.version for worker in fleet.workers.values()}
    return Report(
        machine=machine.describe(versions, script="scheduling.py", core=options.core),
        settings=options.settings,
        loops=tuple(fleet.workers),
        subject=options.subject,
        missing={name: error.reason for name, error in fleet.missing.items()},
        results=results,
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options, with loops as specifications and durations as settings."""
    parser = command.parser(__doc__.splitlines()[0], results_name="scheduling")
    parser.add_argument("--rounds", type=int, help=f"samples per loop and row (default: {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds of shorter samples")
    parser.add_argument("--core", type=int, default=default_core(), help="pin the workers to it (default: the last)")
    options = parser.parse_args(arguments)
    options.loops = command.loops_of(parser, options.loops)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    sample_ms = QUICK_SAMPLE_MS if options.quick else SAMPLE_MS
    options.settings = Settings(rounds=rounds, sample_ns=sample_ms * 1_000_000)
    return options


if __name__ == "__main__":
    main()
