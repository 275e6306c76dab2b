"""Loops for tests of what several threads may do."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from support import NewLoop
from thread_crews import loops_made


@pytest.fixture
def new_loop() -> Iterator[Callable[[], asyncio.AbstractEventLoop]]:
    """Make vitok's loops, as many as needed, and close them afterwards."""
    with loops_made() as make:
        yield make


@pytest.fixture
def loop(new_loop: NewLoop) -> asyncio.AbstractEventLoop:
    """A new loop."""
    return new_loop()
