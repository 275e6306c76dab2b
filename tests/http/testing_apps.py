"""A plain ASGI application for the tests of `vitok.http.testing`: each path is something that a client meets."""

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

# Set by a test, read by the application.
word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="unset")
seen: list[str] = []
"""What the application has noticed."""


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve by the path."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    name = scope["path"].rpartition("/")[2]
    await PATHS.get(name, echo)(scope, receive, send)


async def lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Keep a state, and a task that goes on between requests."""
    await receive()
    scope["state"]["answer"] = 42
    scope["state"]["queue"] = asyncio.Queue()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    seen.append("ended")
    await send({"type": "lifespan.shutdown.complete"})


async def body_of(receive: Receive) -> tuple[bytes, int]:
    """Return the content, and the number of parts in which it came."""
    found, count = b"", 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise AssertionError(message)
        found += message["body"]
        count += 1
        if not message["more_body"]:
            return found, count


async def answer(
    send: Send, content: bytes, status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send a whole response."""
    await send({"type": "http.response.start", "status": status, "headers": headers or []})
    await send({"type": "http.response.body", "body": content})


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Tell what has arrived."""
    content, count = await body_of(receive)
    told = {
        "method": scope["method"],
        "scheme": scope["scheme"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode(),
        "root_path": scope["root_path"],
        "query": scope["query_string"].decode(),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "server": scope["server"],
        "client": scope["client"],
        "content": content.decode("latin-1"),
        "parts": count,
        "word": word.get(),
        "answer": (scope.get("state") or {}).get("answer"),
    }
    await answer(send, json.dumps(told).encode(), headers=[(b"content-type", b"application/json")])


async def cookie(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Set two cookies, one of them for another path."""
    cookies = [(b"set-cookie", b"session=one; Path=/"), (b"set-cookie", b"other=two; Path=/elsewhere")]
    await answer(send, b"", headers=cookies)


async def redirect(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Redirect to what the query says: status,location."""
    status, _, location = scope["query_string"].decode().partition(",")
    await body_of(receive)
    await answer(send, b"", int(status), [(b"Location", location.encode())])


async def circle(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Redirect to itself."""
    await answer(send, b"", 302, [(b"location", b"circle")])


async def fails(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Raise before the response."""
    raise ValueError("on purpose")


async def breaks(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Raise in the middle of the response."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError("on purpose")


async def silent(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Return without a response."""


async def counts(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send events without end, until the client leaves."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    number = 0
    try:
        while True:
            event = f": comment\nid: {number}\nevent: count\ndata: {number}\ndata: more\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
            number += 1
    except ConnectionResetError:
        seen.append("left")
        raise


async def waits(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send one part, and wait for the client to leave."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    seen.append((await receive())["type"])


async def ignores(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send one part, and wait for what never comes."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise


async def short(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send less than announced."""
    await answer(send, b"four", headers=[(b"content-length", b"5")])


async def empty(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send content with a status that has none."""
    await answer(send, b"dropped", 204)


async def latin(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send text in another charset."""
    await answer(send, "ä".encode("latin-1"), headers=[(b"content-type", b"text/plain; charset=iso-8859-1")])


async def puts(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Put something into the queue of the lifespan."""
    scope["state"]["queue"].put_nowait("something")
    await answer(send, b"")


async def takes(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Take it out again, in another request of the same loop."""
    await answer(send, (await scope["state"]["queue"].get()).encode())


async def after(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Do something after the response."""
    await answer(send, b"done")
    await asyncio.sleep(0)
    seen.append("after")


PATHS = {
    one.__name__: one
    for one in (
        after,
        breaks,
        circle,
        cookie,
        counts,
        empty,
        fails,
        ignores,
        latin,
        puts,
        redirect,
        short,
        silent,
        takes,
        waits,
    )
}
