"""A chat of WebSockets as a plain ASGI application: each message goes to everybody who is there.

    vitok serve chat:app --app-dir examples

In a browser's console: `socket = new WebSocket("ws://127.0.0.1:8000"); socket.onmessage = (event) =>
console.log(event.data)`, then `socket.send("hello")`. Any ASGI server with WebSockets runs it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

present: set[Send] = set()


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
    """Take part in the chat until the client leaves."""
    if scope["type"] != "websocket":
        raise NotImplementedError("this application has WebSockets only")
    await receive()
    await send({"type": "websocket.accept"})
    present.add(send)
    try:
        await tell_all(f"{len(present)} here")
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") is not None:
                await tell_all(message["text"])
    finally:
        present.discard(send)


async def tell_all(text: str) -> None:
    """Send a text to everybody at the same time: who reads slowly delays the sender, but no other recipient."""
    await asyncio.gather(*(tell(send, text) for send in present))


async def tell(send: Send, text: str) -> None:
    """Send a text to one, who may have left meanwhile."""
    with contextlib.suppress(OSError):
        await send({"type": "websocket.send", "text": text})
