"""The table of interned names is sorted, has each name once, and has only names that are used.

The compiler checks that each used name is in the table.
"""

import re
from collections.abc import Iterator

from tools.tree import Finding, Tree, line_at

TABLE = "crates/python/src/ffi/interned.rs"
USE = re.compile(r'\bname!\(\s*"([^"]*)"\s*\)')
TEXT = re.compile(r'^ {4}"([^"]*)",$', re.MULTILINE)


def check(tree: Tree) -> Iterator[Finding]:
    """Find names that are out of order, and names that no code uses."""
    table = tree.files.get(TABLE)
    if table is None:
        return
    used = {name for _, text in tree.select(under="crates/python/src/", endings=[".rs"]) for name in USE.findall(text)}
    before = ""
    for match in TEXT.finditer(table):
        line, name = line_at(table, match.start()), match[1]
        if name <= before:
            yield Finding(TABLE, line, f'"{name}" stands after "{before}"', "sort the table; each name stands once")
        if name not in used:
            yield Finding(TABLE, line, f'no name!("{name}") uses this name', "take it out of the table")
        before = name
