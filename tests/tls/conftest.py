"""Fixtures of the tests of TLS transports: a loop of each implementation, and contexts.

A test with `engine`, `new_loop` or `loop` as an argument runs three times: on asyncio's own loop, which is the oracle,
and on ours with each of the engines.
"""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from support import ErrorLog, loop_factory
from tls_certificates import Contexts, make_contexts
from tls_support import IMPLEMENTATIONS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each implementation."""
    if "engine" not in metafunc.fixturenames:
        return
    implementations = list(IMPLEMENTATIONS)
    if metafunc.config.getoption("--loop") is not None:
        is_asyncio = metafunc.config.getoption("--loop") == "asyncio"
        implementations = [name for name in implementations if (name == "asyncio") == is_asyncio]
    if metafunc.definition.get_closest_marker("vitok_only"):
        implementations = [name for name in implementations if name != "asyncio"]
    metafunc.parametrize("engine", implementations)


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """Contexts of servers and clients."""
    return make_contexts(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def new_loop(
    engine: str, error_log: ErrorLog, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    """Make loops of the implementation under test, as many as needed, and close them afterwards."""
    if engine != "asyncio":
        # For a child of the test.
        monkeypatch.setenv("VITOK_TLS", engine)
        monkeypatch.setattr("vitok._tls.wanted", engine)
    factory = loop_factory("asyncio" if engine == "asyncio" else "vitok")
    made: list[asyncio.AbstractEventLoop] = []

    def make() -> asyncio.AbstractEventLoop:
        made.append(factory())
        return made[-1]

    yield make
    for loop in made:
        loop.close()


@pytest.fixture
def loop(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> asyncio.AbstractEventLoop:
    """A new loop of the implementation under test."""
    return new_loop()
