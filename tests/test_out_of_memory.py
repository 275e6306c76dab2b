"""Refused memory, at every allocation of each kind of call, is a MemoryError and nothing worse.

A child refuses memory to one call at its first allocation, then on a new loop at its second, and so on
(`memory_child`). At each of them the call raises or reports a MemoryError, the loop works afterwards, no count is left
changed and no descriptor is left open. CPython's own test module refuses the allocations of the interpreter.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("_testcapi", reason="this Python has no module that refuses memory")

import memory_child
from support import FREE_THREADED

HERE = Path(__file__).parent


WAYS = [(name, way) for name, kind in memory_child.KINDS.items() for way in kind.ways]


@pytest.mark.vitok_only
@pytest.mark.skipif(
    sys.version_info[:2] in ((3, 12), (3, 13)),
    reason="CPython 3.12 and 3.13 crash, on asyncio's loop too: MAKE_FUNCTION without memory for a function",
)
@pytest.mark.skipif(
    FREE_THREADED,
    reason="without the GIL CPython frees memory twice if a list has no memory for its items (python/cpython#152125)",
)
@pytest.mark.parametrize(("kind", "way"), WAYS)
def test_a_refused_allocation_is_a_memory_error(kind: str, way: str) -> None:
    command = [sys.executable, str(HERE / "memory_child.py"), kind, "vitok", way]
    child = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    wrong = [line for line in child.stdout.splitlines() if line.startswith("WRONG")]
    assert (child.returncode, wrong) == (0, []), child.stdout[-500:] + child.stderr[-3000:]
    assert "panicked" not in child.stderr, child.stderr
