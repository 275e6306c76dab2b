"""Measures what moving bytes costs on each loop, and what of it the loop adds to the system calls.

The command line: chooses loops, rows and durations, and hands over to the harness and the report. The clients and the
raw servers are `vitok-load`, built by `cargo build --release -p vitok-load`. See README.md for how to read what it
prints.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

import cell
import command
import machine
import syscalls
from cell import Cores
from harness import default_core
from stream_harness import RAW, Bench, StreamResult, StreamSettings
from stream_report import StreamReport
from stream_rows import QUICK_SUFFIX, StreamRow, rows

# Nine bring the median of a ratio above raw to a few per cent on a noisy virtual machine; three are for a first look.
ROUNDS: Final = 9
QUICK_ROUNDS: Final = 3
# Some tens of thousands of round trips; short enough that neighbours in a round see the same machine.
SAMPLE_MS: Final = 400
QUICK_SAMPLE_MS: Final = 200
MS_PER_S: Final = 1000


def main() -> None:
    options = parse(sys.argv[1:])
    chosen = _choose(options)
    if options.list:
        print("\n".join(f"{row.name:23}{row.title}" for row in chosen))
        return
    bench = Bench(options.loops, binary=_binary(options), cores=Cores(server=options.core, client=options.client_core))
    if options.syscalls:
        for line in syscalls.count(bench, chosen):
            print(line, flush=True)
        return
    report = _report(tuple(_measure(bench, row, options.settings) for row in chosen), bench, options)
    print("\n".join(report.lines()))
    if options.json is not None:
        report.write_json(options.json)
        print(f"written to {options.json.name}")


def _choose(options: argparse.Namespace) -> list[StreamRow]:
    """The rows that are asked for by name; else those of a first look, of a count of calls, or all."""
    if options.rows:
        return command.matching(rows(), options.rows)
    if options.syscalls:
        return command.matching(rows(), f"echo_*{QUICK_SUFFIX}")
    return [row for row in rows() if row.is_quick or not options.quick]


def _measure(bench: Bench, row: StreamRow, settings: StreamSettings) -> StreamResult:
    if sys.stderr.isatty():
        print(f"\r{row.name:40}", end="\r", file=sys.stderr, flush=True)
    return bench.measure(row, settings)


def _binary(options: argparse.Namespace) -> Path:
    found: Path | None = options.load or cell.load_generator()
    if found is None:
        sys.exit("the load generator is not built: cargo build --release -p vitok-load")
    return found


def _report(results: tuple[StreamResult, ...], bench: Bench, options: argparse.Namespace) -> StreamReport:
    versions = {module: version for result in results for module, version in result.versions.items()}
    described = machine.describe(versions, script="streams.py", core=options.core)
    return StreamReport(
        machine=described | {"client_core": options.client_core},
        settings=options.settings,
        columns=tuple(bench.columns),
        subject=options.subject,
        results=results,
    )


def _default_client_core() -> int | None:
    """The last core but the server's; None where there is one core or processes can't be pinned."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    return max(os.sched_getaffinity(0) - {default_core()}, default=None)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options, with loops as specifications and durations as settings."""
    parser = command.parser(__doc__.splitlines()[0], results_name="streams")
    parser.add_argument("--rounds", type=int, help=f"samples per loop and row (default: {ROUNDS})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} short rounds of a few rows")
    parser.add_argument("--sample-ms", type=int, help=f"length of a sample (default: {SAMPLE_MS})")
    parser.add_argument("--core", type=int, default=default_core(), help="pin the servers to it (default: the last)")
    parser.add_argument(
        "--client-core", type=int, default=_default_client_core(), help="pin the clients to it (default: another)"
    )
    parser.add_argument("--load", type=Path, help="the load generator (default: where cargo builds it)")
    parser.add_argument("--syscalls", action="store_true", help="count system calls instead of time; needs strace")
    options = parser.parse_args(arguments)
    # The raw server is in every run; naming it is no mistake.
    names = [name for name in options.loops.split(",") if name != RAW]
    options.loops = command.loops_of(parser, ",".join(names)) if names else []
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    sample_ms = options.sample_ms or (QUICK_SAMPLE_MS if options.quick else SAMPLE_MS)
    options.settings = StreamSettings(rounds=rounds, sample_s=sample_ms / MS_PER_S)
    return options


if __name__ == "__main__":
    main()
