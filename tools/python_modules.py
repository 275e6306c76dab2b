"""Finds the dependencies between the modules of a Python package: imports outside functions, those for types included.

The `__init__` of a package runs before each of its modules. That is not an arrow; importing a name from the package
that is not a module is one.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from tools.graph import Arrow


def arrows(folder: str, texts: Mapping[str, str]) -> Iterator[Arrow]:
    """Every arrow between the modules below a folder that is searched for imports."""
    files = {module_name(file.removeprefix(folder)): file for file in texts}
    for name, file in files.items():
        package = name if file.endswith("/__init__.py") else name.rpartition(".")[0]
        for imported, line in imports_of(texts[file], package=package):
            target = files.get(imported) or files.get(imported.rpartition(".")[0])
            if target is not None and target != file:
                yield Arrow(file, target, imported, line)


def module_name(file: str) -> str:
    """The name by which a file is imported."""
    parts = PurePosixPath(file).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(text: str, *, package: str) -> Iterator[tuple[str, int]]:
    """Each name imported outside functions, from the top of all packages on, with its line."""
    left: list[ast.AST] = [ast.parse(text)]
    while left:
        node = left.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = source_of(node, package=package)
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left.extend(ast.iter_child_nodes(node))


def source_of(node: ast.ImportFrom, *, package: str) -> str:
    """What is written between `from` and `import`, with the dots of a relative import replaced by the package."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
