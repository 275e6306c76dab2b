"""The application that every ASGI server of the benchmarks serves for WebSocket: an echo, or at /broadcast for all.

It is as plain as possible, so that the server is measured. Servers and rows are not known here. ASGI 3.0, WebSocket
message format 2.5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

ACCEPT: Final = {"type": "websocket.accept"}
# Those who get every broadcast.
members: Final[set[Send]] = set()


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends each message back, on its connection or on all of them."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    await receive()
    if scope["path"] == "/broadcast":
        await _broadcast(receive, send)
    else:
        await send(ACCEPT)
        await _echo(receive, send)


async def _echo(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send(_answer(message))


async def _broadcast(receive: Receive, send: Send) -> None:
    # Before the client knows that it is accepted, so that the first broadcast reaches everyone.
    members.add(send)
    try:
        await send(ACCEPT)
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            answer = _answer(message)
            for member in list(members):
                try:
                    await member(answer)
                # Servers differ in what they raise for a client that has left.
                except Exception:
                    members.discard(member)
    finally:
        members.discard(send)


def _answer(message: dict[str, Any]) -> dict[str, Any]:
    # A server may leave out the other key, or set it to None.
    text = message.get("text")
    if text is not None:
        return {"type": "websocket.send", "text": text}
    return {"type": "websocket.send", "bytes": message["bytes"]}


async def _live(receive: Receive, send: Send) -> None:
    """Implements the lifespan protocol (ASGI, lifespan 2.0): there is nothing to start or to stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
