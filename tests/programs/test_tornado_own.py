"""Tornado's own tests, on each loop. Its package brings them along."""

from dataclasses import dataclass

import pytest
from children import Flavour, run_to_end, words_of
from needs import need_library
from test_clients import LOOPS

# The slowest of them take five on an idle machine. The watchdog of all tests waits for 90.
SECONDS = 80


@dataclass(frozen=True, slots=True)
class Subject:
    """Modules of Tornado's tests, and how many tests at least have to pass: a new release may move some elsewhere."""

    modules: tuple[str, ...]
    passed_at_least: int


SUBJECTS = {
    "coroutines": Subject(("gen", "concurrent", "locks", "queues"), 150),
    "loops": Subject(("ioloop", "asyncio", "testing"), 80),
    "sockets": Subject(("iostream", "tcpclient", "tcpserver", "netutil", "process"), 200),
    "http": Subject(("httpserver", "http1connection", "web", "websocket"), 350),
}


@pytest.mark.timeout(SECONDS + 5)
@pytest.mark.parametrize("name", SUBJECTS)
def test_tornado_own_tests(name: str, plain_flavour: Flavour) -> None:
    """Issue 14, item 7: they pass on our loop as on asyncio's."""
    need_library("tornado")
    subject = SUBJECTS[name]
    modules = [f"tornado.test.{module}_test" for module in subject.modules]
    words = [*words_of("tornado_own_tests.py", plain_flavour), *modules]
    loop, loops, passed = run_to_end(words, plain_flavour, seconds=SECONDS).split()
    assert loop == LOOPS[plain_flavour.loop]
    assert int(loops) >= 1
    assert int(passed) >= subject.passed_at_least
