"""Callbacks over TLS come in the same order and after the same number of turns as on asyncio's own loop.

The cases are in tls_turns.py; test_turns.py does the same for clear text.
"""

from collections.abc import Callable
from typing import Any

import pytest
from net_support import reports_of
from support import NewLoop, loop_factory
from tls_certificates import Contexts
from tls_support import SIDES
from tls_turns import CASES, Trace

pytestmark = pytest.mark.vitok_only


def traced(make: Callable[[], Any], contexts: Contexts, case: str, side: str) -> list[tuple[str, Any]]:
    """What a case records on a new loop."""
    loop = make()
    reports_of(loop)
    try:
        trace = Trace(loop, contexts, side)
        CASES[case](trace)
        return trace.seen
    finally:
        loop.close()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", CASES)
def test_turns_are_those_of_asyncio(new_loop: NewLoop, contexts: Contexts, case: str, side: str) -> None:
    """The trace of each case."""
    expected = traced(loop_factory("asyncio"), contexts, case, side)
    assert traced(new_loop, contexts, case, side) == expected
