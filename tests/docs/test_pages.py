"""Every page of docs/, and README.md, from top to bottom, as somebody does who follows it.

tests/docs/README.md has the rules.
"""

import faulthandler
import os
from pathlib import Path

import pytest
from needs import MORE_REQUIRED
from page_blocks import blocks_of, other_test_of
from page_needs import needs_more
from page_runner import run_page
from support import PROJECT

DOCS = PROJECT / "docs"
PAGES = ["README.md", *sorted(str(path.relative_to(PROJECT)) for path in DOCS.rglob("*.md"))]
# Some pages start ten programs, and the machine may be busy.
SECONDS = 300

pytestmark = [pytest.mark.vitok_only, pytest.mark.timeout(SECONDS)]


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, tmp_path: Path) -> None:
    """The blocks of a page run, and what they write is what it shows."""
    # Each command has a limit of its own, and so does the test.
    faulthandler.cancel_dump_traceback_later()
    page = (PROJECT / name).read_text()
    if file := other_test_of(page):
        assert name in (PROJECT / file).read_text(), f"{name}: {file} does not name the page"
        return
    if os.environ.get(MORE_REQUIRED) == "1" and not needs_more(list(blocks_of(page))):
        pytest.skip("make test runs this page")
    if failure := failure_of(name, page, tmp_path):
        pytest.fail(failure, pytrace=False)


def failure_of(name: str, page: str, folder: Path) -> str:
    """Run a page, and return what is wrong with it, or nothing."""
    try:
        run_page(name, page, folder)
    except AssertionError as error:
        return str(error)
    return ""
