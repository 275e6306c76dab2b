"""docs/compatibility.md: the counts are those of the runs, on each Python that is supported."""

import json
import re
import tomllib

import pytest
from conformance import counts
from support import PROJECT

pytestmark = pytest.mark.vitok_only


def test_counts_of_the_page_are_those_of_the_runs() -> None:
    found = json.loads(counts.FILE.read_text())
    assert counts.parts()[1] == counts.table(found), "run python -m tests.conformance.counts"


def test_each_supported_python_has_counts() -> None:
    """Each version of the package's classifiers has a run whose failures are all expected; 3.14 has two."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    found = json.loads(counts.FILE.read_text())
    assert [version for version in found if not version.endswith("t")] == supported
    assert [version for version in found if version.endswith("t")] == ["3.14t"]
    for version, entry in found.items():
        assert entry["python"].startswith(f"{version.rstrip('t')}.")
        assert entry["python"].endswith("t") == version.endswith("t")
        assert entry["failed"] == len(entry["expected"])
        assert entry["passed"] > 1900, "a run of all tests has more"
