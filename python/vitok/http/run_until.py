"""Work that an event ends early. The kind of work is not known here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_until(event: asyncio.Event, work: Coroutine[Any, Any, object]) -> bool:
    """Do the work unless the event is set first, which cancels it. Return whether the work was completed."""
    if event.is_set():
        work.close()
        return False
    task, waiter = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    both: set[asyncio.Future[Any]] = {task, waiter}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        is_done = task.done()
    finally:
        for one in both:
            one.cancel()
        await asyncio.wait(both)
    if is_done:
        task.result()
    return is_done
