"""Applications for the tests of `vitok serve`: what they answer shows what they were told.

They know nothing of who serves them.
"""

import asyncio
import json
import os
import signal
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answers with what it was told, in JSON: /sleep/1 after so many seconds, /status/204 with this status."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    if scope["path"] == "/error":
        raise LookupError("nothing there")
    if scope["path"] == "/exit":
        os._exit(7)
    if scope["path"].startswith("/sleep/"):
        await asyncio.sleep(float(scope["path"].removeprefix("/sleep/")))
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    status = int(scope["path"].removeprefix("/status/")) if scope["path"].startswith("/status/") else 200
    await answer(send, {**told(scope), "process": os.getpid(), "size": size}, status)


def told(scope: dict[str, Any]) -> dict[str, Any]:
    """What of a scope goes into JSON."""
    names = ("http_version", "path", "root_path", "scheme", "client", "asgi", "state")
    return {name: scope.get(name) for name in names} | {"query": scope["query_string"].decode()}


async def answer(send: Send, content: object, status: int = 200) -> None:
    """A response in JSON."""
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def say(word: str) -> None:
    """Write a line in one piece: other processes write to the same pipe."""
    os.write(1, f"{word}\n".encode())


async def lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """A whole lifespan, which says on the standard output where it is."""
    await receive()
    scope["state"]["answer"] = 42
    say("startup")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    say("shutdown")
    await send({"type": "lifespan.shutdown.complete"})


async def without_lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Knows HTTP and nothing else."""
    assert scope["type"] == "http"
    await app(scope, receive, send)


async def fails_to_start(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Says that it failed."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def fails_with_a_traceback(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Says at the start, or with the variable FAILS_AT=end at the end, what it failed of, as Starlette does."""
    if scope["type"] == "http":
        await app(scope, receive, send)
        return
    await receive()
    if os.environ.get("FAILS_AT") == "end":
        await send({"type": "lifespan.startup.complete"})
        await receive()
    try:
        raise LookupError("no database")
    except LookupError:
        when = "shutdown" if os.environ.get("FAILS_AT") == "end" else "startup"
        await send({"type": f"lifespan.{when}.failed", "message": traceback.format_exc()})


async def raises_at_startup(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Breaks before it answers."""
    await receive()
    raise LookupError("no database")


async def fails_to_end(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Starts, and says at the end that it failed."""
    if scope["type"] == "http":
        await app(scope, receive, send)
        return
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "no farewell"})


async def starts_for_ever(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Never answers."""
    await receive()
    say("starting")
    await asyncio.Event().wait()


async def hung_up_while_it_starts(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Gets SIGHUP before it is ready, and some turns to hear of it."""
    await receive()
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.sleep(0.05)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def make_app() -> Any:
    """A factory."""
    return app


class Holder:
    """Something with an attribute."""

    app = staticmethod(app)


class Old:
    """An application of ASGI 2."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Answer what the other one does."""
        await app(self.scope, receive, send)
