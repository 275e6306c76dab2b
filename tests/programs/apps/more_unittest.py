"""Tests of unittest's own class for coroutines, on the default loop: on vitok's it is started with `python -m vitok`.

It knows nothing of who runs it.
"""

import asyncio
import contextvars
import io
import unittest
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scene import loop_name

place = contextvars.ContextVar("place", default="nowhere")
names = set()


@asynccontextmanager
async def placed() -> AsyncIterator[None]:
    """A place, in the context that all parts of a test share."""
    token = place.set("test")
    yield
    place.reset(token)


class Coroutines(unittest.IsolatedAsyncioTestCase):
    """Set-up, tests and clean-up on one loop."""

    async def asyncSetUp(self) -> None:
        """Begin something that the test ends."""
        await self.enterAsyncContext(placed())
        self.queue: asyncio.Queue[int] = asyncio.Queue(1)
        self.producer = asyncio.create_task(self.produce())
        self.addAsyncCleanup(asyncio.wait, [self.producer])

    async def produce(self) -> None:
        """Put numbers."""
        for number in range(3):
            await self.queue.put(number)

    async def test_shares_loop_and_context(self) -> None:
        """What was begun before goes on."""
        names.add(loop_name())
        self.assertEqual([await self.queue.get() for _ in range(3)], [0, 1, 2])  # noqa: PT009 - it is unittest
        self.assertEqual(place.get(), "test")  # noqa: PT009 - it is unittest

    async def test_leaves_tasks(self) -> None:
        """What still runs is cancelled at the end."""
        self.producer.cancel()
        self.left = asyncio.create_task(asyncio.Event().wait())


if __name__ == "__main__":
    report = io.StringIO()
    result = unittest.TextTestRunner(report).run(unittest.defaultTestLoader.loadTestsFromTestCase(Coroutines))
    print(*names if result.wasSuccessful() else report.getvalue())
