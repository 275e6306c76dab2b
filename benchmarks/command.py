"""What the commands of the benchmarks have in common: choosing rows by name, loops by their specification, the file.

Knows command lines; does not know what a row is, beyond that it has a name.
"""

from __future__ import annotations

import argparse
import fnmatch
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

from loops import FACTORIES, SUBJECT, LoopSpec

RESULTS: Final = Path(__file__).with_name("results")


class Named(Protocol):
    """A row, as far as choosing goes."""

    @property
    def name(self) -> str: ...


NamedRow = TypeVar("NamedRow", bound=Named)


def matching(known: Sequence[NamedRow], patterns: str) -> list[NamedRow]:
    """The rows whose name matches one of the patterns, in the order of the table; leaves where a pattern has none."""
    found = {}
    for pattern in patterns.split(","):
        rows = [row for row in known if fnmatch.fnmatch(row.name, pattern)]
        if not rows:
            sys.exit(f"no row {pattern!r}; known are {', '.join(row.name for row in known)}")
        found.update({row.name: row for row in rows})
    return [row for row in known if row.name in found]


def parser(description: str, *, results_name: str) -> argparse.ArgumentParser:
    """A parser with the options that every command has."""
    made = argparse.ArgumentParser(description=description)
    everything = ",".join(FACTORIES)
    made.add_argument("--loops", default=everything, help=f"comma-separated (default: {everything})")
    made.add_argument("--rows", help="comma-separated names or patterns (default: all)")
    made.add_argument("--subject", default=SUBJECT, help="the loop that the others are peers of")
    made.add_argument("--list", action="store_true", help="print the rows and leave")
    version = "".join(platform.python_version_tuple()[:2])
    file = RESULTS / f"{results_name}-{version}.json"
    made.add_argument("--json", type=Path, nargs="?", const=file, help="write a file; in results/ without a name")
    return made


def loops_of(made: argparse.ArgumentParser, text: str) -> list[LoopSpec]:
    """The loops of `--loops`; leaves with the usage where one is unknown."""
    try:
        return [LoopSpec.parse(name) for name in text.split(",")]
    except ValueError as error:
        made.error(str(error))
