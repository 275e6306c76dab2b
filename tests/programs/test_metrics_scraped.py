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
# What stands in the first column of the table in docs/serve.md.
NAMED = re.compile(r"`((?:vitok|process)_\w+)")


def documented() -> set[str]:
    """The names of the metrics in docs/serve.md, as they are in samples."""
    text = Path(PROJECT, "docs", "serve.md").read_text()
    table = text.partition("| Metric | Type |")[2].partition("\n\n")[0]
    return {name for line in table.splitlines() for name in NAMED.findall(line.split("|")[1])}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_both_formats_are_read(workers: str) -> None:
    """Both have the same metrics, and docs/serve.md names each."""
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


def test_promtool_finds_nothing() -> None:
    """Prometheus' own check of names, types and help texts has nothing to say."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing (Debian: apt install prometheus)")
    with serving("--metrics", "127.0.0.1:0", "--workers", "2") as served:
        text = page(url_of(served))[1]
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=20, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
