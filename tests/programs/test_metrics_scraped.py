"""The metrics of `vitok serve`, read with Prometheus' own parsers in both formats, and checked by promtool.

The values are tested in tests/http.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from metrics_support import page, url_of
from needs import need_library
from served import serving
from support import PROJECT

pytestmark = pytest.mark.vitok_only

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
DEPLOY = Path(PROJECT, "deploy", "prometheus")
# What stands in the first column of the table in docs/serve/metrics.md.
NAMED = re.compile(r"`((?:vitok|process)_\w+)")


def documented() -> set[str]:
    """The names of the metrics in docs/serve/metrics.md, as they are in samples."""
    text = Path(PROJECT, "docs", "serve", "metrics.md").read_text()
    table = text.partition("| Metric | Type |")[2].partition("\n\n")[0]
    return {name for line in table.splitlines() for name in NAMED.findall(line.split("|")[1])}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_both_formats_are_read(workers: str) -> None:
    """Both have the same metrics, and docs/serve/metrics.md names each."""
    need_library("prometheus_client")
    from prometheus_client import parser
    from prometheus_client.openmetrics import parser as openmetrics_parser

    with serving("--metrics", "127.0.0.1:0", "--workers", workers) as served:
        url = url_of(served)
        served.get("/status/404")
        text = list(parser.text_string_to_metric_families(page(url)[1]))
        strict = list(openmetrics_parser.text_string_to_metric_families(page(url, accept=OPENMETRICS)[1]))
    assert [(one.name, one.type, one.documentation) for one in text] == [
        (one.name, one.type, one.documentation) for one in strict
    ]
    names = {f"{one.name}_total" if one.type == "counter" else one.name for one in strict}
    expected = documented() - (set() if workers == "2" else {"vitok_worker_restarts_total"})
    assert names == expected
    assert all(one.documentation.endswith(".") for one in strict)
    units = {one.name: one.unit for one in strict if one.unit}
    assert all(name.endswith(f"_{unit}") for name, unit in units.items())
    assert {"seconds", "bytes"} == set(units.values())


def test_alerts_name_metrics_that_exist() -> None:
    """Each name in deploy/prometheus/alerts.yml is that of a metric."""
    named = set(re.findall(r"\b(?:vitok|process)_\w+", (DEPLOY / "alerts.yml").read_text()))
    assert "vitok_workers_expected" in named
    assert {name.removesuffix("_bucket") for name in named} <= documented()


def promtool() -> str:
    """Prometheus' own tool, which need not be there."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is missing (Debian: apt install prometheus)")
    return found


def checked(*words: str | Path, given: str | None = None) -> str:
    """Run promtool, which has to find nothing, and return what it says."""
    done = subprocess.run([promtool(), *words], input=given, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_promtool_accepts_the_files_of_deploy() -> None:
    """The configuration, and the alerts."""
    assert "SUCCESS" in checked("check", "config", DEPLOY / "prometheus.yml")
    assert "8 rules found" in checked("check", "rules", DEPLOY / "alerts.yml")


def test_promtool_finds_nothing() -> None:
    """It has nothing to say about names, types and help texts."""
    promtool()
    with serving("--metrics", "127.0.0.1:0", "--workers", "2") as served:
        text = page(url_of(served))[1]
    checked("check", "metrics", given=text)
