"""Runs that nobody has measured, for tests of what is computed, printed and drawn."""

from __future__ import annotations

from typing import Any

from vitok_bench import machine
from vitok_bench.results import Column, Row, Run, SuiteResult


def made_row(**costs: list[float]) -> Row:
    columns = {
        name: Column(costs=tuple(map(float, values)), walls_ns=tuple(map(float, values)))
        for name, values in costs.items()
    }
    return Row(name="row", title="a row", columns=columns)


def made_suite(*rows: Row, **fields: Any) -> SuiteResult:  # noqa: ANN401 (whatever the suite has)
    return SuiteResult(name="suite", title="rows", method="made up", rounds=3, rows=rows, **fields)


def made_run(*rows: Row, **fields: Any) -> Run:  # noqa: ANN401 (whatever the suite has)
    names = dict.fromkeys(name for row in rows for name in row.columns if name != "raw")
    return Run(
        machine=machine.describe(command="vitok bench", core=None),
        subject="vitok",
        versions=dict.fromkeys(names, "1.0"),
        suites=(made_suite(*rows, **fields),),
    )
