"""The pages of docs/how-to/: each ends with how to see which loop runs, and the index has all of them."""

import re

import pytest
from support import PROJECT

FOLDER = PROJECT / "docs" / "how-to"
PAGES = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "index.md")
# A heading outside of blocks of code: comments in those begin with one sign, and headings below the title with two.
HEADING = re.compile(r"^## (.*)$", re.MULTILINE)

pytestmark = pytest.mark.vitok_only


@pytest.mark.parametrize("name", PAGES)
def test_a_page_ends_with_how_to_see_that_it_took(name: str) -> None:
    """Issue 17, item 5."""
    assert HEADING.findall((FOLDER / name).read_text())[-1] == "See that it took"


def test_the_index_has_all_pages() -> None:
    """Issue 17, item 5: a row or a line for each page, and no other page."""
    linked = re.findall(r"\]\((\w+\.md)\)", (FOLDER / "index.md").read_text())
    assert sorted(linked) == PAGES
