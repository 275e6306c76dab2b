"""With a time limit: `asyncio.wait_for` gives the result in time, or cancels what it waits for and raises TimeoutError.

Shows both ends, and that the coroutine that was too slow is cancelled before the caller hears of it. It knows nothing
of which loop runs it.
"""

import asyncio

# Long enough for a loaded machine to answer within it, and never waited for in full.
GENEROUS_SECONDS = 30.0
# Waited for in full, so it is short: the slow coroutine never ends by itself.
SHORT_SECONDS = 0.02


async def quick() -> str:
    """Answer after one turn of the loop."""
    await asyncio.sleep(0)
    return "an answer"


async def slow() -> str:
    """Wait for ever, and say when that is cut short."""
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        print("slow: cancelled")
        raise
    return "never"


async def main() -> None:
    """Ask the quick one and the slow one."""
    print("quick:", await asyncio.wait_for(quick(), GENEROUS_SECONDS))
    try:
        await asyncio.wait_for(slow(), SHORT_SECONDS)
    except TimeoutError:
        print("slow: out of time")


asyncio.run(main())
