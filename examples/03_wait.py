"""Side by side, with a condition: `asyncio.wait` returns when the first ends, when one fails, or when all end.

It returns two sets; the caller awaits or cancels the pending tasks. The program runs on any loop.
"""

import asyncio


async def answer(name: str, gate: asyncio.Event) -> str:
    """Answer as soon as the gate is open."""
    await gate.wait()
    return name


def names(tasks: set[asyncio.Task[str]]) -> str:
    """Return the names of some tasks in alphabetical order: a set has no order."""
    return ", ".join(sorted(task.get_name() for task in tasks)) or "none"


async def main() -> None:
    """Open one gate of two, wait for the first answer, then cancel the one that is still waiting."""
    open_gate, shut_gate = asyncio.Event(), asyncio.Event()
    open_gate.set()
    tasks = {
        asyncio.create_task(answer("quick", open_gate), name="quick"),
        asyncio.create_task(answer("stuck", shut_gate), name="stuck"),
    }
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    print("done:", names(done))
    print("pending:", names(pending))
    for task in pending:
        task.cancel()
    done, pending = await asyncio.wait(pending, return_when=asyncio.ALL_COMPLETED)
    print("cancelled:", names({task for task in done if task.cancelled()}))
    print("left:", names(pending))


asyncio.run(main())
