"""One request to an ASGI application in process: what a server does for a request, without a connection.

The application runs in a task of its own, and `send` waits while the test does not read. A client that leaves is told
to it as a server tells it: `receive` returns `http.disconnect`, and `send` raises ConnectionResetError.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from .changes import Changes

Application = Callable[..., Any]

# As much as a server keeps for a client that does not read.
_BUFFER_BYTES = 64 * 1024
# The time for an application to end after its client has left. Then it is cancelled, so that no test hangs.
LEAVING_SECONDS = 1.0
_NO_CONTENT = frozenset({204, 205, 304})


class Exchange:
    """A request and its response. `has_content` is false for HEAD."""

    def __init__(
        self,
        application: Application,
        scope: dict[str, Any],
        content: bytes | Iterable[bytes] | AsyncIterable[bytes],
        *,
        reports_errors: bool,
    ) -> None:
        self.status: int = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._has_content = scope["method"] != "HEAD"
        self._reports_errors = reports_errors
        self._content = content if isinstance(content, bytes) else _parts(content)
        self._is_sent = False
        self._parts: deque[bytes] = deque()
        self._buffered = 0
        self._sent = 0
        self._has_begun = False
        self._is_complete = False
        self._is_left = False
        self._changes = Changes()
        self._task = asyncio.ensure_future(run(application, scope, self._receive, self._send))
        self._task.add_done_callback(self._changes.notify)

    async def head(self) -> None:
        """Wait for the head of the response, with its first content or its end.

        The exception of the application if it has failed before, unless errors are not reported.
        """
        await self._changes.until(lambda: self._has_begun or self._task.done())
        if not self._has_begun:
            await self._report("returned without a response")
            self.status, self.headers = 500, [(b"content-type", b"text/plain; charset=utf-8")]
            self._parts.append(b"Internal Server Error" if self._has_content else b"")
            self._has_begun = self._is_complete = True

    async def part(self) -> bytes | None:
        """Return the next bytes of the content, or None at its end."""
        await self._changes.until(lambda: self._parts or self._is_complete or self._task.done())
        if self._parts:
            data = self._parts.popleft()
            self._buffered -= len(data)
            self._changes.notify()
            return data
        if not self._is_complete:
            await self._report("returned in the middle of its response")
            raise ConnectionResetError("the application has failed in the middle of its response")
        return None

    async def end(self) -> None:
        """Wait until the application returns, after the response has been read. Its exception, if it raises."""
        await self._changes.until(self._task.done)
        await self._report(None)

    async def leave(self) -> None:
        """Leave, as a client that closes its connection, and wait for the application, which is cancelled if it takes
        long. Its exception, if it raises another one than that of the lost connection.
        """
        self._is_left = True
        self._changes.notify()
        await asyncio.wait({self._task}, timeout=LEAVING_SECONDS)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        elif not self._task.cancelled() and not isinstance(self._task.exception(), ConnectionError):
            await self._report(None)

    def cancel(self) -> None:
        """Cancel the application, because nothing waits for it any more."""
        self._task.cancel()

    async def _report(self, otherwise: str | None) -> None:
        """Raise the exception of the application. Without one it has ended too early, and `otherwise` says how."""
        if self._task.cancelled():
            raise RuntimeError("the application was cancelled")
        error = self._task.exception()
        if error is not None and not isinstance(error, Exception):
            raise error
        if self._reports_errors:
            if error is not None:
                raise error
            if otherwise is not None:
                raise RuntimeError(f"the application {otherwise}")

    async def _receive(self) -> dict[str, Any]:
        if not self._is_sent and not self._is_left:
            if isinstance(self._content, bytes):
                data, self._is_sent = self._content, True
            elif (part := await anext(self._content, None)) is None:
                data, self._is_sent = b"", True
            else:
                data = part
            return {"type": "http.request", "body": data, "more_body": not self._is_sent}
        await self._changes.until(lambda: self._is_complete or self._is_left)
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.early_hint":
            return
        if self._is_complete and kind != "http.response.trailers":
            raise RuntimeError(f"the message {kind} is not expected after the end of the response")
        if self._is_left:
            raise ConnectionResetError("the client has disconnected")
        if kind == "http.response.start":
            self._begin(message)
        elif kind == "http.response.body":
            await self._add(bytes(message.get("body", b"")), is_last=not message.get("more_body", False))
        elif kind == "http.response.pathsend":
            await self._add(Path(message["path"]).read_bytes(), is_last=True)
        elif kind != "http.response.trailers":
            raise RuntimeError(f"the message {kind} is not known")

    def _begin(self, message: dict[str, Any]) -> None:
        if self.status:
            raise RuntimeError("the response has begun: http.response.start was sent twice")
        self.status = int(message["status"])
        self.headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        self._has_content = self._has_content and self.status not in _NO_CONTENT

    async def _add(self, data: bytes, *, is_last: bool) -> None:
        if not self.status:
            raise RuntimeError("http.response.start was expected first")
        self._sent += len(data)
        self._check_length(is_last=is_last)
        if is_last and not self._has_begun and self._has_content and self._length() is None:
            # As the server completes the head of a response in one message.
            self.headers.append((b"content-length", b"%d" % len(data)))
        if data and self._has_content:
            self._parts.append(data)
            self._buffered += len(data)
        self._has_begun = True
        self._is_complete = is_last
        self._changes.notify()
        if not is_last:
            await self._changes.until(lambda: self._buffered < _BUFFER_BYTES or self._is_left)
            if self._is_left:
                raise ConnectionResetError("the client has disconnected")

    def _check_length(self, *, is_last: bool) -> None:
        length = self._length()
        if length is None or not self._has_content:
            return
        if self._sent > length or (is_last and self._sent < length):
            raise RuntimeError(f"the response has {self._sent} bytes of content, and its content-length is {length}")

    def _length(self) -> int | None:
        return next((int(value) for name, value in self.headers if name == b"content-length"), None)


async def run(application: Application, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Call an application, whose code then runs in a task, whatever kind of callable it is."""
    await application(scope, receive, send)


async def _parts(content: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the content in the parts in which it is received."""
    if isinstance(content, AsyncIterable):
        async for part in content:
            yield part
    else:
        for part in content:
            yield part
