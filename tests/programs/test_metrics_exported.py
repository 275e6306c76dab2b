"""The examples that export the metrics of a loop: what Prometheus scrapes, and what OpenTelemetry exports.

Neither library is a dependency of vitok.
"""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from needs import need_library
from support import PROJECT, next_line, python_child

pytestmark = pytest.mark.vitok_only
EXAMPLES = PROJECT / "examples"
NAME = "metrics_prometheus.py"


def test_prometheus_scrapes_a_loop() -> None:
    """Counts grow from scrape to scrape, lengths and transports are there."""
    need_library("prometheus_client")
    with python_child(EXAMPLES / NAME, "0") as child:
        url = next_line(child)
        first, second = scraped(url), scraped(url)
    assert first["vitok_turns_total"] > 0
    assert second["vitok_measured_seconds_total"] > first["vitok_measured_seconds_total"]
    assert second["vitok_tasks"] == 1
    assert second['vitok_transports{kind="stream"}'] == 0
    assert "vitok_longest_callback" in second


def scraped(url: str) -> dict[str, float]:
    """Return the values by name and labels."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_opentelemetry_exports_a_loop() -> None:
    """Each export has each number once, with its unit, and a value for each kind of transport."""
    need_library("opentelemetry.sdk")
    with python_child(Path(EXAMPLES, "metrics_opentelemetry.py")) as child:
        exported: Any = json.loads(next_line(child))
    [resource] = exported["resource_metrics"]
    [scope] = [scope for scope in resource["scope_metrics"] if scope["scope"]["name"] == "vitok"]
    metrics = {metric["name"]: metric for metric in scope["metrics"]}
    assert metrics["vitok.turns"]["data"]["data_points"][0]["value"] > 0
    assert metrics["vitok.callback_seconds"]["unit"] == "s"
    assert metrics["vitok.tasks"]["data"]["data_points"][0]["value"] == 1
    kinds = {point["attributes"]["kind"] for point in metrics["vitok.transports"]["data"]["data_points"]}
    assert kinds == {"stream", "tls", "datagram", "read_pipe", "write_pipe"}
