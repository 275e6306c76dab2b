"""The version of the project, which Cargo.toml has, and every other file that says it: `python -m tools.versions`.

It prints a line for each that says something else, and fails then. With a tag, such as v0.1.0, it compares the tag,
too, and asks for a date in the change log: what the workflow of a release does first. Registries are not known here.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The version of a release in a file that has none of its own.
CITED = re.compile(r"^version: *(\S+)$", re.MULTILINE)
# The newest heading of the change log: a version, and a date or the remark that there is none yet.
HEADING = re.compile(r"^## (\S+)(?: \((.+)\))?$", re.MULTILINE)
DATE = re.compile(r"\d{4}-\d\d-\d\d")
# What the extra of vitok installs: of the same version, since both are made from one commit.
OTHER_PACKAGE = "vitok-bench"
MANIFESTS = ("crates/*/Cargo.toml", "benchmarks/load/Cargo.toml")


def main(words: list[str]) -> int:
    """Compare them; the result is the exit code."""
    tag = words[0] if words else None
    found = list(faults(ROOT, tag))
    for fault in found:
        print(fault)
    print(f"versions: {version(ROOT)}, {len(found)} findings")
    return 1 if found else 0


def version(root: Path) -> str:
    """The version of the workspace."""
    return str(tomllib.loads((root / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]["package"]["version"])


def faults(root: Path, tag: str | None = None) -> Iterator[str]:
    """What differs from the version of the workspace, a line each."""
    expected = version(root)
    for place, said in places(root):
        if said != expected:
            yield f"{place}: {said}, but Cargo.toml has {expected}"
    if tag is not None:
        if tag != f"v{expected}":
            yield f"the tag is {tag}, but Cargo.toml has {expected}"
        if not DATE.fullmatch(heading(root)[1]):
            yield f"CHANGELOG.md: expected a date in the heading, ## {expected} (2026-12-31)"


def places(root: Path) -> Iterator[tuple[str, str]]:
    """Each place that says a version, and what it says."""
    cited = CITED.search((root / "CITATION.cff").read_text(encoding="utf-8"))
    yield "CITATION.cff", cited[1] if cited else "no version"
    yield "CHANGELOG.md", heading(root)[0]
    for pattern in MANIFESTS:
        for path in sorted(root.glob(pattern)):
            package = tomllib.loads(path.read_text(encoding="utf-8"))["package"]
            said = package.get("version")
            yield path.relative_to(root).as_posix(), version(root) if said == {"workspace": True} else str(said)
    for package in tomllib.loads((root / "Cargo.lock").read_text(encoding="utf-8"))["package"]:
        if "source" not in package:
            yield f"Cargo.lock, {package['name']}", package["version"]
    for path in (root / "pyproject.toml", root / "benchmarks" / "pyproject.toml"):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        # The builder takes it from the crate.
        if "version" not in project.get("dynamic", ()):
            yield path.relative_to(root).as_posix(), project.get("version", "no version")
        for extra, wanted in project.get("optional-dependencies", {}).items():
            for requirement in wanted:
                name, _, pinned = requirement.partition("==")
                if name == OTHER_PACKAGE:
                    yield f"{path.relative_to(root).as_posix()}, the extra {extra}", pinned or "any version"


def heading(root: Path) -> tuple[str, str]:
    """The version of the newest heading of the change log, and what is in brackets behind it."""
    found = HEADING.search((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    return (found[1], found[2] or "") if found else ("no heading", "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
