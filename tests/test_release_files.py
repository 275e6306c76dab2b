"""The files of a release: workflows, forms of issues, the citation, metadata, and the version in all of them.

GitHub and PyPI read them; here it is checked that they can, and that the workflows have no more rights than they need.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from needs import need_library
from support import CHILD_SECONDS, PROJECT

from tools import versions

pytestmark = pytest.mark.vitok_only

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
FORMS = [path for path in sorted((PROJECT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"]
# An action by the number of a commit, with its version beside it for readers.
PINNED = re.compile(r"[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
OWN = "$/.github/workflows/"
# Rights that a job may have beyond reading the code, and why: each workflow that asks for one is here.
RIGHTS = {
    ("release.yml", "publish"): {"id-token": "write"},
    ("site.yml", "deploy"): {"pages": "write", "id-token": "write"},
}
FIELDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def load(path: Path) -> Any:
    """The contents of a YAML file. Its parser takes the key `on` for a boolean."""
    need_library("yaml")
    import yaml

    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each job of each workflow, with their names."""
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            yield path.name, name, job


def test_there_are_workflows() -> None:
    """Those for tests, wheels, a release, the site and the dependencies."""
    assert [path.stem for path in WORKFLOWS] == ["dependencies", "release", "site", "tests", "wheels"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned(path: Path) -> None:
    """Each action is named by a commit: a tag can be moved by whoever takes over its repository."""
    for line in path.read_text(encoding="utf-8").splitlines():
        _, found, used = line.partition("uses: ")
        if found and not used.startswith(OWN):
            assert PINNED.fullmatch(used), line
        elif found:
            assert (path.parent / used.removeprefix(OWN)).is_file()


def test_a_tag_that_publishes_is_a_version() -> None:
    """Its name is an argument of make, which would expand `$` in it. YAML takes the key `on` for a boolean."""
    triggers = load(PROJECT / ".github" / "workflows" / "release.yml")[True]
    assert triggers == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}


def test_rights() -> None:
    """A workflow has none, a job has those that it needs, and a checkout leaves no credentials behind."""
    for path in WORKFLOWS:
        workflow = load(path)
        assert workflow["permissions"] == {}
        assert workflow["concurrency"]["group"]
    for workflow_name, name, job in jobs():
        assert job["permissions"] == RIGHTS.get((workflow_name, name), {"contents": "read"})
        assert "uses" in job or job["timeout-minutes"] <= 90
        for step in job.get("steps", ()):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
        # An expression in a command could become code.
        assert "${{" not in "".join(step.get("run", "") for step in job.get("steps", ()))


def test_workflows_call_the_makefile() -> None:
    """Their targets exist, so that each of them can be run by hand."""
    phony = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", (PROJECT / "Makefile").read_text(encoding="utf-8"))
    assert phony is not None
    targets = set(phony[1].replace("\\\n", " ").split())
    called = {match for *_, job in jobs() for step in job.get("steps", ()) for match in targets_of(step.get("run", ""))}
    assert called <= targets
    assert {
        "test",
        "conformance",
        "check",
        "docs",
        "wheels",
        "wheels-gate",
        "wheel-native",
        "release-check",
        "deny",
    } <= called


def targets_of(command: str) -> list[str]:
    """The target of a call of make."""
    return re.findall(r"\bmake ([\w-]+)", command)


def test_every_python_is_tested_and_built() -> None:
    """The matrices of the workflows have the Pythons of the metadata, and 3.14 once more without the GIL."""
    metadata = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = [match[1] for line in metadata["classifiers"] if (match := re.search(r":: (3\.\d+)$", line))]
    found = {(file, name): job.get("strategy", {}).get("matrix", {}).get("python") for file, name, job in jobs()}
    pythons.insert(pythons.index("3.14") + 1, "3.14t")
    assert found["tests.yml", "python"] == found["wheels.yml", "macos"] == pythons


def test_zizmor_has_no_findings() -> None:
    """The checker of workflows, which `make check` runs, too."""
    command = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("zizmor is not installed: pip install --group dev")
    words = [command, "--offline", "--no-progress", "--pedantic", "--quiet", PROJECT / ".github"]
    child = subprocess.run(words, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    assert child.returncode == 0, child.stdout + child.stderr


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_of_issues(path: Path) -> None:
    """GitHub shows a form only if each field has its parts: a type, a name of its own, a label, options of a list."""
    form = load(path)
    assert form.keys() <= {"name", "description", "title", "labels", "body", "assignees", "type"}
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    names = [field["id"] for field in form["body"] if field["type"] != "markdown"]
    assert names
    assert len(names) == len(set(names))
    for field in form["body"]:
        assert field["type"] in FIELDS
        assert field.keys() <= {"type", "id", "attributes", "validations"}
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]
        if field["type"] == "dropdown":
            assert len(field["attributes"]["options"]) > 1
            assert all(isinstance(option, str) for option in field["attributes"]["options"])


def test_the_choice_of_forms() -> None:
    """Faults for attackers are reported elsewhere, and a form for bugs asks for `vitok info`."""
    assert [path.stem for path in FORMS] == ["bug", "feature", "slower"]
    links = load(PROJECT / ".github" / "ISSUE_TEMPLATE" / "config.yml")["contact_links"]
    assert all(link.keys() == {"name", "url", "about"} for link in links)
    security = "https://github.com/vitok-loop/vitok/security/advisories/new"
    assert links[0]["url"] == security
    assert security in (PROJECT / "SECURITY.md").read_text(encoding="utf-8")
    assert "`vitok info`" in (PROJECT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8")


def test_the_citation() -> None:
    """It has what the Citation File Format 1.2.0 requires, and the licences and addresses of the metadata."""
    citation = load(PROJECT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert all(author["name"] for author in citation["authors"])
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert " OR ".join(citation["license"]) == project["license"]
    assert citation["repository-code"] == project["urls"]["Source"]
    assert citation["url"] == project["urls"]["Documentation"]


def test_metadata_of_both_packages() -> None:
    """An index shows authors, addresses, and a README whose pictures have whole addresses."""
    for folder in (PROJECT, PROJECT / "benchmarks"):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert project["authors"]
        assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} <= project["urls"].keys()
        assert all(url.startswith("https://") for url in project["urls"].values())
        readme = (folder / project["readme"]["file"]).read_text(encoding="utf-8")
        pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+)", readme) + re.findall(r"<img[^>]* src=\"([^\"]+)", readme)
        assert [picture for picture in pictures if not picture.startswith("https://")] == []


def test_one_version() -> None:
    """Cargo.toml has it; all else says the same."""
    assert list(versions.faults(PROJECT)) == []
    assert next(versions.faults(PROJECT, "v9.9.9")).startswith("the tag is v9.9.9, but Cargo.toml has ")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with the files that say a version."""
    (tmp_path / "crates" / "one").mkdir(parents=True)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "Cargo.toml").write_text('[workspace.package]\nversion = "1.2.3"\n')
    (tmp_path / "Cargo.lock").write_text('[[package]]\nname = "one"\nversion = "1.2.3"\n')
    (tmp_path / "crates" / "one" / "Cargo.toml").write_text("[package]\nversion.workspace = true\n")
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.3 (2026-12-31)\n\n## 1.2.2 (2026-12-30)\n")
    for folder in (tmp_path, tmp_path / "benchmarks"):
        (folder / "pyproject.toml").write_text('[project]\ndynamic = ["version"]\n')
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("Cargo.lock", '[[package]]\nname = "one"\nversion = "1.2.2"\n', "Cargo.lock, one: 1.2.2, but"),
        ("crates/one/Cargo.toml", '[package]\nversion = "1.2.2"\n', "crates/one/Cargo.toml: 1.2.2, but"),
        ("CITATION.cff", "cff-version: 1.2.0\nversion: 1.2.2\n", "CITATION.cff: 1.2.2, but"),
        ("CITATION.cff", "cff-version: 1.2.0\n", "CITATION.cff: no version, but"),
        ("CHANGELOG.md", "## 1.2.2 (2026-12-31)\n", "CHANGELOG.md: 1.2.2, but"),
        ("CHANGELOG.md", "", "CHANGELOG.md: no heading, but"),
        ("CHANGELOG.md", "## 1.2.3 (not published yet)\n", "CHANGELOG.md: expected a date in the heading"),
        ("CHANGELOG.md", "## 1.2.3\n", "CHANGELOG.md: expected a date in the heading"),
        (
            "pyproject.toml",
            '[project]\ndynamic = ["version"]\noptional-dependencies.bench = ["vitok-bench==1.2.2"]\n',
            "pyproject.toml, the extra bench: 1.2.2, but",
        ),
        ("benchmarks/pyproject.toml", '[project]\nversion = "1.2.2"\n', "benchmarks/pyproject.toml: 1.2.2, but"),
    ],
)
def test_a_version_that_differs(root: Path, file: str, text: str, fault: str) -> None:
    """It is found, whichever file it is in, and a release needs a date."""
    assert list(versions.faults(root, "v1.2.3")) == []
    (root / file).write_text(text)
    found = list(versions.faults(root, "v1.2.3"))
    assert found
    assert found[0].startswith(fault)
