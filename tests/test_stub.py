"""The stub and the binary agree: mypy's stubtest, on the native module and on the package.

The types themselves are not tested here.
"""

import importlib.util
from pathlib import Path

import pytest
from support import PROJECT, run_python

pytestmark = [pytest.mark.vitok_only, pytest.mark.timeout(300)]

# stubtest type-checks the whole package first: half a minute on a busy machine without mypy's cache.
STUBTEST_SECONDS = 280


def test_stub_agrees_with_the_binary() -> None:
    """Habit 14: private modules start with an underscore; "the stub and the binary agree, by test"."""
    if importlib.util.find_spec("mypy") is None:
        pytest.fail("mypy is missing: pip install --group dev")
    # The same settings as in `make check`.
    settings = ["--mypy-config-file", "pyproject.toml"]
    allowed = [*settings, "--allowlist", "tools/stubtest_allowlist.txt", "--ignore-unused-allowlist"]
    child = run_python("-m", "mypy.stubtest", *allowed, "vitok", cwd=PROJECT, seconds=STUBTEST_SECONDS)
    assert child.returncode == 0, child.stdout + child.stderr


def test_the_package_says_that_it_is_typed() -> None:
    """Issue 2, item 1: `py.typed` is installed beside the package."""
    specification = importlib.util.find_spec("vitok")
    assert specification is not None
    assert specification.submodule_search_locations is not None
    folder = Path(specification.submodule_search_locations[0])
    assert (folder / "py.typed").is_file()
    assert (folder / "_native.pyi").is_file()
