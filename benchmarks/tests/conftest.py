"""What all tests of the benchmarks share: processes that they start find the package and these modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def _modules_in_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the package of the checkout before an installed one, and loops and servers of the tests beside it."""
    path = [str(HERE.parent), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
