"""Files and functions have at most so many lines.

The check does not measure complexity: a short function can be worse than a long table, which clippy and reviewers see.
"""

import ast
from collections.abc import Iterator

from tools.rust import code_only, functions
from tools.tree import Finding, Tree

# A file has at most the first number of lines, or is listed; the second is the limit for listed files.
FILE_LINES_WANTED = 400
FILE_LINES_AT_MOST = 800
# A screen and a half. The aim is 20; clippy's too_many_lines has the same bound and leaves comments out.
FUNCTION_LINES_AT_MOST = 70

# Files that are longer than wanted, each with its limit. Lines are only removed from this list.
RATCHET = "tools/long_files.txt"
ENDINGS = (".rs", ".py", ".pyi", ".sh", "Makefile", ".ci/run")


def check(tree: Tree) -> Iterator[Finding]:
    """Files and functions that are too long."""
    yield from check_files(tree)
    yield from check_rust_functions(tree)
    yield from check_python_functions(tree)


def check_files(tree: Tree) -> Iterator[Finding]:
    """The length of every source file, compared with the two limits and the list."""
    allowed = dict(read_ratchet(tree.files.get(RATCHET, "")))
    lengths = {path: len(text.splitlines()) for path, text in tree.select(endings=ENDINGS)}
    for path, length in lengths.items():
        bound = min(max(allowed.get(path, 0), FILE_LINES_WANTED), FILE_LINES_AT_MOST)
        if length > bound:
            yield Finding(path, bound + 1, f"{length} lines, {bound} at most", "split the file: one idea per file")
    for path in allowed:
        if lengths.get(path, 0) <= FILE_LINES_WANTED:
            yield Finding(RATCHET, 1, f"{path} is not long any more", "remove its line from the list")


def read_ratchet(text: str) -> Iterator[tuple[str, int]]:
    """Path and allowed length from each line of the list; a line that begins with # is a comment."""
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            path, length = line.rsplit(maxsplit=1)
            yield path, int(length)


def check_rust_functions(tree: Tree) -> Iterator[Finding]:
    """The length of every Rust function, from its signature to its closing brace."""
    for path, text in tree.select(endings=[".rs"]):
        for function in functions(code_only(text)):
            yield from check_function(path, name=function.name, first=function.first, last=function.last)


def check_python_functions(tree: Tree) -> Iterator[Finding]:
    """The length of every Python function, from its `def` to its last statement."""
    for path, text in tree.select(endings=[".py", ".pyi"]):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from check_function(path, name=node.name, first=node.lineno, last=node.end_lineno or node.lineno)


def check_function(path: str, *, name: str, first: int, last: int) -> Iterator[Finding]:
    """One function."""
    length = last - first + 1
    if length > FUNCTION_LINES_AT_MOST:
        wrong = f"{name} has {length} lines, {FUNCTION_LINES_AT_MOST} at most"
        yield Finding(path, first, wrong, "move computations into functions of their own")
