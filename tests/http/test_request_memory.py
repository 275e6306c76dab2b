"""A request for which memory is refused raises MemoryError, and nothing else, wherever that is."""

from pathlib import Path

import pytest
from support import run_python

pytestmark = [pytest.mark.vitok_only, pytest.mark.timeout(120)]


def test_each_allocation_is_refused_once() -> None:
    """In a process of its own: the allocator is the process's."""
    pytest.importorskip("_testcapi")
    folder = Path(__file__).parent
    child = run_python(str(folder / "request_memory_child.py"), cwd=folder, seconds=100)
    assert (child.stdout, child.returncode) == ("done\n", 0), child.stdout + child.stderr
