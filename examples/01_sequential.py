"""One after another: `await` runs a coroutine to its end before the next line is reached.

Shows that awaiting is not yet concurrency: the second step starts only when the first is over. It knows nothing of
which loop runs it: `python examples/01_sequential.py` is asyncio's own, `vitok run examples/01_sequential.py` is ours.
"""

import asyncio


async def step(name: str, seconds: float) -> str:
    """Sleep, and say when it began and when it was over."""
    print(f"{name}: begins")
    await asyncio.sleep(seconds)
    print(f"{name}: over")
    return name


async def main() -> None:
    """Await two steps in turn."""
    results = [await step("first", 0.02), await step("second", 0.01)]
    print("results:", ", ".join(results))


asyncio.run(main())
