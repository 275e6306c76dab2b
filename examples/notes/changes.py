"""Tells everybody who waits that something has changed, as a number that grows with each change.

Who reads slowly gets the latest number only, so nothing is kept for anybody. HTTP is not known here.
"""

import asyncio
import time
from collections.abc import AsyncGenerator


class Changes:
    """A count of changes that can be followed."""

    def __init__(self) -> None:
        # A count that goes on where no earlier process has been, so that a page notices a restart.
        self.count = time.time_ns() // 1000
        self.changed = asyncio.Event()

    def publish(self) -> None:
        """Count a change, and wake everybody who waits for one."""
        self.count += 1
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    async def follow(self) -> AsyncGenerator[int, None]:
        """Yield the count as it is now, and again after it has changed."""
        while True:
            count, changed = self.count, self.changed
            yield count
            await changed.wait()
