"""No file depends on itself through other files, so the files of a crate or package can be read from the bottom up.

A circle is a set of files of one Rust crate or Python package that all reach each other. tools/rust_modules.py and
tools/python_modules.py say at their tops which dependencies they cannot see. This check knows nothing of layers, which
tools/checks/arrows.py has.
"""

from collections.abc import Iterator

from tools import python_modules
from tools.graph import Arrow, circle_of, circles
from tools.rust_modules import arrows_of
from tools.tree import Finding, Tree

# Python finds the package here, and everything else from the root of the project.
PACKAGE_FOLDER = "python/"
REMEDY = "move what both use into a file below, or the caller into a file above"


def check(tree: Tree) -> Iterator[Finding]:
    """Files in a circle."""
    arrows = sorted(set(all_arrows(tree)))
    for file in sorted(file for circle in circles(arrows) for file in circle):
        way = circle_of(file, arrows)
        arrow = next(arrow for arrow in arrows if (arrow.source, arrow.target) == tuple(way[:2]))
        yield Finding(file, arrow.line, f"{arrow.name} closes the circle {' -> '.join(map(short, way))}", REMEDY)


def short(path: str) -> str:
    """A path without what all files of a crate have in common."""
    return path.rpartition("/src/")[2]


def all_arrows(tree: Tree) -> Iterator[Arrow]:
    """Every arrow between two files of one crate or of one Python package."""
    yield from arrows_of(tree)
    python = dict(tree.select(endings=[".py", ".pyi"]))
    package = dict(tree.select(under=PACKAGE_FOLDER, endings=[".py", ".pyi"]))
    yield from python_modules.arrows(PACKAGE_FOLDER, package)
    yield from python_modules.arrows("", {file: text for file, text in python.items() if file not in package})
