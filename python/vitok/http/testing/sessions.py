"""A WebSocket of a test: the client's side, in process, of an application that runs in a task of its own."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any

from vitok.http.native.websocket import Closed, WebSocketClosed

from .changes import Changes
from .exchange import LEAVING_SECONDS, Application, run
from .responses import Head, TestResponse

_NORMAL = 1000
_NO_CODE = 1005
_INTERNAL_ERROR = 1011
# The messages that wait for the test before `send` waits: as many as the server keeps for an application.
_QUEUE_MESSAGES = 32


class WebSocketRefused(Exception):  # noqa: N818  # what a test may expect
    """The application has answered the handshake with a response: 403, or one of its own."""

    def __init__(self, response: TestResponse) -> None:
        super().__init__(f"the WebSocket was refused with {response.status} {response.reason}".rstrip())
        self.response = response
        """The response."""


class AsyncTestWebSocket:
    """The client's end of a WebSocket, as a context manager that closes it and waits for the application."""

    def __init__(self, application: Application, scope: dict[str, Any], url: str, *, reports_errors: bool) -> None:
        self.subprotocol: str | None = None
        """The subprotocol that the application has chosen."""
        self.closed: Closed | None = None
        """How the application has closed it: None while it is open."""
        self.headers: list[tuple[bytes, bytes]] = []
        """The fields that the application has added to the response."""
        self._application = application
        self._scope = scope
        self._url = url
        self._reports_errors = reports_errors
        self._changes = Changes()
        self._to_application: deque[dict[str, Any]] = deque([{"type": "websocket.connect"}])
        self._messages: deque[str | bytes] = deque()
        self._is_accepted = False
        self._is_left = False
        self._refusal: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._refused: TestResponse | None = None
        self._content = b""
        self._task: asyncio.Future[None] | None = None

    async def __aenter__(self) -> AsyncTestWebSocket:
        """Connect. WebSocketRefused if the application does not accept, and its exception if it raises."""
        self._task = asyncio.ensure_future(run(self._application, self._scope, self._receive, self._send))
        self._task.add_done_callback(self._changes.notify)
        await self._until(lambda: self._is_accepted or self._refused)
        if self._refused is not None:
            await self._wait_for_end()
            raise WebSocketRefused(self._refused)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, and wait until the application returns; if it takes long, it is cancelled."""
        await self.close()
        await self._wait_for_end(is_reported=error is None)

    async def send(self, message: str | bytes) -> None:
        """Send a message. WebSocketClosed if the application has closed the WebSocket."""
        if self._is_left:
            raise RuntimeError("send() needs a WebSocket that is open: it was closed by close()")
        if self.closed:
            raise WebSocketClosed(*self.closed)
        kind = "text" if isinstance(message, str) else "bytes"
        self._to_application.append({"type": "websocket.receive", kind: message})
        self._changes.notify()

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON."""
        await self.send(json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False))

    async def receive(self) -> str | bytes:
        """Return the next message. WebSocketClosed once the application has closed the WebSocket, or its exception."""
        await self._until(lambda: self._messages or self.closed or self._is_left)
        if self._messages:
            message = self._messages.popleft()
            self._changes.notify()
            return message
        if self.closed and self.closed.code == _INTERNAL_ERROR:
            # The exception, which is about to be raised, says more.
            await self._wait_for_end()
        raise WebSocketClosed(*(self.closed or (_NORMAL, "")))

    async def receive_text(self) -> str:
        """Return the next message. AssertionError if it is not text."""
        message = await self.receive()
        assert isinstance(message, str), f"expected text, got {message!r}"
        return message

    async def receive_bytes(self) -> bytes:
        """Return the next message. AssertionError if it is not bytes."""
        message = await self.receive()
        assert isinstance(message, bytes), f"expected bytes, got {message!r}"
        return message

    async def receive_json(self) -> Any:
        """Return the value of the next message."""
        return json.loads(await self.receive())

    async def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Close the WebSocket. No effect once either side has."""
        if self._is_left or self.closed:
            return
        self._is_left = True
        self._to_application.append({"type": "websocket.disconnect", "code": code, "reason": reason})
        self._changes.notify()

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages, until the application closes the WebSocket."""
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None

    async def _until(self, condition: Callable[[], object]) -> None:
        """Wait, but not longer than the application runs. Its exception, if there is one to report."""
        task = self._running()
        await self._changes.until(lambda: condition() or task.done())
        if condition():
            return
        if self._reports_errors and not task.cancelled() and (error := task.exception()) is not None:
            raise error
        if self._is_accepted:
            failed = task.cancelled() or task.exception() is not None
            self.closed = Closed(_INTERNAL_ERROR if failed else _NORMAL, "")
        elif self._reports_errors:
            raise RuntimeError("the application returned without a response to the handshake")
        else:
            self._refuse(500, [], b"Internal Server Error")

    async def _wait_for_end(self, *, is_reported: bool = True) -> None:
        task = self._running()
        await asyncio.wait({task}, timeout=LEAVING_SECONDS)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and is_reported and self._reports_errors and not isinstance(error, ConnectionError):
            raise error

    def cancel(self) -> None:
        """Cancel the application, because nothing waits for it any more."""
        if self._task is not None:
            self._task.cancel()

    def _running(self) -> asyncio.Future[None]:
        if self._task is None:
            raise RuntimeError("a WebSocket is used in a `with` block, which connects it")
        return self._task

    def _refuse(self, status: int, fields: list[tuple[bytes, bytes]], content: bytes) -> None:
        self._refused = TestResponse(Head(self._url, status, fields, []), content)

    async def _receive(self) -> dict[str, Any]:
        await self._changes.until(lambda: self._to_application or self.closed)
        if self._to_application:
            return self._to_application.popleft()
        code, reason = self.closed or (_NO_CODE, "")
        return {"type": "websocket.disconnect", "code": code, "reason": reason}

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if self.closed or self._refused:
            raise RuntimeError(f"the message {kind} is not expected after the end")
        if self._is_left:
            raise ConnectionResetError("the client has disconnected")
        if self._is_accepted:
            await self._send_open(kind, message)
        else:
            self._send_connecting(kind, message)
        self._changes.notify()

    async def _send_open(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "websocket.close":
            self.closed = Closed(message.get("code") or _NORMAL, message.get("reason") or "")
        elif kind == "websocket.send":
            text = message.get("text")
            self._messages.append(message["bytes"] if text is None else text)
            self._changes.notify()
            await self._changes.until(lambda: len(self._messages) < _QUEUE_MESSAGES or self._is_left)
        else:
            raise RuntimeError(f"the message {kind} is not expected while the WebSocket is open")

    def _send_connecting(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "websocket.accept":
            self._is_accepted = True
            self.subprotocol = message.get("subprotocol")
            self.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
        elif kind == "websocket.close":
            self._refuse(403, [], b"")
        elif kind == "websocket.http.response.start":
            fields = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
            self._refusal = (int(message["status"]), fields)
        elif kind == "websocket.http.response.body" and self._refusal:
            self._content += bytes(message.get("body", b""))
            if not message.get("more_body"):
                self._refuse(*self._refusal, self._content)
        else:
            raise RuntimeError(f"the message {kind} is not expected while the client connects")
