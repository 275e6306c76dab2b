"""Blocking work in a thread: `asyncio.to_thread` lets the loop go on while a thread of the pool blocks.

Shows that the loop keeps turning while the thread waits, that the thread sees the caller's context variables, and that
an exception comes back. It knows nothing of which loop runs it.
"""

import asyncio
import contextvars
import threading

request = contextvars.ContextVar("request", default="none")


def block(gate: threading.Event) -> str:
    """Block the thread until the loop opens the gate; say whose request this was."""
    gate.wait()
    return f"request {request.get()}, loop's own thread: {threading.current_thread() is threading.main_thread()}"


def fail() -> None:
    """Blocking work that goes wrong."""
    raise ValueError("no such file")


async def main() -> None:
    """Start blocking work, turn the loop meanwhile, and only then let the work end."""
    request.set("seventh")
    gate = threading.Event()
    work = asyncio.create_task(asyncio.to_thread(block, gate))
    for turn in range(1, 4):
        await asyncio.sleep(0)
        print("the loop turns:", turn)
    gate.set()
    print("thread:", await work)
    try:
        await asyncio.to_thread(fail)
    except ValueError as error:
        print("thread failed:", error)


asyncio.run(main())
