"""The files of the project as text by path, and what a check finds in a line.

This module has no rules. Tests make a tree from a mapping, to give bad input to the checks.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Folders that builds and tools make. Hidden folders are ignored too, except those of the project.
GENERATED = frozenset({"target", "dist", "build", "node_modules", "__pycache__"})
HIDDEN_OF_PROJECT = frozenset({".ci", ".cargo", ".github"})


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A fault, its place, and the remedy."""

    path: str
    line: int
    wrong: str
    remedy: str

    def __str__(self) -> str:
        """The format of compilers, in which editors find the place."""
        return f"{self.path}:{self.line}: {self.wrong}; {self.remedy}"


class Tree:
    """Every text file of the project by its path from the root, with forward slashes."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = dict(sorted(files.items()))

    def select(self, *, under: str = "", endings: Iterable[str] = ("",)) -> Iterator[tuple[str, str]]:
        """Path and text of the files below a folder whose names end in one of the endings."""
        wanted = tuple(endings)
        for path, text in self.files.items():
            if path.startswith(under) and path.endswith(wanted):
                yield path, text


def read_tree(root: Path) -> Tree:
    """Read what a fresh clone would have. Git is not used, so that a tarball of the project can be checked too."""
    files: dict[str, str] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if is_ours(name)]
        # A linked worktree has a file of this name, with the path of its clone.
        for name in (name for name in names if name != ".git"):
            path = Path(folder, name)
            text = None if path.is_symlink() else text_of(path)
            if text is not None:
                files[path.relative_to(root).as_posix()] = text
    return Tree(files)


def is_ours(folder: str) -> bool:
    """Whether a folder of this name belongs to the project."""
    if folder.startswith("."):
        return folder in HIDDEN_OF_PROJECT
    return folder not in GENERATED


def text_of(path: Path) -> str | None:
    """The text of a file; None if it is binary or was removed."""
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return None


def line_at(text: str, offset: int) -> int:
    """The number of the line, counted from one, in which an offset stands."""
    return text.count("\n", 0, offset) + 1
