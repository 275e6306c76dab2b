"""Runs every structure check over the project: `python -m tools.structure`.

It prints one line for each finding, and fails if there is one. It has the list of checks and no rules.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.checks import (
    arrows,
    circles,
    dependencies,
    dropped,
    examples,
    interned,
    openings,
    panicking,
    places,
    sizes,
    unsafe_places,
    walks,
)
from tools.tree import Finding, Tree, read_tree

Check = Callable[[Tree], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "arrows": arrows.check,
    "circles": circles.check,
    "sizes": sizes.check,
    "unsafe": unsafe_places.check,
    "openings": openings.check,
    "dropped": dropped.check,
    "dependencies": dependencies.check,
    "places": places.check,
    "examples": examples.check,
    "panicking": panicking.check,
    "walks": walks.check,
    "interned": interned.check,
}
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Check the project that this file belongs to; the result is the exit code."""
    tree = read_tree(ROOT)
    found = sorted(finding for check in CHECKS.values() for finding in check(tree))
    for finding in found:
        print(finding)
    print(f"structure: {len(CHECKS)} checks, {len(tree.files)} files, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
