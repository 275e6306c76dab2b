"""ASGI messages of a response, and applications made of them, for the tests of the native HTTP server."""

from typing import Any

from asgi_support import request


def start(status: int = 200, *headers: tuple[bytes, bytes], **more: Any) -> dict[str, Any]:
    """A start message."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data: bytes = b"", more: bool = False) -> dict[str, Any]:
    """A body message."""
    return {"type": "http.response.body", "body": data, "more_body": more}


def sends(*messages: Any) -> Any:
    """An application that sends these messages."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return application


HEAD = request(method="HEAD")
OLD = request(version="1.0")
