"""Every source file begins with its purpose.

The check counts words; it cannot tell whether they are true.
"""

import ast
import re
from collections.abc import Iterator

from tools.tree import Finding, Tree

# Fewer words than this repeat the file's name instead of stating its purpose.
WORDS_AT_LEAST = 4
HASH_COMMENTED = (".sh", "Makefile", ".ci/run")


def check(tree: Tree) -> Iterator[Finding]:
    """Files that do not begin with their purpose."""
    for path, text in tree.select(endings=[".rs"]):
        yield from check_opening(path, opening=leading_comment(text, "//!"), form="a //! comment")
    for path, text in tree.select(endings=[".py"]):
        yield from check_opening(path, opening=ast.get_docstring(ast.parse(text)) or "", form="a docstring")
    for path, text in tree.select(endings=[".pyi"]):
        opening = ast.get_docstring(ast.parse(text)) or leading_comment(text, "#")
        yield from check_opening(path, opening=opening, form="a docstring or comment")
    for path, text in tree.select(endings=HASH_COMMENTED):
        yield from check_opening(path, opening=leading_comment(re.sub(r"\A#!.*\n", "", text), "#"), form="a # comment")


def check_opening(path: str, *, opening: str, form: str) -> Iterator[Finding]:
    """One file's opening."""
    if len(opening.split()) < WORDS_AT_LEAST:
        yield Finding(path, 1, "the file does not begin with its purpose", f"state it in {form} of one sentence")


def leading_comment(text: str, mark: str) -> str:
    """The text of the comment lines at the very beginning."""
    words: list[str] = []
    for line in text.splitlines():
        if not line.startswith(mark):
            break
        words.append(line.removeprefix(mark))
    return " ".join(words)
