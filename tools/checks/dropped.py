"""No result is dropped silently: there is no `let _ =` and no bare `_ = f()`.

The check does not know whether a call can fail. One that cannot is written as a statement; for one that can, the code
shows what happens then.
"""

import ast
import re
from collections.abc import Iterator

from tools.rust import code_only
from tools.tree import Finding, Tree, line_at

LET_UNDERSCORE = re.compile(r"\blet\s+_\s*(?::[^=;]*)?=|^[ \t]*_\s*=(?![=>])", re.MULTILINE)


def check(tree: Tree) -> Iterator[Finding]:
    """Results that are assigned to `_`."""
    for path, text in tree.select(endings=[".rs"]):
        code = code_only(text)
        for match in LET_UNDERSCORE.finditer(code):
            line = line_at(code, match.end())
            yield Finding(path, line, "a result is dropped by `_ =`", "handle it, or `drop` it and give the reason")
    for path, text in tree.select(endings=[".py"]):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.stmt) and drops_a_call(node):
                yield Finding(path, node.lineno, "a result is dropped by `_ =`", "write a statement, or use the result")


def drops_a_call(node: ast.stmt) -> bool:
    """Whether the statement assigns the result of a call or an await to `_` alone."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id="_")], value=ast.Call() | ast.Await())
            | ast.AnnAssign(target=ast.Name(id="_"), value=ast.Call() | ast.Await())
        ):
            return True
        case _:
            return False
