"""Side by side: `asyncio.gather` runs coroutines together and returns their results in the order of its arguments.

All begin before any ends, the shortest ends first, and the results are still in the order of the arguments. The program
runs on any loop.
"""

import asyncio


async def step(name: str, after: asyncio.Event | None, done: asyncio.Event) -> str:
    """Wait for another step if one is given, then tell the step that waits for this one."""
    print(f"{name}: begins")
    if after is not None:
        await after.wait()
    print(f"{name}: over")
    done.set()
    return name


async def main() -> None:
    """Start three steps at once; each waits for the one after it, so they end in the opposite order."""
    first, second, third = asyncio.Event(), asyncio.Event(), asyncio.Event()
    results = await asyncio.gather(
        step("first", second, first), step("second", third, second), step("third", None, third)
    )
    print("results:", ", ".join(results))


asyncio.run(main())
