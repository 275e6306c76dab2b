"""Counts the instructions of an operation on each loop: a figure without noise.

It runs `counted.py` under valgrind's callgrind, which takes each row once with n operations and once with 2n; the
difference divided by n is the count of one operation, without start-up. The operations are in `rows.py` and
`round_trips.py`. Only user space is counted, so a system call costs next to nothing here: read the counts together with
the times.

Everything that would make two counts of the same code differ is removed: the clock, the state of the heap (both by
`steady.c`), the caller's environment and the seed of hashes.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from vitok_bench.counted import COUNT_LIMIT_S, countable
from vitok_bench.loops import SUBJECT, LoopSpec, default_specs
from vitok_bench.row import Row

# The time to start an interpreter under callgrind on a busy machine, in addition to that of each count.
START_LIMIT_S: Final = 120
# The variables of the caller's environment that are needed to find Python and its packages.
KEPT_VARIABLES: Final = ("HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "VIRTUAL_ENV")
# The seed of string hashes changes collisions in dictionaries.
ENVIRONMENT: Final = {"PYTHONHASHSEED": "0"}
NAME_WIDTH: Final = 18
FIGURE_WIDTH: Final = 10


class CountError(Exception):
    """There is no count; the text is the reason."""


def main() -> None:
    options = _parse(sys.argv[1:])
    require_tools()
    chosen = [row for row in countable() if any(fnmatch.fnmatch(row.name, pattern) for pattern in options.rows)]
    names, columns, notes = [], [], []
    for spec in options.loops:
        column, reasons = count_loop(spec, chosen)
        names.append(spec.text)
        columns.append(column)
        notes += [f"{spec.text}, {reason}" for reason in reasons]
    print("\n".join([*_table(chosen, dict(zip(names, columns, strict=True)), options.subject), *notes]))


def require_tools() -> None:
    """Exit if a tool is not installed."""
    for command, package in (("valgrind", "valgrind"), ("cc", "gcc")):
        if shutil.which(command) is None:
            sys.exit(f"{command} is not installed; on Debian and Ubuntu: apt-get install {package}")


def count_loop(spec: LoopSpec, chosen: Sequence[Row]) -> tuple[dict[str, float], list[str]]:
    """Return instructions per operation by name of the row, and why some rows have none."""
    # The first run of a row is discarded: it compiles modules that no earlier run has compiled.
    asked = [
        (row, operations)
        for row in chosen
        if row.counted is not None
        for operations in (row.batch, row.counted, 2 * row.counted)
    ]
    try:
        totals = _run_counted(spec, [f"{row.name}:{operations}" for row, operations in asked])
    except CountError as error:
        return {}, [f"all rows: {error}"]
    column, reasons = {}, []
    for (row, operations), once, twice in zip(asked[1::3], totals[1::3], totals[2::3], strict=True):
        if isinstance(once, int) and isinstance(twice, int):
            column[row.name] = (twice - once) / operations
        else:
            reasons.append(f"{row.name}: {once if isinstance(once, str) else twice}")
    return column, reasons


def _run_counted(spec: LoopSpec, asked: Sequence[str]) -> list[int | str]:
    """Return the instructions of each copy of the process, or its error; raises CountError if none ran."""
    with tempfile.TemporaryDirectory() as directory:
        # Valgrind replaces %p by the process id of the copy.
        valgrind = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={directory}/profile.%p"]
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment = kept | ENVIRONMENT | {"LD_PRELOAD": build_steady(directory)}
        limit_s = START_LIMIT_S + COUNT_LIMIT_S * len(asked)
        try:
            run = subprocess.run(
                [*valgrind, sys.executable, "-m", "vitok_bench.counted", spec.text, *asked],
                check=False,
                capture_output=True,
                env=environment,
                text=True,
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            raise CountError(f"no end in {limit_s} s") from None
        answers = run.stdout.splitlines()
        if len(answers) != len(asked):
            raise CountError(answers[0].removeprefix("- ") if answers else f"ended with {run.returncode}")
        return [_total(Path(directory), answer) for answer in answers]


def build_steady(directory: str) -> str:
    """Compile `steady.c`, and return the path of the library."""
    source, library = str(Path(__file__).with_name("steady.c")), f"{directory}/steady.so"
    # Otherwise the compiler replaces the body of calloc by a call of calloc.
    flags = ["-O2", "-fno-builtin", "-shared", "-fPIC"]
    build = subprocess.run(["cc", *flags, "-o", library, source], check=False, capture_output=True, text=True)
    if build.returncode != 0:
        reason = next(iter(build.stderr.splitlines()), "no reason given")
        raise CountError(f"{Path(source).name} can't be compiled: {reason}")
    return library


def _total(directory: Path, answer: str) -> int | str:
    process_id, _, words = answer.partition(" ")
    if process_id == "-":
        return words
    found = re.search(r"^totals: (\d+)", Path(directory, f"profile.{process_id}").read_text(), re.MULTILINE)
    return int(found[1]) if found else "callgrind wrote no total"


def _table(chosen: Sequence[Row], columns: dict[str, dict[str, float]], subject: str) -> Iterator[str]:
    yield "instructions per operation, in user space"
    names = "".join(f"{name[-FIGURE_WIDTH + 1 :]:>{FIGURE_WIDTH}}" for name in columns)
    yield f"{'':{NAME_WIDTH}}{names}  {subject} / best peer"
    for row in chosen:
        cells = "".join(f"{_cell(column.get(row.name)):>{FIGURE_WIDTH}}" for column in columns.values())
        counts = {name: column[row.name] for name, column in columns.items() if row.name in column}
        yield f"{row.name:{NAME_WIDTH}}{cells}  {_comparison(counts, subject)}".rstrip()


def _cell(count: float | None) -> str:
    return "n/a" if count is None else f"{count:.0f}"


def _comparison(counts: dict[str, float], subject: str) -> str:
    peers = {name: count for name, count in counts.items() if name != subject}
    if not peers:
        return ""
    best = min(peers, key=lambda name: peers[name])
    if subject not in counts:
        return f"best is {best}"
    return f"{counts[subject] / counts[best]:5.2f} {best}"


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = ",".join(spec.text for spec in default_specs())
    names = ",".join(row.name for row in countable())
    parser.add_argument("--loops", default=everything, help=f"comma-separated (default: {everything})")
    parser.add_argument("--rows", default="*", help=f"comma-separated names or patterns (default: {names})")
    parser.add_argument("--subject", default=SUBJECT, help="the loop that the others are compared with")
    options = parser.parse_args(arguments)
    options.rows = options.rows.split(",")
    try:
        options.loops = [LoopSpec.parse(text) for text in options.loops.split(",")]
    except ValueError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    main()
