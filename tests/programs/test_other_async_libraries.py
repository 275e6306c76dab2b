"""Libraries with schedulers of their own, each in one program with the loop: trio, curio, gevent.

trio is a guest in the loop's thread, curio and gevent have a thread beside it. anyio is in test_clients.py.
"""

from children import Flavour, run_to_end, words_of
from needs import need_library
from test_clients import LOOPS


def test_trio_as_a_guest(flavour: Flavour) -> None:
    """Issue 14, item 7: trio's guest mode."""
    need_library("trio")
    assert run_to_end(words_of("trio_guest.py", flavour), flavour) == LOOPS[flavour.loop]


def test_curio_beside(flavour: Flavour) -> None:
    """Issue 14, item 7: curio in a thread, which has its own bridge to asyncio."""
    need_library("curio")
    assert run_to_end(words_of("curio_beside.py", flavour), flavour) == LOOPS[flavour.loop]


def test_gevent_by_a_bridge(flavour: Flavour) -> None:
    """Issue 14, item 7: greenlets and coroutines that wait for each other, in a process that gevent has patched."""
    need_library("gevent")
    assert run_to_end(words_of("gevent_bridge.py", flavour), flavour) == LOOPS[flavour.loop]
