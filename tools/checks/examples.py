"""An example fits on a screen and is run by a test, so that it is read and stays true.

It knows nothing of how a test runs it; it looks for the file's name in the tests.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.tree import Finding, Tree

# From ARCHITECTURE.md: what is longer is an application.
LINES_AT_MOST = 60


def check(tree: Tree) -> Iterator[Finding]:
    """Examples that are too long, or that no test names."""
    tests = "\n".join(text for _, text in tree.select(under="tests/", endings=[".py"]))
    for path, text in tree.select(under="examples/", endings=[".py"]):
        length = len(text.splitlines())
        if length > LINES_AT_MOST:
            yield Finding(path, LINES_AT_MOST + 1, f"{length} lines, {LINES_AT_MOST} at most", "show one thing")
        name = PurePosixPath(path)
        if not any(word in tests for word in (name.name, f'"{name.stem}"')):
            yield Finding(path, 1, "no test names this example", "run it in a test, on asyncio's loop and on ours")
