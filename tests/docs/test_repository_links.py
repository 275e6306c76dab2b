"""Links from pages to files of the repository: each file is there. mkdocs checks the links between pages."""

import re
from pathlib import Path

import pytest
from support import PROJECT

pytestmark = pytest.mark.vitok_only

PAGES = [*sorted((PROJECT / "docs").rglob("*.md")), *sorted(PROJECT.glob("*.md"))]
# As addresses, since the files are not part of the site, and README is shown elsewhere.
LINK = re.compile(
    r"https://(?:github\.com/vitok-loop/vitok/(?:blob|tree|edit|raw)/main|raw\.githubusercontent\.com/vitok-loop/vitok/main)"
    r"/(?P<path>[^)\s\"'>#`]*)"
)
RELATIVE = re.compile(r"\]\((?P<path>(?!\w+:|#)[^)#\s]*)(?:#[^)\s]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_files_are_there(page: Path) -> None:
    """A link to a file or a folder of the main branch leads to one, and so does a relative link outside the site."""
    text = page.read_text()
    targets = [PROJECT / match["path"] for match in LINK.finditer(text)]
    if not page.is_relative_to(PROJECT / "docs"):
        targets += [page.parent / match["path"] for match in RELATIVE.finditer(text)]
    missing = [str(target.relative_to(PROJECT)) for target in targets if not target.exists()]
    assert not missing


def test_links_are_found() -> None:
    text = "[a](https://github.com/vitok-loop/vitok/blob/main/deploy/README.md#x), [b](examples/a.py#L1) [c](#here)"
    assert [match["path"] for match in LINK.finditer(text)] == ["deploy/README.md"]
    assert [match["path"] for match in RELATIVE.finditer(text)] == ["examples/a.py"]
