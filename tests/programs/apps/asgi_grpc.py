"""A gRPC service as an ASGI application, without a library: calls of all four kinds, statuses, metadata, compression.

A message is prefixed by whether it is compressed and by its length; the status of a call is in the trailers, or in the
head of a response without content. The messages are plain bytes. It knows nothing of who serves it.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import quote

NOT_FOUND, OUT_OF_RANGE, UNIMPLEMENTED = 5, 11, 12
PREFIX_BYTES = 5
# zlib reads a stream of gzip with it.
GZIP_BITS = 31

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Call:
    """One call: what the client sends and is sent, as messages."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.metadata: list[tuple[bytes, bytes]] = list(scope["headers"])
        self._receive, self._send = receive, send
        self._has_begun = False

    async def messages(self) -> AsyncIterator[bytes]:
        """The client's messages, each as soon as it is there."""
        waiting, more = b"", True
        while more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise asyncio.CancelledError
            waiting, more = waiting + event["body"], event["more_body"]
            while len(waiting) >= PREFIX_BYTES:
                end = PREFIX_BYTES + int.from_bytes(waiting[1:PREFIX_BYTES], "big")
                if len(waiting) < end:
                    break
                message, is_compressed, waiting = waiting[PREFIX_BYTES:end], waiting[0], waiting[end:]
                yield zlib.decompress(message, GZIP_BITS) if is_compressed else message
        assert not waiting, "half a message"

    async def only(self) -> bytes:
        """The client's only message."""
        found = [message async for message in self.messages()]
        assert len(found) == 1
        return found[0]

    async def begin(self, metadata: list[tuple[bytes, bytes]]) -> None:
        """Send the head of the response."""
        self._has_begun = True
        head = [(b"content-type", b"application/grpc"), (b"grpc-accept-encoding", b"identity,gzip"), *metadata]
        await self._send({"type": "http.response.start", "status": 200, "headers": head, "trailers": True})

    async def write(self, message: bytes) -> None:
        """Send a message."""
        if not self._has_begun:
            await self.begin([])
        content = b"\0" + len(message).to_bytes(4, "big") + message
        await self._send({"type": "http.response.body", "body": content, "more_body": True})

    async def end(self, status: int = 0, text: str = "", metadata: list[tuple[bytes, bytes]] | None = None) -> None:
        """Send the status: in the trailers, or in the head if nothing was sent."""
        fields = [(b"grpc-status", b"%d" % status), (b"grpc-message", quote(text).encode()), *(metadata or [])]
        if not self._has_begun:
            head = [(b"content-type", b"application/grpc"), *fields]
            await self._send({"type": "http.response.start", "status": 200, "headers": head})
            await self._send({"type": "http.response.body"})
            return
        await self._send({"type": "http.response.body"})
        await self._send({"type": "http.response.trailers", "headers": fields})


async def shout(call: Call) -> None:
    """One answer to one request."""
    await call.write((await call.only()).upper())
    await call.end()


async def shout_each(call: Call) -> None:
    """An answer to each request of a stream, before the next one has come."""
    async for message in call.messages():
        await call.write(message.upper())
    await call.end()


async def join(call: Call) -> None:
    """One answer to a stream of requests."""
    await call.write(b" ".join([message async for message in call.messages()]))
    await call.end()


async def count(call: Call) -> None:
    """A stream of answers to one request."""
    for number in range(int(await call.only())):
        await call.write(b"%d" % number)
    await call.end()


async def lose(call: Call) -> None:
    """A status without an answer."""
    await call.only()
    await call.end(NOT_FOUND, "nothing called é here: 100 %")


async def run_out(call: Call) -> None:
    """An answer, and a status that says that there should have been more."""
    await call.write(await call.only())
    await call.end(OUT_OF_RANGE, "no more")


async def reflect(call: Call) -> None:
    """The client's metadata in the head of the response and in the trailers."""
    await call.only()
    own = [(name, value) for name, value in call.metadata if name.startswith(b"own-")]
    await call.begin(own)
    await call.write(b"")
    await call.end(metadata=[(b"late-" + name, value) for name, value in own])


class Hanging:
    """Calls without an answer."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[None] = asyncio.Queue()
        self.left: asyncio.Queue[None] = asyncio.Queue()

    async def hang(self, call: Call) -> None:
        """No answer, until the client has left."""
        await call.only()
        self.begun.put_nowait(None)
        try:
            async for _ in call.messages():
                pass
        finally:
            self.left.put_nowait(None)

    async def wait_begun(self, call: Call) -> None:
        """An answer once such a call has begun."""
        await self.begun.get()
        await shout(call)

    async def wait_left(self, call: Call) -> None:
        """An answer once such a call was left."""
        await self.left.get()
        await shout(call)


HANGING = Hanging()
METHODS: dict[str, Callable[[Call], Awaitable[None]]] = {
    "/words/shout": shout,
    "/words/shout_each": shout_each,
    "/words/join": join,
    "/words/count": count,
    "/words/lose": lose,
    "/words/run_out": run_out,
    "/words/reflect": reflect,
    "/words/hang": HANGING.hang,
    "/words/wait_begun": HANGING.wait_begun,
    "/words/wait_left": HANGING.wait_left,
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """The application."""
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    fields = dict(scope["headers"])
    assert (scope["http_version"], scope["method"], fields[b"te"]) == ("2", "POST", b"trailers")
    assert fields[b"content-type"] == b"application/grpc"
    assert "http.response.trailers" in scope["extensions"]
    call = Call(scope, receive, send)
    method = METHODS.get(scope["path"])
    if method is None:
        return await call.end(UNIMPLEMENTED, "no such method")
    try:
        await method(call)
    except asyncio.CancelledError:
        # The client has left.
        return None


async def lifespan(receive: Receive, send: Send) -> None:
    """Nothing is to be started or stopped."""
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
