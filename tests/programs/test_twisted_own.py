"""Twisted's own tests of its reactors, with `asyncioreactor` on each loop.

Its package brings them along. Which of them Twisted skips for asyncio's reactor is Twisted's own affair.
"""

from dataclasses import dataclass

import pytest
from children import Flavour, run_to_end, words_of
from needs import need_library
from test_clients import LOOPS


@dataclass(frozen=True, slots=True)
class Subject:
    """Modules of Twisted's tests, and how many tests at least have to pass: a new release may move some elsewhere."""

    modules: tuple[str, ...]
    passed_at_least: int


# The slowest, which start many interpreters, take ten on an idle machine. The watchdog of all tests waits for 90.
SECONDS = 80
REACTOR = "twisted.internet.test.test_"
WHOLE = "twisted.test.test_"
SUBJECTS = {
    "tcp": Subject((f"{REACTOR}tcp", f"{REACTOR}unix", f"{WHOLE}tcp", f"{WHOLE}tcp_internals", f"{WHOLE}unix"), 200),
    "udp": Subject((f"{REACTOR}udp", f"{WHOLE}udp"), 50),
    "processes": Subject((f"{REACTOR}process", f"{REACTOR}sigchld", f"{REACTOR}posixprocess", f"{REACTOR}stdio"), 60),
    "threads": Subject((f"{REACTOR}threads", f"{WHOLE}threads"), 20),
    "time": Subject((f"{REACTOR}time", f"{REACTOR}core", f"{WHOLE}task", f"{WHOLE}internet"), 120),
    "descriptors": Subject((f"{REACTOR}fdset", f"{REACTOR}filedescriptor"), 10),
    "coroutines": Subject((f"{REACTOR}inlinecb", f"{REACTOR}defer_await"), 60),
}


@pytest.mark.timeout(SECONDS + 5)
@pytest.mark.parametrize("name", SUBJECTS)
def test_twisted_own_tests(name: str, plain_flavour: Flavour) -> None:
    """Issue 14, item 7: they pass on our loop as on asyncio's."""
    need_library("twisted")
    need_library("hamcrest")
    subject = SUBJECTS[name]
    words = [*words_of("twisted_own_tests.py", plain_flavour), *subject.modules]
    last_line = run_to_end(words, plain_flavour, seconds=SECONDS)
    loop, reactors, passed = last_line.split()
    assert loop == LOOPS[plain_flavour.loop]
    assert int(reactors) >= 1
    assert int(passed) >= subject.passed_at_least
