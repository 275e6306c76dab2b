"""One after another: `await` runs a coroutine to its end before the next line is reached.

Awaiting alone is not concurrency: the second step starts only after the end of the first. The program runs on any loop:
`python examples/01_sequential.py` uses asyncio's own, `vitok run examples/01_sequential.py` vitok's.
"""

import asyncio


async def step(name: str, seconds: float) -> str:
    """Sleep, and print when that begins and ends."""
    print(f"{name}: begins")
    await asyncio.sleep(seconds)
    print(f"{name}: over")
    return name


async def main() -> None:
    """Await two steps in turn."""
    results = [await step("first", 0.02), await step("second", 0.01)]
    print("results:", ", ".join(results))


asyncio.run(main())
