"""A native application for the tests of `vitok serve`: what it answers shows what it was told."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgi_apps import say
from vitok.http import App, Request, WebSocket


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[dict[str, Any]]:
    """Say on the standard output where it is."""
    say("started")
    yield {"answer": 42}
    say("ended")


app = App(lifespan=lifespan)


@app.get("/", name="index")
def index(request: Request) -> dict[str, Any]:
    """Tell what is known of the request and of the process."""
    return {
        "process": os.getpid(),
        "client": request.client,
        "scheme": request.scheme,
        "path": request.path,
        "url": str(request.url),
        "answer": request.state.get("answer"),
    }


@app.post("/size")
def size(request: Request) -> int:
    """Return the length of the content."""
    return len(request.read())


@app.get("/sleep/{seconds:float}")
async def sleep(request: Request) -> str:
    """Answer after so many seconds, and say if that was cut short."""
    try:
        say("sleeping")
        await asyncio.sleep(request.path_params["seconds"])
    except asyncio.CancelledError:
        say("cancelled")
        raise
    return "slept"


@app.get("/blocking", blocking=True)
def blocking(request: Request) -> str:
    """Answer from a thread, after the process was asked to end."""
    say("sleeping")
    os.kill(os.getpid(), signal.SIGTERM)
    return "blocked"


@app.get("/fails")
def fails(request: Request) -> None:
    """Raise."""
    raise ValueError("on purpose")


@app.websocket("/socket")
async def socket(socket: WebSocket) -> None:
    """Wait for the end, and say how it came."""
    await socket.accept()
    await socket.send("open")
    async for _ in socket:
        pass
    assert socket.closed is not None
    say(f"closed {socket.closed.code}")


@asynccontextmanager
async def failing(_: App) -> AsyncIterator[None]:
    """Fail to start."""
    raise LookupError("no database")
    yield


broken = App(lifespan=failing)


def made() -> App:
    """A factory."""
    return app
