"""An example fits on a screen, and a test runs it.

The check looks for the file's name in the tests; it does not know how a test runs it.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.tree import Finding, Tree

# A longer file is an application.
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
