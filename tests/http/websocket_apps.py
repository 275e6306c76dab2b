"""Applications of WebSockets for the tests of `vitok serve`. They know nothing of who serves them."""

import os
from typing import Any

from asgi_apps import app, say


async def waits(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Tells a client of a WebSocket which process this is, and says on the standard output how it has ended."""
    if scope["type"] != "websocket":
        await app(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": str(os.getpid())})
    while (message := await receive())["type"] != "websocket.disconnect":
        pass
    say(f"disconnected: {message['code']}")
