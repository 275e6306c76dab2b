"""No file needs itself through others: whoever reads one begins at the bottom and never comes back to it.

A circle is a set of files of which each names something of the next: of one Rust crate, or of one Python package. What
cannot be seen of Rust stands at the top of tools/rust_modules.py, of Python at the top of tools/python_modules.py. It
knows nothing of layers; tools/checks/arrows.py has those.
"""

from collections.abc import Iterator

from tools import python_modules
from tools.graph import Arrow, circle_of, circles
from tools.rust_modules import arrows_of
from tools.tree import Finding, Tree

# Files that are in a circle today. Lines only ever leave this list.
RATCHET = "tools/circles.txt"
# Python finds the package here, and everything else from the root of the project.
PACKAGE_FOLDER = "python/"
REMEDY = "move what they share below both, or the decision above both"


def check(tree: Tree) -> Iterator[Finding]:
    """Files in a circle that are not listed, and listed ones that are in none."""
    arrows = sorted(set(all_arrows(tree)))
    inside = {file for circle in circles(arrows) for file in circle}
    listed = dict(read_list(tree.files.get(RATCHET, "")))
    for file in sorted(inside - set(listed)):
        way = circle_of(file, arrows)
        arrow = next(arrow for arrow in arrows if (arrow.source, arrow.target) == tuple(way[:2]))
        yield Finding(file, arrow.line, f"{arrow.name} closes the circle {' -> '.join(map(short, way))}", REMEDY)
    for file, line in listed.items():
        if file not in inside:
            yield Finding(RATCHET, line, f"{file} is in no circle", "take its line out of the list")


def read_list(text: str) -> Iterator[tuple[str, int]]:
    """The path in each line of the list with its number; a line that begins with # is a comment."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield line.strip(), number


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
