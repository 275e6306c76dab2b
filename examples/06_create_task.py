"""In the background: `asyncio.create_task` schedules a coroutine at once; it runs whenever its creator waits.

The program has a task that starts at the creator's first `await`, one that is awaited later, one that is cancelled, and
a callback at the end of a task. It runs on any loop.
"""

import asyncio


async def count(name: str, last: int) -> int:
    """Count to a number, one turn of the loop for each."""
    for number in range(1, last + 1):
        print(f"{name}: {number}")
        await asyncio.sleep(0)
    return last


async def forever() -> None:
    """Wait for ever."""
    await asyncio.get_running_loop().create_future()


async def main() -> None:
    """Create tasks, check that none has run yet, then let them run."""
    counting = asyncio.create_task(count("background", 3), name="counting")
    counting.add_done_callback(lambda task: print("callback:", task.get_name(), "is done"))
    waiting = asyncio.create_task(forever(), name="waiting")
    print("created, nothing has run yet")
    await count("foreground", 2)
    print("result:", await counting)
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        print("waiting: cancelled", waiting.cancelled())


asyncio.run(main())
