"""The two directions of a request under ASGI: its content and the end of its client, and its response.

`Outgoing` has the methods by which a response with a source is sent, which a request has natively.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitok._native import Response

# The bytes of a file that are sent at a time, as by the server.
_BLOCK = 256 * 1024
_NO_CONTENT = frozenset({204, 205, 304})


class Incoming:
    """What `receive` returns, also to several that wait for the end of the client at the same time."""

    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]]) -> None:
        self.has_left: bool = False
        """Whether the client is known to have left."""
        names = {name.lower() for name, _ in scope["headers"]}
        # HTTP/2 needs neither field for content.
        is_1 = scope.get("http_version", "1.1").startswith("1.")
        self.has_content: bool = not is_1 or not names.isdisjoint((b"content-length", b"transfer-encoding"))
        """Whether the request may have content."""
        self.is_complete: bool = not self.has_content
        """Whether all content has been received, so that only the end of the client can come."""
        self._has_told_end = self.has_content
        self._receive = receive
        self._watching: asyncio.Future[None] | None = None

    async def receive(self) -> dict[str, Any]:
        """Return the next message, as ASGI has it."""
        if not self._has_told_end:
            self._has_told_end = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not self.is_complete and not self.has_left:
            message: dict[str, Any] = await self._receive()
            self._note(message)
            return message
        if not self.has_left:
            await asyncio.wait({self.watch()})
        return {"type": "http.disconnect"}

    def watch(self) -> asyncio.Future[None]:
        """Return a future that is done when the client has left."""
        if self._watching is None:
            self._watching = asyncio.ensure_future(self._watch())
        return self._watching

    def close(self) -> None:
        """Watch no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while not self.has_left:
            self._note(await self._receive())

    def _note(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.disconnect":
            self.has_left = True
        elif not message.get("more_body"):
            self.is_complete = True


class Outgoing:
    """A response, sent whole or in parts."""

    def __init__(self, scope: dict[str, Any], send: Callable[[Any], Awaitable[None]], incoming: Incoming) -> None:
        self.has_left: bool = False
        """Whether the client is known to have left."""
        self.has_begun: bool = False
        """Whether the head of the response is sent."""
        self._is_head = scope["method"] == "HEAD"
        self._extensions: dict[str, Any] = scope.get("extensions") or {}
        self._send = send
        self._incoming = incoming
        self._start: dict[str, Any] | None = None
        self._has_content = True
        self._is_complete = False
        self._held: asyncio.Task[Any] | None = None

    async def send_whole(self, response: Response) -> None:
        """Send a response that has its content."""
        self._begin(response, len(response.body))
        await self._put(response.body, is_last=True)

    def _begin(self, response: Response, length: int | None) -> None:
        """Begin a response, whose head is sent with its first part. `length` is that of its content, if it is known."""
        status, fields = response.status, response.raw_headers
        self._has_content = not self._is_head and status not in _NO_CONTENT
        has_length = any(name == b"content-length" for name, _ in fields)
        if length is not None and status not in _NO_CONTENT and not has_length:
            fields = [*fields, (b"content-length", b"%d" % length)]
        self._start = {"type": "http.response.start", "status": status, "headers": fields}

    async def _part(self, data: bytes) -> None:
        """Send a part of the content, and wait while the client does not read. ConnectionResetError if it has left."""
        if self._incoming.has_left:
            raise ConnectionResetError("the client has disconnected")
        await self._put(data, is_last=False)

    async def _file(self, file: IO[bytes], offset: int, count: int) -> None:
        """Send a part of an open file, by an extension of the server if it has one that fits."""
        if not self._has_content:
            return
        if "http.response.zerocopysend" in self._extensions:
            message = {"type": "http.response.zerocopysend", "file": file, "offset": offset, "count": count}
            await self._message({**message, "more_body": True})
        elif "http.response.pathsend" in self._extensions and (path := self._path_of_all(file, offset, count)):
            await self._message({"type": "http.response.pathsend", "path": path})
            self._is_complete = True
        else:
            await self._read(file, offset, count)

    def _end(self) -> None:
        """Note that the content is complete: `finish` says so to the server."""

    def _hold(self, task: asyncio.Task[Any] | None) -> None:
        """Cancel this task, which makes content, when the client leaves: it may wait for ever. None takes that back."""
        self._held = task
        # Otherwise the content of the request is to be received first, perhaps by this task.
        if task is not None and self._incoming.is_complete:
            self._incoming.watch().add_done_callback(self._cancel_held)

    def _cancel_held(self, watching: asyncio.Future[None]) -> None:
        if self._held is not None and not watching.cancelled():
            self._held.cancel()

    async def finish(self) -> None:
        """Send what ends a response of parts."""
        if not self._is_complete:
            await self._put(b"", is_last=True)

    async def _read(self, file: IO[bytes], offset: int, count: int) -> None:
        loop = asyncio.get_running_loop()
        while count:
            data = await loop.run_in_executor(None, os.pread, file.fileno(), min(_BLOCK, count), offset)
            if not data:
                raise OSError("the file was truncated while it was being sent")
            await self._part(data)
            offset, count = offset + len(data), count - len(data)

    def _path_of_all(self, file: IO[bytes], offset: int, count: int) -> str | None:
        """Return the path of a file that is the whole content, if it still names the file that is open."""
        path = file.name
        fields = dict((self._start or {}).get("headers", ()))
        if offset or not isinstance(path, str) or fields.get(b"content-length") != b"%d" % count:
            return None
        path = os.path.abspath(path)  # noqa: PTH100  # a string is asked for
        try:
            named, opened = os.stat(path), os.fstat(file.fileno())  # noqa: PTH116
        except OSError:
            return None
        return path if os.path.samestat(named, opened) and opened.st_size == count else None

    async def _put(self, data: bytes, *, is_last: bool) -> None:
        content = data if self._has_content else b""
        self._is_complete = is_last
        if content or is_last or self._start is not None:
            await self._message({"type": "http.response.body", "body": content, "more_body": not is_last})

    async def _message(self, message: dict[str, Any]) -> None:
        start, self._start = self._start, None
        try:
            if start is not None:
                self.has_begun = True
                await self._send(start)
            await self._send(message)
        except OSError:
            self.has_left = True
            raise ConnectionResetError("the client has disconnected") from None
