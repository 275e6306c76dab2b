"""Fixtures of all behaviour tests: the loop of a test, and checks that a test leaves nothing behind.

A test with `loop_name`, `new_loop` or `loop` as an argument runs twice, on asyncio's own loop and on vitok's, with the
same assertions. After every test these are checked: no descriptor is left open, and asyncio's log has no unexpected
error. A watchdog supports the time limit of pyproject.toml, which also makes every warning an error (an unraisable
exception is a warning to pytest).
"""

import asyncio
import faulthandler
import gc
import itertools
import logging
import os
import signal
from collections.abc import Callable, Iterator

import pytest
import wires
from support import LOOP_NAMES, ErrorLog, collect, loop_factory, open_descriptors

# pytest-timeout ends a test that hangs after a minute, by a signal. If native code holds the interpreter, so that the
# signal has no effect, the watchdog ends the run from a thread of its own.
WATCHDOG_SECONDS = 90
# The full collection after each test visits every object that there is, and pytest keeps some of each test: in the end
# collections would take more time than tests. The objects of this many tests take a fraction of a millisecond.
TESTS_PER_FREEZE = 50

watchdog_output: int | None = None
finished = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--loop asyncio`, for writing tests: it runs only the half of the tests that needs no native module."""
    parser.addoption("--loop", choices=LOOP_NAMES, help="run the tests that take a loop on this one only")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real standard error for the watchdog before pytest captures it, and enable Ctrl-C and SIGHUP."""
    global watchdog_output
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell ignores the signal for background processes, and every child of a test would inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # nohup ignores this one.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.addinivalue_line("markers", "both_wires: a test that runs once for each version of HTTP")
    for version in (1, 2):
        config.addinivalue_line(
            "markers", f"http{version}_only(reason): among both_wires, a test of this version alone"
        )
    config.addinivalue_line("markers", "vitok_only: a promise of ours alone, for which asyncio is no oracle")
    watchdog_output = os.dup(2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the descriptor of the watchdog."""
    if watchdog_output is not None:
        faulthandler.cancel_dump_traceback_later()
        os.close(watchdog_output)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests that are not for their version of HTTP and, with `--loop asyncio`, tests of vitok alone."""
    items[:] = filter(wires.is_wanted, items)
    if config.getoption("--loop") == "asyncio":
        items[:] = [item for item in items if item.get_closest_marker("vitok_only") is None]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each loop, and for each version of HTTP if its marks say so."""
    if "loop_name" in metafunc.fixturenames:
        only = metafunc.config.getoption("--loop")
        metafunc.parametrize("loop_name", [only] if only else LOOP_NAMES)
    if metafunc.definition.get_closest_marker("both_wires"):
        metafunc.parametrize("wire", wires.WIRES, indirect=True)


def pytest_collection_finish() -> None:
    """Exclude everything imported by now from the full garbage collection after each test, which is then fast."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """Exclude now and then what is kept of the tests so far: reports. Nothing of a running test exists now."""
    if next(finished) % TESTS_PER_FREEZE == 0:
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
    """Check that a test leaves exactly the descriptors open that it found: a leak of the loop fails any test."""
    before = open_descriptors()
    yield
    leaked = {number: name for number, name in open_descriptors().items() if before.get(number) != name}
    assert not leaked, f"left open: {leaked}"


@pytest.fixture(autouse=True)
def error_log(no_descriptor_left: None) -> Iterator[ErrorLog]:
    """Fail a test for every error in asyncio's log that it does not expect."""
    log = ErrorLog()
    logger = logging.getLogger("asyncio")
    logger.addHandler(log)
    yield log
    # Unreachable objects are finalized now: futures log exceptions that were never retrieved, sockets and loops warn.
    collect()
    logger.removeHandler(log)
    assert not log.records, [record.getMessage() for record in log.records]


@pytest.fixture(autouse=True)
def wire(request: pytest.FixtureRequest) -> Iterator[str]:
    """The version of HTTP that clients of the test speak: HTTP/1.1, if its marks say nothing else."""
    version: str = getattr(request, "param", wires.HTTP1)
    wires.choose(version)
    yield version
    wires.choose(wires.HTTP1)


@pytest.fixture
def new_loop(loop_name: str, error_log: ErrorLog) -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    """Make loops of the kind under test, as many as needed, and close them afterwards."""
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
    """A new loop of the kind under test."""
    return new_loop()
