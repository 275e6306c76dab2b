"""Every dependency has a sentence that says why it is here, in Cargo.toml and in pyproject.toml.

A dependency inherited from the workspace has its reason there. Dependencies on our own crates need none;
tools/checks/arrows.py checks them. This check cannot tell whether a reason is good.
"""

import re
import tomllib
from collections.abc import Iterator

from tools.tree import Finding, Tree

# Fewer words than this are a label, not a reason.
WORDS_AT_LEAST = 4
SECTION = re.compile(r"^\[(?P<name>[^\[\]]+)\]")
DEPENDENCIES = re.compile(r"(?:^|\.)(?:dev-|build-)?dependencies$")
ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9_-]+)\s*[.=]")
OURS_OR_INHERITED = re.compile(r"\bworkspace\s*=\s*true|\bpath\s*=")
REMEDY = "state in a sentence above or beside it why the project needs it"


def check(tree: Tree) -> Iterator[Finding]:
    """Dependencies without a reason."""
    for path, text in tree.select(endings=["Cargo.toml"]):
        yield from check_manifest(path, text)
    for path, text in tree.select(endings=["pyproject.toml"]):
        yield from check_pyproject(path, text)


def check_manifest(path: str, text: str) -> Iterator[Finding]:
    """The entries of the dependency tables of one Cargo.toml."""
    lines = text.splitlines()
    is_inside = False
    for index, line in enumerate(lines):
        if section := SECTION.match(line):
            table, _, name = section["name"].rpartition(".")
            is_inside = bool(DEPENDENCIES.search(section["name"]))
            if DEPENDENCIES.search(table) and not has_reason(lines, index):
                yield Finding(path, index + 1, f"{name} has no reason beside it", REMEDY)
        elif is_inside and (entry := ENTRY.match(line)) and not is_excused(lines, index):
            yield Finding(path, index + 1, f"{entry['name']} has no reason beside it", REMEDY)


def is_excused(lines: list[str], index: int) -> bool:
    """Whether an entry is one of our crates, is inherited from the workspace, or has a reason."""
    return bool(OURS_OR_INHERITED.search(lines[index])) or has_reason(lines, index)


def check_pyproject(path: str, text: str) -> Iterator[Finding]:
    """The requirements of one pyproject.toml, each on a line of its own or alone in its list."""
    lines = text.splitlines()
    for requirement in sorted(set(requirements(tomllib.loads(text)))):
        places = [index for index, line in enumerate(lines) if is_quoted_in(requirement, line)]
        if not places:
            yield Finding(path, 1, f"{requirement} is not found as a plain string", "write it as one")
        for index in places:
            if not has_reason(lines, index):
                yield Finding(path, index + 1, f"{requirement} has no reason beside it", REMEDY)


def requirements(document: dict[str, dict[str, object]]) -> Iterator[str]:
    """Every requirement for building, running, optional parts and development, without the groups that are included."""
    project = document.get("project", {})
    lists = [document.get("build-system", {}).get("requires"), project.get("dependencies")]
    for table in (project.get("optional-dependencies"), document.get("dependency-groups")):
        if isinstance(table, dict):
            lists.extend(table.values())
    for entries in lists:
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, str))


def is_quoted_in(requirement: str, line: str) -> bool:
    """Whether the line holds this requirement as a TOML string, and not only inside a comment."""
    return not line.lstrip().startswith("#") and (f'"{requirement}"' in line or f"'{requirement}'" in line)


def has_reason(lines: list[str], index: int) -> bool:
    """Whether a comment with enough words for a reason is at the end of the line or directly above it."""
    beside = re.search(r"""["'}\]],?\s*\]?\s*#(.*)$""", lines[index])
    words = beside[1].split() if beside else []
    above = index - 1
    while above >= 0 and lines[above].lstrip().startswith("#"):
        words = [*lines[above].lstrip("# \t").split(), *words]
        above -= 1
    return len(words) >= WORDS_AT_LEAST
