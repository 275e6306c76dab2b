"""WebSockets of native applications: class `WebSocket` for handlers, and what surrounds a handler.

It works over `scope`, `receive` and `send` of ASGI, and so is the same on this server, on others and in tests.
Middleware, hooks and exception handlers, which deal in responses, do not surround WebSockets. Frames, the handshake and
keepalive are not known here.
"""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, NoReturn, cast

from vitok import _native

from ..narrowing import is_group, pairs_of
from .errors import PROBLEM_JSON, HTTPError
from .params import Params

Fields = Mapping[str, str] | Iterable[tuple[str, str]]
Asgi = Callable[[dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

# Close codes (RFC 6455, section 7.4.1): the end, a message of the wrong kind, one that is no JSON, a fault of the
# handler; no code in the peer's frame (which nobody sends), and a connection that was lost.
_NORMAL = 1000
_UNSUPPORTED = 1003
_INVALID = 1007
_INTERNAL_ERROR = 1011
_NO_CODE = 1005
_LOST = 1006


class Closed(NamedTuple):
    """How a WebSocket was closed."""

    code: int
    """The close code: 1000 for a normal end, 1005 if the peer sent none, 1006 if the connection was lost."""
    reason: str


class WebSocketClosed(ConnectionError):  # noqa: N818  # an end, which is no error of anybody
    """The WebSocket is closed: the peer has closed it or left, or the handler has closed it before.

    A handler need not catch it: the end of the connection is no error of the handler.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the WebSocket is closed with {code}{f': {reason}' if reason else ''}")
        self.code = code
        """The close code."""
        self.reason = reason
        """The reason, often empty."""


class WebSocket(Generic[Params]):
    """A WebSocket, as the argument of its handler.

        @app.websocket("/echo/{name}")
        async def echo(socket: WebSocket) -> None:
            await socket.accept()
            async for message in socket:
                await socket.send(message)

    A handler that returns before `accept()` refuses the client with 403, and so does `close()`; an `HTTPError` that it
    raises before is the response. When a handler returns, the WebSocket is closed with 1000, and with 1011 after any
    other exception, which is reported.

    Generic in the type of `path_params`: `WebSocket[RoomParams]` for a TypedDict.
    """

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        *,
        app: Any = None,
    ) -> None:
        self.scope = scope
        """The scope of ASGI."""
        self.app = app
        """The application whose route this is."""
        self.subprotocol: str | None = None
        """The subprotocol that was accepted."""
        self.closed: Closed | None = None
        """How it was closed: None while it is open, and until `receive()` or `send()` has noticed it."""
        self._receive = receive
        self._send = send
        self._is_accepted = False
        self._is_ours = False

    @property
    def path(self) -> str:
        """The path, decoded."""
        return cast(str, self._head.path)

    @property
    def path_params(self) -> Params:
        """The parameters of the route, converted."""
        return cast("Params", self.scope.get("path_params", {}))

    @property
    def query(self) -> Any:
        """The parameters of the query, as those of `Request`."""
        return self._head.query

    @property
    def headers(self) -> Any:
        """The header fields of the handshake, as those of `Request`."""
        return self._head.headers

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies."""
        return cast("Mapping[str, str]", self._head.cookies)

    @property
    def client(self) -> tuple[str, int] | None:
        """The address of the client, if it is known."""
        client = self.scope.get("client")
        return None if client is None else (client[0], client[1])

    @property
    def scheme(self) -> str:
        """ws, or wss over TLS."""
        return str(self.scope.get("scheme", "ws"))

    @property
    def host(self) -> str:
        """The host that the client asked for, with its port."""
        return cast(str, self._head.host)

    @property
    def url(self) -> str:
        """The URL that the client asked for."""
        return cast(str, self._head.url)

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """The subprotocols that the client offers, the one it likes best first."""
        return tuple(self.scope.get("subprotocols", ()))

    @functools.cached_property
    def state(self) -> dict[str, Any]:
        """What the lifespan has yielded: a dict of this WebSocket's own."""
        return dict(self.scope.get("state") or {})

    @functools.cached_property
    def _head(self) -> Any:
        native: Any = _native
        return native.Request.from_scope(self.scope, None, None, self.scope.get("path_params", {}))

    async def accept(self, subprotocol: str | None = None, headers: Fields | None = None) -> None:
        """Complete the handshake, with one of the `subprotocols` and with further header fields of the response.

        ValueError for a subprotocol that the client does not offer, RuntimeError after `accept()` or `close()`.
        """
        if self._is_accepted or self.closed:
            raise RuntimeError("accept() can be called only once, before close()")
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise ValueError(f"the client does not offer the subprotocol {subprotocol!r}: {self.subprotocols}")
        await self._connect()
        self._is_accepted = True
        self.subprotocol = subprotocol
        await self._put({"type": "websocket.accept", "subprotocol": subprotocol, "headers": _encoded(headers)})

    async def receive(self) -> str | bytes:
        """Return the next message. WebSocketClosed once there is none, RuntimeError before `accept()`."""
        if self.closed:
            raise WebSocketClosed(*self.closed)
        if not self._is_accepted:
            raise RuntimeError("receive() needs a WebSocket that is open: call accept() first")
        message = await self._receive()
        if message["type"] != "websocket.receive":
            raise self._note(message.get("code", _NO_CODE), message.get("reason") or "")
        text = message.get("text")
        return bytes(message["bytes"]) if text is None else str(text)

    async def receive_text(self) -> str:
        """Return the next message, which is text. Bytes close the WebSocket with 1003: WebSocketClosed."""
        message = await self.receive()
        if not isinstance(message, str):
            await self._refuse_message(_UNSUPPORTED, "expected text")
        return message

    async def receive_bytes(self) -> bytes:
        """Return the next message, which is bytes. Text closes the WebSocket with 1003: WebSocketClosed."""
        message = await self.receive()
        if not isinstance(message, bytes):
            await self._refuse_message(_UNSUPPORTED, "expected bytes")
        return message

    async def receive_json(self) -> Any:
        """Return the value of the next message. What is no JSON closes the WebSocket with 1007: WebSocketClosed."""
        message = await self.receive()
        try:
            return json.loads(message)
        except ValueError:
            await self._refuse_message(_INVALID, "expected JSON")

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message, and wait while the peer does not read.

        WebSocketClosed if the peer has left, RuntimeError before `accept()` and after `close()`, TypeError for what is
        neither text nor bytes.
        """
        self._check_open("send()")
        if isinstance(message, str):
            await self._put({"type": "websocket.send", "text": message})
        elif isinstance(message, bytes | bytearray | memoryview):
            await self._put({"type": "websocket.send", "bytes": bytes(message)})
        else:
            raise TypeError(f"a message is str or bytes, not {type(message).__name__}")

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON, in a text message. The same errors as of `send()`, and those of the encoding."""
        await self.send(json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False))

    async def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """Close the WebSocket, or refuse the client with 403 if it was not accepted. No effect once it is closed."""
        if self.closed:
            return
        if not self._is_accepted:
            await self._connect()
        self.closed = Closed(code, reason)
        self._is_ours = True
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            # The peer has left meanwhile, which is the same end.
            return

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages, until the WebSocket is closed."""
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except WebSocketClosed:
            raise StopAsyncIteration from None

    def __repr__(self) -> str:
        state = f"closed {self.closed.code}" if self.closed else "open" if self._is_accepted else "connecting"
        return f"<WebSocket {self.scope['path']} {state}>"

    def _check_open(self, what: str) -> None:
        if self.closed and not self._is_ours:
            raise WebSocketClosed(*self.closed)
        if self.closed or not self._is_accepted:
            when = "it was closed by close()" if self.closed else "call accept() first"
            raise RuntimeError(f"{what} needs a WebSocket that is open: {when}")

    def _note(self, code: int, reason: str) -> WebSocketClosed:
        """Note that the peer has closed the WebSocket, and return the exception that says it."""
        if self.closed is None:
            self.closed = Closed(code, reason)
        return WebSocketClosed(*self.closed)

    async def _connect(self) -> None:
        """Receive the first event."""
        message = await self._receive()
        if message["type"] != "websocket.connect":
            raise self._note(message.get("code", _LOST), message.get("reason") or "")

    async def _put(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except OSError:
            raise self._note(_LOST, "") from None

    async def _refuse_message(self, code: int, reason: str) -> NoReturn:
        await self.close(code, reason)
        raise WebSocketClosed(code, reason)

    async def _refuse(self, error: HTTPError) -> None:
        """Answer the handshake with the response of an error, or 403 where the server can't."""
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            await self.close()
            return
        await self._connect()
        self.closed = Closed(_LOST, "")
        content = error.content()
        fields = [("content-type", PROBLEM_JSON), ("content-length", str(len(content))), *error.headers]
        start = {"type": "websocket.http.response.start", "status": error.status, "headers": _encoded(fields)}
        await self._put(start)
        await self._put({"type": "websocket.http.response.body", "body": content})

    async def _fail(self, error: BaseException) -> bool:
        """Close it after the handler has raised. Return whether that is an error to report."""
        if self.closed and _is_end(error):
            return False
        if isinstance(error, HTTPError) and not self._is_accepted and not self.closed:
            await self._refuse(error)
            return False
        if self._is_accepted:
            await self.close(_INTERNAL_ERROR)
        return True


def endpoint(handler: Callable[[WebSocket[Any]], Awaitable[None]], *, app: Any = None) -> Asgi:
    """Return the ASGI application that calls a handler of WebSockets, and closes what it leaves open."""

    async def application(
        scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        socket: WebSocket[Any] = WebSocket(scope, receive, send, app=app)
        try:
            await handler(socket)
        except Exception as error:
            if await socket._fail(error):
                raise
        else:
            await socket.close()

    return application


def _is_end(error: BaseException) -> bool:
    """Return whether an exception says no more than that a WebSocket is closed. Task groups wrap it in a group."""
    if is_group(error):
        return all(_is_end(member) for member in error.exceptions)
    return isinstance(error, WebSocketClosed)


def _encoded(fields: Fields | None) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs_of(fields or ())]
