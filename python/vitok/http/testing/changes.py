"""Waiting in a loop until a condition holds that code of the same loop makes true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Wakes everything that waits, at each change."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def notify(self, _: object = None) -> None:
        """Let every condition be looked at again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until the condition holds."""
        while not condition():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
