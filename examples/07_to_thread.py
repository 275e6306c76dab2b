"""Blocking work in a thread: `asyncio.to_thread` lets the loop continue while a thread of the pool blocks.

The loop keeps running turns while the thread waits, the thread has the context variables of its caller, and an
exception is passed back. The program runs on any loop.
"""

import asyncio
import contextvars
import threading

request = contextvars.ContextVar("request", default="none")


def block(gate: threading.Event) -> str:
    """Block the thread until the loop opens the gate; return the request that it belongs to."""
    gate.wait()
    return f"request {request.get()}, loop's own thread: {threading.current_thread() is threading.main_thread()}"


def fail() -> None:
    """Fail in the thread."""
    raise ValueError("no such file")


async def main() -> None:
    """Start blocking work, let the loop run turns meanwhile, and only then let the work end."""
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
