"""The text of metrics in both formats, to the letter, and the choice of the format.

tests/programs/test_metrics_scraped.py reads whole texts with Prometheus' own parser.
"""

import pytest
from vitok.http.exposition import OPENMETRICS, TEXT, Family, Histogram, chosen, rendered

pytestmark = pytest.mark.vitok_only

# What Prometheus 3 sends by default, and what it sends of old.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def text(*families: Family, media_type: str = TEXT) -> list[str]:
    """The lines."""
    return rendered(families, media_type).decode().splitlines()


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html, */*;q=0.1", TEXT),
        ("application/json", TEXT),
        ("text/plain", TEXT),
        ("application/*", TEXT),
        (PROMETHEUS, OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("Application/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("application/openmetrics-text, text/plain", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", TEXT),
        ("application/openmetrics-text;version=2.0.0, */*", TEXT),
        ("application/openmetrics-text;q=0.5, text/plain;version=0.0.4", TEXT),
        ("application/openmetrics-text;q=0.5, text/plain;version=0.0.4;q=0.4", OPENMETRICS),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;q=many", TEXT),
        ("application/openmetrics-text;q=7", TEXT),
        (";,;=,,q=1", TEXT),
    ],
)
def test_the_client_chooses_the_format(accept: str | None, expected: str) -> None:
    """OpenMetrics is for clients that name its version, or none, and prefer nothing else that there is."""
    assert chosen(accept) == expected


def test_a_counter() -> None:
    """Its samples end with `_total` in both formats, its name only in the older one."""
    family = Family("bytes", "counter", "All bytes.", {"": 7}, unit="bytes")
    assert text(family) == ["# HELP bytes_total All bytes.", "# TYPE bytes_total counter", "bytes_total 7"]
    assert text(family, media_type=OPENMETRICS) == [
        "# HELP bytes All bytes.",
        "# TYPE bytes counter",
        "# UNIT bytes bytes",
        "bytes_total 7",
        "# EOF",
    ]


def test_a_gauge_by_labels() -> None:
    """One line for each value of the label, escaped."""
    family = Family("open", "gauge", "Open.", {"a": 1, 'b"\\\n': 2.5}, "kind")
    assert text(family)[2:] == ['open{kind="a"} 1', 'open{kind="b\\"\\\\\\n"} 2.5']


def test_a_help_text_is_escaped() -> None:
    """A line feed ends no line; quotation marks are escaped in OpenMetrics only."""
    family = Family("open", "gauge", 'a\n"b"\\', {"": 0})
    assert text(family)[0] == '# HELP open a\\n"b"\\\\'
    assert text(family, media_type=OPENMETRICS)[0] == '# HELP open a\\n\\"b\\"\\\\'


@pytest.mark.parametrize("media_type", [TEXT, OPENMETRICS])
def test_a_histogram(media_type: str) -> None:
    """Its buckets count everything up to their bound, and the last one everything."""
    family = Family("seconds", "histogram", "Times.", {"": Histogram((0.5, 1), (2, 0, 3), 9.25)}, unit="seconds")
    lines = [line for line in text(family, media_type=media_type) if not line.startswith("#")]
    assert lines == [
        'seconds_bucket{le="0.5"} 2',
        'seconds_bucket{le="1.0"} 2',
        'seconds_bucket{le="+Inf"} 5',
        "seconds_sum 9.25",
        "seconds_count 5",
    ]


def test_a_histogram_with_labels() -> None:
    """The label stands in each of its lines."""
    family = Family("seconds", "histogram", "Times.", {"x": Histogram((1.0,), (1, 0), 0.5)}, "kind")
    assert text(family)[2:] == [
        'seconds_bucket{kind="x",le="1.0"} 1',
        'seconds_bucket{kind="x",le="+Inf"} 1',
        'seconds_sum{kind="x"} 0.5',
        'seconds_count{kind="x"} 1',
    ]


def test_a_metric_without_values_is_left_out() -> None:
    """Not even its help is there, and an empty text is valid."""
    assert text(Family("open", "gauge", "Open.", {})) == []
    assert text(Family("open", "gauge", "Open.", {}), media_type=OPENMETRICS) == ["# EOF"]


def test_large_and_small_numbers_are_exact() -> None:
    """Integers have all their digits, and others as many as they need."""
    values = {"a": 2**63, "b": 1e-09, "c": 1796037330.0905294, "d": 1e300}
    lines = text(Family("open", "gauge", "Open.", values, "kind"))[2:]
    assert [line.split()[1] for line in lines] == ["9223372036854775808", "1e-09", "1796037330.0905294", "1e+300"]
