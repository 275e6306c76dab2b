"""Applications for the tests of WebSockets under `vitok serve`: what they send shows what they were told.

They know nothing of who serves them.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def say(word: str) -> None:
    """Write a line in one piece: other processes write to the same pipe."""
    os.write(1, f"{word}\n".encode())


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Echoes, and says how each connection has ended; /silent receives nothing, /deaf sends nothing but a greeting."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"plain"})
    elif scope["path"] == "/silent":
        await receive()
        await send({"type": "websocket.accept"})
        say("begun")
        await asyncio.Event().wait()
    else:
        await echo(scope, receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    """A whole lifespan."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Sends what of its scope goes into JSON and its process, then echoes to the end."""
    await receive()
    await send({"type": "websocket.accept"})
    names = ("path", "root_path", "scheme", "client", "server", "subprotocols", "extensions")
    told = {name: scope.get(name) for name in names} | {"process": os.getpid()}
    await send({"type": "websocket.send", "text": json.dumps(told, default=repr)})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
    say(f"ended {event['code']} {event['reason']!r}")
