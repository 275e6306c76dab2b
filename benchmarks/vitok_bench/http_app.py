"""The application that every HTTP server of the benchmarks serves: `app` by ASGI, `rsgi` by granian's own interface.

It is as plain as possible, so that the server is measured: a table of paths, and prepared answers. Servers and rows are
not known here; `http_rows.py` has the paths of each. ASGI 3.0, HTTP message format 2.3.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

TEXT: Final = b"Hello, world!"
MESSAGE: Final = {"message": "Hello, world!"}
LARGE: Final = b"x" * 10_240
PART: Final = b"p" * 1024
PARTS: Final = 8

Headers = list[tuple[bytes, bytes]]


def _headers(kind: bytes, body: bytes) -> Headers:
    return [(b"content-type", kind), (b"content-length", b"%d" % len(body))]


TEXT_HEADERS: Final = _headers(b"text/plain", TEXT)
LARGE_HEADERS: Final = _headers(b"application/octet-stream", LARGE)
# Without a length, so that the server has to send chunks (RFC 9112, section 7.1).
STREAM_HEADERS: Final[Headers] = [(b"content-type", b"text/plain")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers /text, /json, /large and /stream, and any POST with the number of bytes received."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["method"] == "POST":
        await _count(receive, send)
    elif scope["path"] == "/stream":
        await _stream(send)
    elif scope["path"] == "/large":
        await _answer(send, LARGE_HEADERS, LARGE)
    elif scope["path"] == "/json":
        # Encoded each time, as in a real application.
        body = json.dumps(MESSAGE).encode()
        await _answer(send, _headers(b"application/json", body), body)
    else:
        await _answer(send, TEXT_HEADERS, TEXT)


async def _answer(send: Send, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _count(receive: Receive, send: Send) -> None:
    received, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        received += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"%d" % received
    await _answer(send, _headers(b"text/plain", body), body)


async def _stream(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
    for _ in range(PARTS):
        await send({"type": "http.response.body", "body": PART, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _live(receive: Receive, send: Send) -> None:
    """Implements the lifespan protocol (ASGI, lifespan 2.0): there is nothing to start or to stop."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


# In RSGI 1.6 headers are text.
RSGI_TEXT_HEADERS: Final = [(name.decode(), value.decode()) for name, value in TEXT_HEADERS]
RSGI_LARGE_HEADERS: Final = [(name.decode(), value.decode()) for name, value in LARGE_HEADERS]
RSGI_STREAM_HEADERS: Final = [(name.decode(), value.decode()) for name, value in STREAM_HEADERS]


async def rsgi(scope: Any, protocol: Any) -> None:  # noqa: ANN401 (granian's classes, which only it has)
    """Gives the same answers by granian's interface."""
    if scope.method == "POST":
        body = b"%d" % len(await protocol())
        headers = [(name.decode(), value.decode()) for name, value in _headers(b"text/plain", body)]
        protocol.response_bytes(200, headers, body)
    elif scope.path == "/stream":
        transport = protocol.response_stream(200, RSGI_STREAM_HEADERS)
        for _ in range(PARTS):
            await transport.send_bytes(PART)
    elif scope.path == "/large":
        protocol.response_bytes(200, RSGI_LARGE_HEADERS, LARGE)
    elif scope.path == "/json":
        body = json.dumps(MESSAGE).encode()
        headers = [(name.decode(), value.decode()) for name, value in _headers(b"application/json", body)]
        protocol.response_bytes(200, headers, body)
    else:
        protocol.response_bytes(200, RSGI_TEXT_HEADERS, TEXT)
