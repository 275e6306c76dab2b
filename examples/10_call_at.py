"""A callback at a moment: `loop.call_at` takes a moment of the loop's own clock, `loop.time()`.

Shows callbacks a fixed step apart that do not drift, because each deadline is counted from the one before and not from
when the callback ran. It knows nothing of which loop runs it.
"""

import asyncio

STEP_SECONDS = 0.01
TICKS = 3


def tick(number: int, deadline: float, over: asyncio.Future[None]) -> None:
    """Say that a deadline was kept, and ask for the next one."""
    loop = asyncio.get_running_loop()
    # A loop may run a timer that is due within the resolution of its clock; less than that is not early.
    early = loop.time() < deadline - 0.001
    print(f"tick {number}: {'too early' if early else 'on time'}")
    if number == TICKS:
        over.set_result(None)
        return
    loop.call_at(deadline + STEP_SECONDS, tick, number + 1, deadline + STEP_SECONDS, over)


async def main() -> None:
    """Start the ticking one step from now."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    first = loop.time() + STEP_SECONDS
    handle = loop.call_at(first, tick, 1, first, over)
    print("the handle knows its moment:", handle.when() == first)
    await over


asyncio.run(main())
