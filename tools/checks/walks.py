"""The walks of ARCHITECTURE.md name functions that exist, and a caller above each callee.

A walk is an indented list in a code block: `file::function`, then what the function does there. A function that is
indented further than the one above is called by that one, and the body of the caller must name it. Paths are relative
to crates/python/src, to crates or to the root. A function that the text names (`file.rs::function`) must exist too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tools.rust import code_only, functions
from tools.tree import Finding, Tree, line_at

DOCUMENT = "ARCHITECTURE.md"
# The folders that a path may be relative to.
STARTS = ("crates/python/src/", "crates/", "")
STEP = re.compile(r"^(?P<indent> *)(?P<path>[\w/]+\.(?:rs|py))::(?P<name>\w+)", re.MULTILINE)
IN_TEXT = re.compile(r"`(?P<path>[\w/]+\.(?:rs|py))::(?P<name>\w+)`")


def check(tree: Tree) -> Iterator[Finding]:
    """Find functions that do not exist, and callees that their callers do not name."""
    text = tree.files.get(DOCUMENT, "")
    callers: list[tuple[int, re.Match[str], str]] = []
    last_line = 0
    for match in STEP.finditer(text):
        line, indent = line_at(text, match.start()), len(match["indent"])
        if line != last_line + 1:
            callers = []
        last_line = line
        body = body_of(tree, match)
        if body is None:
            yield missing(match, line)
            continue
        callers = [caller for caller in callers if caller[0] < indent]
        if callers:
            yield from check_call(callers[-1][1], callers[-1][2], match, line=line)
        elif indent:
            yield Finding(DOCUMENT, line, "an indented step has no caller", "put the caller above it")
        callers.append((indent, match, body))
    for match in IN_TEXT.finditer(text):
        if body_of(tree, match) is None:
            yield missing(match, line_at(text, match.start()))


def missing(match: re.Match[str], line: int) -> Finding:
    """Return the finding for a function that does not exist."""
    return Finding(DOCUMENT, line, f"{match['path']} has no function {match['name']}", "follow the code")


def check_call(caller: re.Match[str], body: str, callee: re.Match[str], *, line: int) -> Iterator[Finding]:
    """Check that the body of the caller names the callee."""
    if not re.search(rf"\b{callee['name']}\b", body):
        wrong = f"{caller['path']}::{caller['name']} does not call {callee['name']}"
        yield Finding(DOCUMENT, line, wrong, "follow the code")


def body_of(tree: Tree, match: re.Match[str]) -> str | None:
    """Return the code of all functions of that name in the file, or None."""
    text = next((tree.files[start + match["path"]] for start in STARTS if start + match["path"] in tree.files), "")
    is_python = PurePosixPath(match["path"]).suffix == ".py"
    bodies = list(python_bodies(text, match["name"]) if is_python else rust_bodies(text, match["name"]))
    return "\n".join(bodies) if bodies else None


def rust_bodies(text: str, name: str) -> Iterator[str]:
    """Iterate over the Rust functions of a name, without comments."""
    code = code_only(text)
    lines = code.splitlines()
    for function in functions(code):
        if function.name == name:
            yield "\n".join(lines[function.first - 1 : function.last])


def python_bodies(text: str, name: str) -> Iterator[str]:
    """Iterate over the Python functions of a name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            yield ast.unparse(node)
