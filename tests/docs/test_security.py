"""docs/security.md names tests for what it says of the server, and each of them exists."""

import re

import pytest
from support import PROJECT

pytestmark = pytest.mark.vitok_only


def test_named_tests_exist() -> None:
    """Each path and each name of a file of tests is that of a file."""
    page = (PROJECT / "docs" / "security.md").read_text()
    named = re.findall(r"`(?:tests/)?((?:[\w-]+/)*test_\w+\.py)`", page)
    assert len(named) > 10
    missing = [name for name in named if not (PROJECT / "tests" / "http" / name.rpartition("/")[2]).exists()]
    assert not missing
