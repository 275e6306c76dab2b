"""The application of asgi_websocket.py with an empty page, for a browser that opens its WebSockets from there."""

from typing import Any

import asgi_websocket


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer a request with the page."""
    if scope["type"] != "http":
        await asgi_websocket.app(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"<!doctype html><link rel=icon href=data:,>"})
