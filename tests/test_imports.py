"""What the native module takes from Python is checked when it is imported, and what is missing is named.

asyncio's own loop has no such thing.
"""

import pytest
from support import run_python

pytestmark = pytest.mark.vitok_only

# The package without its `__init__`, which would import the native module first.
CHILD = """
import importlib.util, sys, types
package = types.ModuleType("vitok")
package.__path__ = importlib.util.find_spec("vitok").submodule_search_locations
sys.modules["vitok"] = package
import asyncio, vitok._hooks as hooks
{change}
try:
    import vitok._native
except ImportError as error:
    print(type(error).__name__, error)
else:
    print("imported")
"""


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ("", "imported"),
        ("del hooks.descriptor_of", "ImportError vitok._hooks.descriptor_of is missing"),
        ("del hooks.FEEDS_READERS", "ImportError vitok._hooks.FEEDS_READERS is missing"),
        ("hooks.close_again = 1", "ImportError vitok._hooks.close_again is not callable"),
        (
            "hooks.close_again = lambda loop: None",
            "ImportError vitok._hooks.close_again takes 1 arguments instead of (owner, handlers)",
        ),
        ("del asyncio.events.TimerHandle", "ImportError asyncio.events.TimerHandle is missing"),
        ("asyncio.events.TimerHandle = 1", "ImportError asyncio.events.TimerHandle is not a class"),
    ],
)
def test_what_is_missing_is_named(change: str, outcome: str) -> None:
    """A misspelled hook was an AttributeError at its first call, which may be that of a failure."""
    child = run_python("-c", CHILD.format(change=change))
    assert (child.stdout.strip(), child.stderr) == (outcome, "")
