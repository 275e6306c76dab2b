"""Results as they come: `asyncio.as_completed` yields the next result that is ready, in any order.

Three answers are taken in the order in which they were ready. The program runs on any loop.
"""

import asyncio


async def answer(name: str, gate: asyncio.Event) -> str:
    """Answer once the gate is open."""
    await gate.wait()
    return name


async def main() -> None:
    """Open the gates from the last to the first, one for each answer taken."""
    names = ["first", "second", "third"]
    gates = {name: asyncio.Event() for name in names}
    answers = asyncio.as_completed([answer(name, gates[name]) for name in names])
    for opened, next_answer in zip(reversed(names), answers, strict=True):
        gates[opened].set()
        print("opened", opened, "- came", await next_answer)


asyncio.run(main())
