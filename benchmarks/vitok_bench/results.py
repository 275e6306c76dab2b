"""The results of a run, the same for every suite, and their form as JSON.

The suites measure them, `figures.py` interprets them, and `page.py` and `plot.py` show them. Only the rounds are read
back from a file: figures computed from them are in it for readers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

# Incremented when an old file can no longer be read.
FORMAT: Final = 1

# CPU time or waiting, in ns; memory, in bytes.
Kind = Literal["cpu", "wait", "memory"]
UNITS: Final[Mapping[Kind, str]] = {"cpu": "ns of CPU", "wait": "ns of waiting", "memory": "bytes"}


class FormatError(Exception):
    """The file is not a run of `vitok bench`; the text is the reason."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One loop in one row: a figure for each round, or why there is none."""

    # Per operation, in the unit of the row.
    costs: tuple[float, ...] = ()
    # The wall-clock time of an operation, in ns; empty where it is not needed.
    walls_ns: tuple[float, ...] = ()
    # Further results of a suite: tails, events that were early, the load of the server.
    notes: Mapping[str, float] = field(default_factory=dict)
    # "n/a", "crash", "hang" or "wrong", and the reason in one line.
    status: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was measured on every loop, by loop."""

    name: str
    title: str
    kind: Kind = "cpu"
    operation: str = "operation"
    columns: Mapping[str, Column] = field(default_factory=dict)

    @property
    def measured(self) -> dict[str, Column]:
        """The loops that completed the row."""
        return {name: column for name, column in self.columns.items() if column.costs}


@dataclass(frozen=True, kw_only=True)
class SuiteResult:
    """The rows of one suite, and how they were measured."""

    name: str
    title: str
    # In words: rounds, samples, cores.
    method: str
    rounds: int
    # The column that does the same without any loop, if the suite has one.
    floor: str = ""
    # The column that ratios refer to; files of older runs have loops only.
    base: str = "asyncio"
    # Why a loop is in no row at all, by loop.
    missing: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Run:
    """A whole run."""

    machine: Mapping[str, Any]
    subject: str
    # The version of each loop.
    versions: Mapping[str, str]
    suites: tuple[SuiteResult, ...]

    @property
    def loops(self) -> list[str]:
        """Every loop that completed a row, in the order of the run."""
        seen = {name: None for suite in self.suites for row in suite.rows for name in row.measured}
        return [name for name in self.versions if name in seen]


def write(run: Run, path: Path, *, derived: Mapping[str, Any]) -> None:
    """Write the run, with the `derived` figures for readers."""
    document = {"format": FORMAT, "by": "vitok bench", **_as_json(run), "derived": derived}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def read(path: Path) -> Run:
    """Read a run. Raises FormatError."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise FormatError(f"{path.name}: {error.strerror}") from None
    except ValueError:
        raise FormatError(f"{path.name} is not JSON") from None
    if not isinstance(document, dict) or document.get("by") != "vitok bench":
        raise FormatError(f"{path.name} was not written by `vitok bench --json`")
    if document["format"] != FORMAT:
        raise FormatError(f"{path.name} has format {document['format']}, and {FORMAT} is read")
    return Run(
        machine=document["machine"],
        subject=document["subject"],
        versions=document["versions"],
        suites=tuple(map(_suite, document["suites"])),
    )


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "machine": run.machine,
        "subject": run.subject,
        "versions": run.versions,
        "suites": [
            {**_fields(suite, "rows"), "rows": [{**_fields(row, "columns"), **_columns(row)} for row in suite.rows]}
            for suite in run.suites
        ],
    }


def _fields(thing: SuiteResult | Row, left_out: str) -> dict[str, Any]:
    return {name: value for name, value in vars(thing).items() if name != left_out}


def _columns(row: Row) -> dict[str, Any]:
    kept = {name: {key: value for key, value in vars(column).items() if value} for name, column in row.columns.items()}
    return {"unit": f"{UNITS[row.kind]} per {row.operation}", "columns": kept}


def _suite(fields: dict[str, Any]) -> SuiteResult:
    return SuiteResult(**{**fields, "rows": tuple(map(_row, fields["rows"]))})


def _row(fields: dict[str, Any]) -> Row:
    columns = {name: _column(column) for name, column in fields["columns"].items()}
    return Row(**{key: value for key, value in fields.items() if key not in ("unit", "columns")}, columns=columns)


def _column(fields: dict[str, Any]) -> Column:
    rounds: dict[str, Any] = {key: tuple(fields.pop(key, ())) for key in ("costs", "walls_ns")}
    return Column(**rounds, **fields)
