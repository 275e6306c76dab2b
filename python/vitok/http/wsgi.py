"""WSGI applications (PEP 3333) as ASGI applications, by a2wsgi, each request in a thread.

a2wsgi has the threads, the queue between them and the loop, and most of `environ`. What it leaves open is here: clients
that leave, errors of the server, reading, and fields that could pass for others. The server is not known here.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import importlib.util
import io
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

_App = Callable[..., Iterable[bytes]]
# How much is read from the loop at once for an application that reads line by line.
_BUFFER = 64 * 1024


def is_available() -> bool:
    """Return whether a2wsgi is installed."""
    return importlib.util.find_spec("a2wsgi") is not None


class Wsgi:
    """An ASGI application that calls a WSGI application in one of its threads. It has no lifespan and no WebSockets."""

    def __init__(self, app: _App, *, threads: int) -> None:
        """`threads` is how many requests can run at a time. ImportError without a2wsgi."""
        self.app = app
        a2wsgi: Any = importlib.import_module("a2wsgi")
        self._adapted = a2wsgi.WSGIMiddleware(self._call, workers=threads)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Serve one scope. An exception of the application is raised here."""
        if scope["type"] != "http":
            await self._adapted(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        # In `environ` an underscore is the same as a hyphen: X_Forwarded_For would pass for X-Forwarded-For.
        headers = [field for field in scope["headers"] if b"_" not in field[0]]
        adapted = self._adapted(
            {**scope, "headers": headers, "vitok.exchange": exchange}, exchange.receive, exchange.send
        )
        task = asyncio.ensure_future(adapted)
        # a2wsgi would leave its thread waiting for ever if it were cancelled: it goes on until the application notices.
        task.add_done_callback(_take_exception)
        try:
            await asyncio.shield(task)
        except _UnwantedError:
            # The reason is below, if there is one.
            pass
        finally:
            exchange.end()
        if exchange.error is not None:
            raise exchange.error

    def _call(self, environ: dict[str, Any], start_response: Any) -> _Call:
        """Call the application. This runs in a thread."""
        scope = environ["asgi.scope"]
        exchange = scope.pop("vitok.exchange")
        if exchange.is_over:
            # It was cancelled while it waited for a thread.
            raise _UnwantedError("the response is not wanted any more")
        # The bytes of the path: `path` has replaced those that are not UTF-8.
        path = urllib.parse.unquote_to_bytes(scope["raw_path"]).decode("latin-1")
        root_path = scope.get("root_path", "").encode().decode("latin-1")
        # PATH_INFO has the slash behind it.
        environ["SCRIPT_NAME"] = root_path.rstrip("/")
        environ["PATH_INFO"] = path.removeprefix(root_path)
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        if len(cookies) > 1:
            # A list of cookies has no commas (RFC 9113, section 8.2.3).
            environ["HTTP_COOKIE"] = b"; ".join(cookies).decode("latin-1")
        environ["wsgi.input"] = io.BufferedReader(_Input(exchange), _BUFFER)
        # The content ends where the client says, so an application may read to the end without Content-Length.
        environ["wsgi.input_terminated"] = True
        environ["wsgi.errors"] = sys.stderr
        environ.setdefault("REMOTE_ADDR", "")
        return _Call(self.app, environ, start_response, exchange)


class _UnwantedError(ConnectionResetError):
    """Nothing of the response is sent any more: the client has left, or the request was cancelled."""


class _Exchange:
    """One request: its messages, as a2wsgi and the thread of the application may have them."""

    def __init__(self, receive: Any, send: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_over = False
        """Whether nothing of the response is sent any more."""
        self.error: Exception | None = None
        """Why the response could not be sent."""
        self._receive = receive
        self._send = send
        # The task that waits for content.
        self._reading: asyncio.Task[Any] | None = None

    async def receive(self) -> dict[str, Any]:
        """Return the next part of the content. ConnectionResetError if there is none any more before its end."""
        if self.is_over:
            raise ConnectionResetError("the request is over")
        self._reading = asyncio.current_task()
        try:
            message: dict[str, Any] = await self._receive()
        except asyncio.CancelledError:
            raise ConnectionResetError("the request was cancelled before it was complete") from None
        finally:
            self._reading = None
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the client has left before its request was complete")
        return message

    def end(self) -> None:
        """Let the thread go on, wherever it waits: nothing of the request and the response is wanted any more."""
        self.is_over = True
        if self._reading is not None:
            self._reading.cancel()

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message, unless one has failed: an exception would leave the thread waiting for ever."""
        if self.is_over:
            return
        try:
            await self._send(message)
        except Exception as error:
            self.is_over = True
            self.error = error


class _Input(io.RawIOBase):
    """The content of a request, which a thread reads. OSError if the client leaves before its end."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        self._part = b""
        self._has_more = True

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for content, and return how much there is; 0 at its end."""
        while not self._part and self._has_more:
            future = asyncio.run_coroutine_threadsafe(self._exchange.receive(), self._exchange.loop)
            message = future.result()
            self._part = message.get("body", b"")
            self._has_more = message.get("more_body", False)
        count = min(len(buffer), len(self._part))
        buffer[:count] = self._part[:count]
        self._part = self._part[count:]
        return count


class _Call:
    """One call of the application, and its response as an iterable, by the rules of PEP 3333.

    The head is sent with the first bytes of content, so that the application may replace it until then, and an error
    before it is a response of its own.
    """

    def __init__(self, app: _App, environ: dict[str, Any], start: Any, exchange: _Exchange) -> None:
        self._start = start
        self._exchange = exchange
        self._has_content = environ["REQUEST_METHOD"] != "HEAD"
        self._head: tuple[str, list[tuple[str, str]]] | None = None
        # Sends a part; None before the head is sent.
        self._send: Callable[[bytes], object] | None = None
        with _Contained():
            self._parts = app(environ, self.start_response)

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Take the head. With `exc_info` it replaces one that is not sent yet; otherwise that exception is raised."""
        if exc_info is not None and self._send is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self._head is not None:
            raise RuntimeError("start_response() was called twice")
        # a2wsgi wants the space before a phrase.
        self._head = (status if " " in status else f"{status} ", list(headers))
        return self._write

    def __iter__(self) -> Iterator[bytes]:
        """Yield the parts; no more of them are made once nothing is sent: then _UnwantedError is raised."""
        size = len(self._parts) if isinstance(self._parts, Sized) else None
        with _Contained():
            for part in self._parts:
                if self._begin(part, is_whole=size == 1):
                    yield part
            self._begin(None, is_whole=size == 0)

    def close(self) -> None:
        """Close the application's iterable, if it wants that."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            with _Contained():
                close()

    def _write(self, part: bytes) -> None:
        if self._begin(part, is_whole=False) and self._send is not None:
            self._send(part)

    def _begin(self, part: bytes | None, *, is_whole: bool) -> bool:
        """Send the head before a part that has bytes, and at the end. Return whether there are bytes to send."""
        if not isinstance(part, bytes | None):
            raise TypeError(f"a WSGI application returned {type(part).__name__} where bytes belong")
        if self._exchange.is_over:
            # The loop may have ended, so that nothing would wake a thread that hands something on to it.
            raise _UnwantedError("the response is not wanted any more")
        if part == b"" and not is_whole:
            return False
        if self._send is None:
            if self._head is None:
                raise RuntimeError("the WSGI application did not call start_response()")
            status, headers = self._head
            names = {name.lower() for name, _ in headers}
            if is_whole and self._has_content and status[:3] not in ("204", "304") and "content-length" not in names:
                headers.append(("Content-Length", str(len(part or b""))))
            self._send = self._start(status, headers)
        return bool(part)


class _Contained:
    """A block in which the application runs.

    What would end the loop, such as the exception of `sys.exit()`, is raised as one of the application, and so is
    what a future can't have: the request would wait for ever.
    """

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Replace the exception, unless the iteration was given up, or it is a usual one."""
        if error is None or isinstance(error, GeneratorExit):
            return
        if not isinstance(error, Exception) or isinstance(error, StopIteration | concurrent.futures.CancelledError):
            raise RuntimeError(f"a WSGI application raised {type(error).__name__}") from error


def _take_exception(task: asyncio.Future[None]) -> None:
    """Mark the exception of a task as seen: whoever waits for the task has it, or has left."""
    if not task.cancelled():
        task.exception()
