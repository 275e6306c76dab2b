"""What an application sees behind a proxy, and what a proxy has to pass on: uploads, event streams, WebSockets.

It is served by `vitok serve`, and knows no proxy.
"""

import asyncio
import json
from typing import Any

# The stream of events waits for this: its client has to see an event before the next one is sent.
next_event = asyncio.Event()
# The client of a stream has disconnected.
client_left = asyncio.Event()


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer by the path."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["path"] == "/events":
        await events(send)
    elif scope["path"] == "/abandoned":
        await abandoned(receive, send)
    elif scope["path"] == "/left":
        await client_left.wait()
        await answer(send, {})
    elif scope["path"] == "/next":
        next_event.set()
        await answer(send, {})
    else:
        await answer(send, {**seen(scope), "bytes": await received(receive)})


def seen(scope: dict[str, Any]) -> dict[str, Any]:
    """What the scope says of the client."""
    fields = {name.decode(): value.decode() for name, value in scope["headers"]}
    host, port = fields.get("host", ""), fields.get("x-forwarded-port", "")
    return {"client": scope["client"], "scheme": scope["scheme"], "host": host, "port": port, "path": scope["path"]}


async def received(receive: Any) -> int:
    """The bytes of the request's content."""
    count = 0
    while True:
        message = await receive()
        count += len(message.get("body", b""))
        if not message.get("more_body"):
            return count


async def answer(send: Any, value: Any) -> None:
    """Send a value as JSON."""
    body = json.dumps(value).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def events(send: Any) -> None:
    """Send an event, wait until it has been seen, and send the last one."""
    next_event.clear()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
    await next_event.wait()
    await send({"type": "http.response.body", "body": b"data: last\n\n"})


async def abandoned(receive: Any, send: Any) -> None:
    """Send an event, and nothing more until the client has disconnected."""
    client_left.clear()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass
    client_left.set()


async def echo(receive: Any, send: Any) -> None:
    """Return the messages of a WebSocket."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
