"""With a time limit: `asyncio.wait_for` returns the result in time, or cancels what it waits for and raises
TimeoutError.

Both outcomes are shown; the coroutine that was too slow is cancelled before the caller gets the exception. The program
runs on any loop.
"""

import asyncio

# Long enough for a loaded machine, and never waited for in full.
GENEROUS_SECONDS = 30.0
# Waited for in full, so it is short: the slow coroutine never ends by itself.
SHORT_SECONDS = 0.02


async def quick() -> str:
    """Answer after one turn of the loop."""
    await asyncio.sleep(0)
    return "an answer"


async def slow() -> str:
    """Wait for ever, and print when that is cancelled."""
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        print("slow: cancelled")
        raise
    return "never"


async def main() -> None:
    """Call the quick one and the slow one."""
    print("quick:", await asyncio.wait_for(quick(), GENEROUS_SECONDS))
    try:
        await asyncio.wait_for(slow(), SHORT_SECONDS)
    except TimeoutError:
        print("slow: out of time")


asyncio.run(main())
