"""The types of the package, as mypy and pyright see them, both as strict as they can be.

tests/http/types has programs that assert them. They are never run.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted((Path(__file__).resolve().parent / "types").glob("*.py"))
# pyright's own package runs npm's unless it is told to use the one that it brings along.
OFFLINE = {"PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT": "1", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}

pytestmark = pytest.mark.vitok_only


def test_mypy() -> None:
    """mypy finds nothing with --strict, also with pyright's stricter rules about what is unused."""
    options = ("--strict", "--warn-unreachable", "--config-file", os.devnull, "--no-incremental")
    check("mypy", *options)


def test_pyright() -> None:
    """pyright finds nothing in its strict mode."""
    check("pyright", "--pythonpath", sys.executable)


def test_no_module_has_every_name() -> None:
    """Checkers see no module-level `__getattr__`, by which a misspelt name would be known and have any type."""
    package = PROJECT / "python" / "vitok"
    modules = sorted(path for kind in ("*.py", "*.pyi") for path in package.rglob(kind))
    assert len(modules) > 100
    for path in modules:
        functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
        assert "__getattr__" not in [function.name for function in functions], path


def check(checker: str, *options: str) -> None:
    """Run a type checker on the programs."""
    found = subprocess.run(
        [sys.executable, "-m", checker, *options, *map(str, PROGRAMS)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, **OFFLINE, "MYPYPATH": "python"},
    )
    assert found.returncode == 0, found.stdout + found.stderr
