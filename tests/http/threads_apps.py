"""An application for tests of server threads: each request is answered with the thread, and some block or end it.

What a path does is in the table below; who serves is not known here.
"""

import asyncio
import contextvars
import gc
import os
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from asgi_apps import Receive, Send, answer, say

marker = contextvars.ContextVar("marker", default="unset")
marker.set("set at import")
startups = 0


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answers with the thread, the process, and what both have in common."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    path = scope["path"]
    if path in ACTIONS:
        await ACTIONS[path]()
    elif path.startswith("/sleep/"):
        say(f"begun in {threading.current_thread().name}")
        await asyncio.sleep(float(path.removeprefix("/sleep/")))
    await answer(send, seen(scope))


async def lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """A lifespan whose state every request has; it says where it runs."""
    global startups
    await receive()
    startups += 1
    scope["state"]["token"] = f"token {startups}"
    asyncio.get_running_loop().set_exception_handler(handle)
    say(f"startup in {threading.current_thread().name}")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say(f"shutdown in {threading.current_thread().name}, {len(threading.enumerate())} threads")
    await send({"type": "lifespan.shutdown.complete"})


def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler, which a program sets for the loops that serve."""
    say(f"handled in {threading.current_thread().name}: {context['exception']!r}")


def seen(scope: dict[str, Any]) -> dict[str, Any]:
    """What a request sees."""
    loop = asyncio.get_running_loop()
    return {
        "thread": threading.current_thread().name,
        "process": os.getpid(),
        "threads": len(os.listdir("/proc/self/task")) if sys.platform == "linux" else threading.active_count(),
        "token": scope["state"].get("token"),
        "marker": marker.get(),
        "debug": loop.get_debug(),
        "loop": id(loop),
        "client": list(scope["client"] or []),
    }


async def block() -> None:
    """Blocks the loop until the FIFO named by GATE has a writer."""
    say(f"blocked {threading.current_thread().name}")
    Path(os.environ["GATE"]).read_bytes()


async def leave() -> NoReturn:
    """Ends the thread's loop."""
    raise SystemExit(7)


async def interrupt() -> NoReturn:
    """Ends it, too."""
    raise KeyboardInterrupt


async def stop() -> None:
    """Stops the loop behind the server's back."""
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)


async def recurse() -> None:
    """Uses all of the stack."""

    def deeper() -> None:
        deeper()

    deeper()


async def fail_later() -> None:
    """An exception in a callback, which the loop's handler gets."""
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)


async def leave_task() -> None:
    """A task that swallows its cancellation."""

    async def stay() -> None:
        while True:
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                continue

    kept.append(asyncio.create_task(stay()))


async def collect() -> None:
    """A collection, which stops all threads."""
    gc.collect()


kept: list[Any] = []
ACTIONS = {
    "/block": block,
    "/exit": leave,
    "/interrupt": interrupt,
    "/stop": stop,
    "/recurse": recurse,
    "/fail-later": fail_later,
    "/leave-task": leave_task,
    "/collect": collect,
}
