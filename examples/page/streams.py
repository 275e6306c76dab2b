"""A response that is sent in parts as they are made, until its end or until the client has left.

It also has the types of an ASGI application. The server and the content are not known here.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
PAUSE_SECONDS = 0.4  # Slow enough to be seen as a stream, short enough to wait for.


async def stream(receive: Receive, send: Send, parts: AsyncGenerator[bytes, None], *, kind: str) -> None:
    """Send the parts of a response, each when it is there.

    A server may silently discard parts that no client reads (ASGI, `http.disconnect`), so the response ends when the
    client leaves.
    """
    visit = asyncio.ensure_future(until_left(receive))
    work = asyncio.ensure_future(send_parts(send, parts, kind=kind))
    try:
        await asyncio.wait([visit, work], return_when=asyncio.FIRST_COMPLETED)
    finally:
        visit.cancel()
        work.cancel()
        await asyncio.wait([visit, work])
    if not work.cancelled() and not isinstance(work.exception(), OSError | None):
        work.result()


async def until_left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_parts(send: Send, parts: AsyncGenerator[bytes, None], *, kind: str) -> None:
    """Send the head, the parts and the end; without a length, HTTP/1.1 sends chunks."""
    headers = [(b"content-type", f"{kind}; charset=utf-8".encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with aclosing(parts):
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body"})


async def lines_of(count: int) -> AsyncGenerator[bytes, None]:
    """Yield this many lines of text, one after the other."""
    for number in range(1, count + 1):
        yield f"line {number} of {count}\n".encode()
        await asyncio.sleep(PAUSE_SECONDS)
