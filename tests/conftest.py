"""The fixtures of all behaviour tests: which loop a test runs on, and what no test may leave behind.

A test that asks for `loop_name`, `new_loop` or `loop` runs twice, on asyncio's own loop and on ours, with the same
assertions. Around every test: no descriptor left open, no unexpected error in asyncio's log, and a watchdog behind the
time limit of pyproject.toml, which also makes every warning an error (an unraisable exception is a warning to pytest).
It does not know what is tested.
"""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
from collections.abc import Callable, Iterator

import pytest
from support import LOOP_NAMES, ErrorLog, loop_factory, open_descriptors

# A test that hangs is ended by pytest-timeout after a minute, by a signal. Where the signal can't end it because native
# code holds the interpreter, the watchdog ends the run from a thread of its own.
WATCHDOG_SECONDS = 90

watchdog_output: int | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--loop asyncio` runs only the half of the tests which needs no native module: for writing tests."""
    parser.addoption("--loop", choices=LOOP_NAMES, help="run the tests that take a loop on this one only")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real standard error for the watchdog before pytest captures it, and hear Ctrl-C."""
    global watchdog_output
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in the background like that, and every child of a test would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "vitok_only: a promise of ours alone, for which asyncio is no oracle")
    watchdog_output = os.dup(2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the watchdog's descriptor back."""
    if watchdog_output is not None:
        faulthandler.cancel_dump_traceback_later()
        os.close(watchdog_output)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--loop asyncio`, leave out what is about ours alone."""
    if config.getoption("--loop") == "asyncio":
        items[:] = [item for item in items if item.get_closest_marker("vitok_only") is None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each loop."""
    if "loop_name" in metafunc.fixturenames:
        only = metafunc.config.getoption("--loop")
        metafunc.parametrize("loop_name", [only] if only else LOOP_NAMES)


def pytest_collection_finish() -> None:
    """Leave what is imported by now out of the full collection that ends each test, which is then quick."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """End the whole run with all stacks if a test outlives every other limit."""
    if watchdog_output is not None:
        faulthandler.dump_traceback_later(WATCHDOG_SECONDS, exit=True, file=watchdog_output)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def no_descriptor_left(watchdog: None) -> Iterator[None]:
    """A test leaves exactly the descriptors open which it found: a loop that leaks one fails whatever it tested."""
    before = open_descriptors()
    yield
    leaked = {number: name for number, name in open_descriptors().items() if before.get(number) != name}
    assert not leaked, f"left open: {leaked}"


@pytest.fixture(autouse=True)
def error_log(no_descriptor_left: None) -> Iterator[ErrorLog]:
    """Nothing that asyncio logs as an error goes unseen."""
    log = ErrorLog()
    logger = logging.getLogger("asyncio")
    logger.addHandler(log)
    yield log
    # What is unreachable by now speaks up now: futures log exceptions never looked at, sockets and loops warn.
    gc.collect()
    logger.removeHandler(log)
    assert not log.records, [record.getMessage() for record in log.records]


@pytest.fixture
def new_loop(loop_name: str, error_log: ErrorLog) -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    """Makes loops of the kind under test, as many as asked for, and closes them afterwards."""
    factory = loop_factory(loop_name)
    made: list[asyncio.AbstractEventLoop] = []

    def make() -> asyncio.AbstractEventLoop:
        made.append(factory())
        return made[-1]

    yield make
    for loop in made:
        loop.close()


@pytest.fixture
def loop(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> asyncio.AbstractEventLoop:
    """One fresh loop of the kind under test."""
    return new_loop()
