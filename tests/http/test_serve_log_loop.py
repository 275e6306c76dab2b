"""Messages of the loop in asyncio's log while `vitok serve` runs: in the format of the server's own lines.

The causes of messages are not tested here.
"""

import logging
import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from served import serving
from vitok.http.log import Log

pytestmark = pytest.mark.vitok_only

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} (WARNING|ERROR) \[\d+\] ")
# Descriptors that a server has in use before anybody connects, and some more.
DESCRIPTORS = 24


@contextmanager
def without_root_handlers() -> Iterator[None]:
    """pytest has handlers of its own at the root, which a server does not have."""
    root, loop = logging.getLogger(), logging.getLogger("asyncio")
    before = root.handlers[:], loop.handlers[:]
    root.handlers[:], loop.handlers[:] = [], []
    try:
        yield
    finally:
        root.handlers[:], loop.handlers[:] = before


def test_the_loop_speaks_in_the_log_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    """A line of asyncio's has the time, the level and the process; afterwards logging is as it was."""
    with without_root_handlers():
        log = Log(is_owner=True)
        logging.getLogger("asyncio").warning("socket.send() raised exception.")
        log.close()
        assert logging.getLogger("asyncio").handlers == []
    err = capsys.readouterr().err
    assert LINE.match(err)
    assert err.endswith("socket.send() raised exception.\n")


@pytest.mark.parametrize("name", ["asyncio", ""])
def test_an_application_that_has_a_handler_keeps_it_to_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said twice, also where the handler is set after the server has begun."""
    with without_root_handlers():
        log = Log(is_owner=True)
        logging.getLogger(name).addHandler(logging.StreamHandler())
        logging.getLogger("asyncio").warning("once")
        log.close()
    assert capsys.readouterr().err == "once\n"


def test_a_shortage_of_descriptors_is_told_in_the_format_of_the_log() -> None:
    """Clients come until accepting fails."""
    with serving() as served, ExitStack() as clients:
        resource.prlimit(served.child.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        for _ in range(DESCRIPTORS):
            clients.enter_context(socket.create_connection(("127.0.0.1", served.port)))
        served.read_until("Too many open files|out of system resource")
        assert served.errors.count("\n") >= 2
        served.end()
    lines = [line for line in served.errors.splitlines() if "out of system resource" in line]
    assert lines
    assert all(LINE.match(line) for line in lines)


def test_two_servers_in_a_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Each message is written once, also after one of them has ended."""
    with without_root_handlers():
        first, second = Log(is_owner=True), Log(is_owner=True)
        logging.getLogger("asyncio").warning("of the loop")
        second.logger.warning("of the second")
        first.close()
        logging.getLogger("asyncio").warning("after the first")
        second.logger.warning("also after it")
        second.close()
    said = [line.partition("] ")[2] for line in capsys.readouterr().err.splitlines()]
    assert said == ["of the loop", "of the second", "after the first", "also after it"]
