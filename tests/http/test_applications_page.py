"""The recipe of an application without a framework in docs/how-to/index.md: its code runs."""

import re
from pathlib import Path
from typing import Any

import pytest
import vitok.http
import vitok.http.testing
from support import PROJECT

pytestmark = pytest.mark.vitok_only

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_code_of_the_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of the recipe make one application, and its test passes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    page = (PROJECT / "docs" / "how-to" / "index.md").read_text()
    section = page.partition("## An application without a framework\n")[2].partition("\n## ")[0]
    names = run(BLOCK.findall(section))
    names["test_index"]()
    with vitok.http.testing.TestClient(names["app"]) as client:
        assert client.get("/slow").text == "done\n"
        assert client.post("/files", files={"file": ("a.txt", b"content", "text/plain")}).status == 303
        assert client.get("/files/a.txt").content == b"content"
        assert client.post("/files", files={"file": ("", b"", "text/plain")}).status == 422
        assert client.get("/files/..%2Fa.txt").status == 404
        with client.stream("GET", "/clock") as response:
            assert re.fullmatch(r"\d+-.*", next(response.iter_events()).data)


def run(blocks: list[str]) -> dict[str, Any]:
    """Run blocks of code in one module, and return its names."""
    assert blocks
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, "<page>", "exec"), names)
    return names
