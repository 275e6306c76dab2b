"""The end of an interpreter while a daemon thread is in native code or in Python code that it called.

The places where the thread may be are those of `daemon_thread_places.py`; `daemon_thread_exit.py` runs them, here and
by hand.
"""

import json
from pathlib import Path

import pytest
from daemon_thread_places import PLACES
from support import run_python

RUNS = 2


@pytest.fixture(scope="module")
def statuses() -> dict[str, dict[str, int]]:
    """How many children of each place ended with which status."""
    program = run_python(Path(__file__).with_name("daemon_thread_exit.py"), str(RUNS), seconds=55)
    assert program.returncode == 0, program.stderr
    found: dict[str, dict[str, int]] = json.loads(program.stdout)
    return found


@pytest.mark.vitok_only
@pytest.mark.parametrize("place", PLACES)
def test_a_daemon_thread_does_not_abort_the_process_at_its_end(place: str, statuses: dict[str, dict[str, int]]) -> None:
    """Below 3.14 such a thread is ended by a forced unwind through the native frames on its stack."""
    assert statuses[place] == {"0": RUNS}
