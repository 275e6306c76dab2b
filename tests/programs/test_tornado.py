"""Tornado on the loop: its coroutines, with its client and server in one process.

test_http_servers.py has the server alone, and test_tornado_own.py Tornado's own tests.
"""

from children import Flavour, run_to_end, words_of
from needs import need_library
from test_clients import LOOPS


def test_tornado_coroutines(flavour: Flavour) -> None:
    """Issue 14, item 7: a program of `gen.coroutine`, run by Tornado's own `run_sync`."""
    need_library("tornado")
    assert run_to_end(words_of("tornado_coroutines.py", flavour), flavour) == LOOPS[flavour.loop]
