"""Applications that leave something running for ever; the path of a request selects it.

Each prints `begun`, so that a test knows when to ask for the end.
"""

import asyncio
import atexit
import os
import threading
import time
from typing import Any

from asgi_apps import Receive, Send, answer, say

FOR_EVER = 1000
kept: list[Any] = []


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Starts what the path selects, and answers if it still can."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    begin = {
        "/task": begin_task,
        "/generator": begin_generator,
        "/executor": begin_executor,
        "/thread": begin_thread,
        "/atexit": begin_atexit,
    }.get(scope["path"])
    if begin is not None:
        await begin()
    say("begun")
    if scope["path"] == "/request":
        await stay()
    elif scope["path"] == "/sleep":
        time.sleep(FOR_EVER)
    elif scope["path"] == "/spin":
        while True:
            pass
    await answer(send, "left behind")


async def lifespan(receive: Receive, send: Send) -> None:
    """A lifespan whose end hangs, or whose start blocks, if the environment says so."""
    await receive()
    if os.environ.get("HANGS") == "startup":
        time.sleep(FOR_EVER)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if os.environ.get("HANGS") == "lifespan":
        await stay()
    say("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


async def stay() -> None:
    """Swallows every cancellation."""
    while True:
        try:
            await asyncio.sleep(FOR_EVER)
        except asyncio.CancelledError:
            continue


async def begin_task() -> None:
    """Starts a task that belongs to no request."""
    kept.append(asyncio.create_task(stay()))


async def begin_generator() -> None:
    """Starts an asynchronous generator that does not close."""

    async def generate() -> Any:
        try:
            yield
        finally:
            await stay()

    kept.append(generate())
    await anext(kept[-1])


async def begin_executor() -> None:
    """Starts a thread of the loop's executor, for which the interpreter waits."""
    kept.append(asyncio.get_running_loop().run_in_executor(None, time.sleep, FOR_EVER))


async def begin_thread() -> None:
    """Starts a thread of the application, for which the interpreter waits."""
    threading.Thread(target=time.sleep, args=(FOR_EVER,)).start()


async def begin_atexit() -> None:
    """Registers a function that the interpreter calls at its end."""
    atexit.register(time.sleep, FOR_EVER)
