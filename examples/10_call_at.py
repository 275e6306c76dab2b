"""A callback at a time: `loop.call_at` takes a time of the loop's own clock, `loop.time()`.

Callbacks a fixed step apart do not drift, because each deadline is counted from the one before and not from when the
callback ran. The program runs on any loop.
"""

import asyncio

STEP_SECONDS = 0.01
TICKS = 3


def tick(number: int, deadline: float, over: asyncio.Future[None]) -> None:
    """Print whether a deadline was kept, and schedule the next one."""
    loop = asyncio.get_running_loop()
    # A loop may run a timer that is due within the resolution of its clock, which is not early.
    early = loop.time() < deadline - 0.001
    print(f"tick {number}: {'too early' if early else 'on time'}")
    if number == TICKS:
        over.set_result(None)
        return
    loop.call_at(deadline + STEP_SECONDS, tick, number + 1, deadline + STEP_SECONDS, over)


async def main() -> None:
    """Start the ticks one step from now."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    first = loop.time() + STEP_SECONDS
    handle = loop.call_at(first, tick, 1, first, over)
    print("the handle knows its moment:", handle.when() == first)
    await over


asyncio.run(main())
