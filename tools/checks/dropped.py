"""No result is dropped silently: no `let _ =`, and no bare `_ = f()`.

It knows nothing of whether the call could fail: if it cannot, the call can stand alone; if it can, the reader wants to
see what happens then.
"""

import ast
import re
from collections.abc import Iterator

from tools.rust import code_only
from tools.tree import Finding, Tree, line_at

LET_UNDERSCORE = re.compile(r"\blet\s+_\s*(?::[^=;]*)?=|^[ \t]*_\s*=(?![=>])", re.MULTILINE)


def check(tree: Tree) -> Iterator[Finding]:
    """Results that are thrown away by name."""
    for path, text in tree.select(endings=[".rs"]):
        code = code_only(text)
        for match in LET_UNDERSCORE.finditer(code):
            line = line_at(code, match.end())
            yield Finding(path, line, "a result is dropped by `_ =`", "handle it, hand it on, or `drop` it and say why")
    for path, text in tree.select(endings=[".py"]):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.stmt) and drops_a_call(node):
                yield Finding(
                    path, node.lineno, "a result is dropped by `_ =`", "let the call stand alone, or use what it gives"
                )


def drops_a_call(node: ast.stmt) -> bool:
    """Whether this is an assignment of what a call or an await gives to `_` alone."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id="_")], value=ast.Call() | ast.Await())
            | ast.AnnAssign(target=ast.Name(id="_"), value=ast.Call() | ast.Await())
        ):
            return True
        case _:
            return False
