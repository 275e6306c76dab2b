"""The benchmark of httptools' parsers: each row does the same on both modules, and one line tells the ratio.

No figure is tested.
"""

import importlib
import importlib.util
from typing import Any

import pytest
from vitok_bench import parsing

MODULES = [name for name in parsing.MODULES if name != "httptools" or importlib.util.find_spec(name)]


@pytest.mark.parametrize("row", parsing.ROWS)
def test_a_row_runs_as_often_as_asked(row: str) -> None:
    for name in MODULES:
        operation = parsing.ROWS[row](importlib.import_module(name))
        assert operation() == operation()


@pytest.mark.parametrize("name", MODULES)
def test_a_message_is_complete(name: str) -> None:
    module: Any = importlib.import_module(name)
    ends = []

    class Protocol(parsing.Protocol):
        def on_message_complete(self) -> None:
            ends.append(1)

    for data in (parsing.HOST, parsing.BROWSER, parsing.POST, parsing.CHUNKED):
        module.HttpRequestParser(Protocol()).feed_data(data)
    module.HttpResponseParser(Protocol()).feed_data(parsing.RESPONSE)
    assert len(ends) == 5


def test_a_line_has_the_ratio() -> None:
    line = parsing.line("request", {"httptools": [200, 400], "vitok.httptools": [100, 300]})
    assert line.split() == ["request", "300", "200", "0.62"]


def test_a_sample_takes_long_enough() -> None:
    assert parsing._number(lambda: None) > 1000
