"""docs/applications.md and the recipe in docs/how-to/index.md: the reference is that of the code, and all code runs."""

import re
from pathlib import Path
from typing import Any

import applications_reference
import pytest
import vitok.http
import vitok.http.testing
from support import PROJECT

pytestmark = pytest.mark.vitok_only

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_reference_is_that_of_the_code() -> None:
    assert applications_reference.difference() == "", "run python tests/http/applications_reference.py"


def test_the_reference_is_complete() -> None:
    """Everything that the modules export is there, but what docs/serve/index.md has, and two classes to be awaited."""
    serving = {"LifespanError", "Server", "WorkersError", "serve"}
    awaited = {"AsyncStreamedResponse", "AsyncTestWebSocket"}
    assert set(applications_reference.PUBLIC["vitok.http"]) == set(vitok.http.__all__) - serving
    assert set(applications_reference.PUBLIC["vitok.http.testing"]) == set(vitok.http.testing.__all__) - awaited


def test_everything_has_a_docstring() -> None:
    """No class, function or method of the reference goes without a sentence."""
    assert list(applications_reference.without_docstring()) == []


def test_code_of_the_page() -> None:
    """The blocks before the reference make one application."""
    before, _, _ = applications_reference.parts()
    names = run(BLOCK.findall(before))
    with vitok.http.testing.TestClient(names["app"]) as client:
        answer = client.get("/users/3?q=x")
        assert answer.json() == {"id": 3, "q": "x"}
        assert (answer.headers["server-timing"], answer.headers["x-served-by"]) == ("app", "notes")
        assert client.get("/users/3", headers={"x-locked": "1"}).status == 503


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
