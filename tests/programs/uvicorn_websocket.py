"""What the tests of `vitok.uvicorn:WebSocket` share: an application, and its client. Logs are not known here."""

import asyncio
from typing import Any

from raw_websocket import close_frame, handshake, read_close, read_head
from uvicorn_site import UvicornSite

CLASS = "vitok.uvicorn:WebSocket"
# uvicorn's default for `--ws`.
CONTROL = "websockets-sansio"


class Application:
    """Does what the path says to a WebSocket, and answers requests. It keeps the scopes and what ends a connection."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.ends: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        self.scopes.append(scope)
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"] == "/forbidden":
            await send({"type": "websocket.close"})
        elif scope["path"] == "/failing":
            raise LookupError(scope["path"])
        elif scope["path"] == "/denied":
            await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-why", b"tea")]})
            await send({"type": "websocket.http.response.body", "body": b"no"})
        else:
            await self.echo(receive, send)

    async def echo(self, receive: Any, send: Any) -> None:
        """Send each message back."""
        await send({"type": "websocket.accept", "headers": [(b"x-own", b"1")]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        self.ends.append(message)


async def opened(site: UvicornSite, target: str = "/echo") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An accepted WebSocket of a client."""
    reader, writer = await site.connect()
    writer.write(handshake(target))
    status, fields = await read_head(reader)
    assert (status, fields["upgrade"], fields["x-own"]) == (101, "websocket", "1")
    return reader, writer


async def closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close the WebSocket in order."""
    writer.write(close_frame(1000))
    assert await read_close(reader) == 1000
    assert await reader.read() == b""
    await hung_up(writer)


async def hung_up(writer: asyncio.StreamWriter) -> None:
    """End the connection of a client."""
    writer.close()
    await writer.wait_closed()


async def left(site: UvicornSite) -> None:
    """Wait until uvicorn knows of no connection and of no task."""
    while site.state.connections or site.state.tasks:
        await asyncio.sleep(0.001)
