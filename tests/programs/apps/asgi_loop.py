"""An ASGI application that answers every request with the class of the running loop.

It knows nothing of who asks or serves.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from scene import loop_name

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer. Of a lifespan nothing but its beginning and end is noticed."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": loop_name().encode()})
