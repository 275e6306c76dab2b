"""One request of a native application, driven by a test: by this server's protocol, and as another server's scope.

The test gives each part of the content, and says when the client leaves. The same tests run in each way: as the request
of an HTTP/1.1 connection, as a stream of an HTTP/2 one, and as a scope.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from driven import Hooks, Wire
from http2_frames import Code
from http2_peer import Peer
from http2_requests import Requests
from vitok import _native
from vitok.http.options import native_options

Pairs = list[tuple[str, str]]
Use = Callable[[Any], Coroutine[Any, Any, Any]]
WAYS = ["connection", "stream", "scope"]


class Asked:
    """A request, and the task that uses it."""

    def __init__(
        self,
        way: str,
        line: str = "GET /",
        fields: Pairs | None = None,
        *,
        length: int | None = None,
        is_chunked: bool = False,
        **options: Any,
    ) -> None:
        """`line` is method and target. A request has content if it has a length, or chunks."""
        self.way = way
        self.method, _, self.target = line.partition(" ")
        self.fields = [("host", "a.example"), *(fields or [])]
        self.is_chunked = is_chunked
        self.has_content = is_chunked or length is not None
        if length is not None:
            self.fields.append(("content-length", str(length)))
        if is_chunked:
            self.fields.append(("transfer-encoding", "chunked"))
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.errors: list[BaseException] = []
        self.routes = _native.Routes([], self._fallback, self._on_exception, options)

    def start(self, use: Use) -> "asyncio.Future[Any]":
        """Pass the request to `use`. What that returns or raises is the result of the future."""
        self.use = use
        self.result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.way == "scope":
            self._start_scope()
        else:
            self._start_connection()
        return self.result

    def add(self, part: bytes, *, more: bool = True) -> None:
        """Some of the content arrives."""
        if self.way == "scope":
            self.events.put_nowait({"type": "http.request", "body": part, "more_body": more})
        elif self.is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
            self._send(chunk + (b"" if more else b"0\r\n\r\n"))
        elif part:
            self._send(part)

    def interim(self) -> list[int]:
        """Return the statuses of interim responses so far, of a connection or a stream."""
        if self.way == "connection":
            return [100] * self.wire.read().count(b"HTTP/1.1 100 Continue")
        self._send(b"")
        return [status for status, _ in self.peer.streams[1].interim]

    def leave(self) -> None:
        """The client leaves."""
        if self.way == "scope":
            self.events.put_nowait({"type": "http.disconnect"})
        elif self.way == "stream":
            self.peer.reset(self.requests.asked[0][0], Code.CANCEL)
            self._send(b"")
        else:
            self.wire.lose(ConnectionResetError())

    def _start_scope(self) -> None:
        path, _, query = self.target.partition("?")
        scope = {
            "type": "http",
            "method": self.method,
            "http_version": "1.1",
            "scheme": "http",
            "raw_path": path.encode("latin-1"),
            "path": path,
            "query_string": query.encode("latin-1"),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in self.fields],
            "client": ("127.0.0.1", 5000),
            "server": ("127.0.0.1", 80),
        }
        if not self.has_content:
            self.add(b"", more=False)
        request = _native.Request.from_scope(scope, self.events.get, self.routes, {})
        self.task = asyncio.get_running_loop().create_task(self._run(request))

    def _start_connection(self) -> None:
        loop = asyncio.get_running_loop()
        self.hooks = Hooks()
        server = _native.HttpServer(loop, self.routes, native_options(), self.hooks)
        protocol = server()
        self.wire = Wire(protocol)
        protocol.connection_made(self.wire)
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.fields), "", ""]
        if self.way == "stream":
            self.peer = Peer()
            self.requests = Requests(self.peer)
        self._send("\r\n".join(lines).encode("latin-1"))

    def _send(self, text: bytes) -> None:
        """Send what is written as HTTP/1.1."""
        if self.way == "connection":
            self.wire.send(text)
            return
        self.requests.feed(text)
        # What does not fit into a window follows when that opens.
        while (frames := self.peer.take()) or self.wire.unread:
            if frames:
                self.wire.send(frames)
            frames = bytes(self.wire.unread)
            self.wire.read()
            self.peer.receive(frames)

    def _fallback(self, request: Any, allowed: object) -> Coroutine[Any, Any, Any]:
        return self._run(request)

    def _on_exception(self, request: Any, exception: BaseException) -> Coroutine[Any, Any, Any]:
        # A path that is none, for example: its request reaches handlers of errors only.
        self.errors.append(exception)
        return self._run(request)

    async def _run(self, request: Any) -> str:
        try:
            result = await self.use(request)
        except BaseException as error:  # that of pytest.fail(), too
            if not self.result.done():
                self.result.set_exception(error)
        else:
            if not self.result.done():
                self.result.set_result(result)
        return ""


async def ask(
    way: str,
    use: Use,
    line: str = "GET /",
    fields: Pairs | None = None,
    *,
    parts: list[bytes] | None = None,
    **options: Any,
) -> Any:
    """Return what `use` returns for a request whose content arrives in these parts, in chunks."""
    asked = Asked(way, line, fields, is_chunked=parts is not None, **options)
    result = asked.start(use)
    for part in parts or []:
        asked.add(part)
        # The reader takes it before the next one arrives.
        await asyncio.sleep(0)
    if parts is not None:
        asked.add(b"", more=False)
    return await result


def use(look: Callable[[Any], Any]) -> Use:
    """A user of a request that does not wait."""

    async def looks(request: Any) -> Any:
        return look(request)

    return looks
