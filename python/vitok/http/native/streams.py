"""Responses that are made while they are sent: parts of any content, and server-sent events.

The iterator runs in a task of its own, which is cancelled when the client leaves, and the iterator is closed in any
case. Requests and connections are not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any

from vitok import _native

from . import open_events, values

# WHATWG HTML, "Parsing an event stream": what ends a line.
_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMENT = b":\n\n"
# The end of an iterator that runs in a thread: a coroutine can't raise StopIteration.
_END = object()


class Event:
    """A server-sent event.

    Args:
        data: The data: text, or a value that is sent as JSON. None sends an event without data, which browsers don't
            report, but whose `id` and `retry` they take.
        event: The type, for which a page listens; "message" if it is None.
        id: The identifier, which the client sends back as `Last-Event-ID` when it connects again.
        retry: The milliseconds after which the client connects again.

    Raises:
        ValueError: A field has a line end, an identifier has NUL, or the time is negative.

    >>> Event({"a": 1}, event="note", id="7").encode()
    b'id: 7\\nevent: note\\ndata: {"a":1}\\n\\n'
    """

    __slots__ = ("data", "event", "id", "retry")

    def __init__(
        self,
        data: Any = None,
        event: str | None = None,
        id: str | None = None,  # noqa: A002  # the name of the field
        retry: int | None = None,
    ) -> None:
        if event is not None and _LINE_END.search(event):
            raise ValueError(f"event: a type has no line end, as {event!r} has")
        if id is not None and (_LINE_END.search(id) or "\0" in id):
            raise ValueError(f"id: an identifier has no line end and no NUL, as {id!r} has")
        if retry is not None and retry < 0:
            raise ValueError(f"retry: expected a number of milliseconds, not {retry!r}")
        self.data: Any = data
        self.event: str | None = event
        self.id: str | None = id
        self.retry: int | None = retry

    def __repr__(self) -> str:
        """Return the arguments."""
        return f"Event({self.data!r}, event={self.event!r}, id={self.id!r}, retry={self.retry!r})"

    def encode(self) -> bytes:
        """Return the event as it is sent."""
        lines: list[str] = []
        if self.id is not None:
            lines.append(f"id: {self.id}")
        if self.event is not None:
            lines.append(f"event: {self.event}")
        if self.retry is not None:
            lines.append(f"retry: {int(self.retry)}")
        if self.data is not None:
            text = self.data if isinstance(self.data, str) else values.encode_json(self.data).decode()
            lines.extend(f"data: {line}" for line in _LINE_END.split(text))
        # A lone surrogate has no UTF-8.
        return "".join(f"{line}\n" for line in [*lines, ""]).encode("utf-8", "replace")


class Source:
    """What a response gets its parts from. It is taken once: a response with a stream is sent once.

    Args:
        parts: The parts as the application makes them.
        encode: Makes bytes of a part.
        is_events: Whether they are server-sent events.
        keep_alive: The seconds without a part after which a comment is sent, or None.
    """

    __slots__ = ("_parts", "encode", "is_events", "keep_alive")

    def __init__(
        self,
        parts: AsyncIterable[Any],
        encode: Callable[[Any], bytes],
        *,
        is_events: bool = False,
        keep_alive: float | None = None,
    ) -> None:
        self._parts: AsyncIterable[Any] | None = parts
        self.encode: Callable[[Any], bytes] = encode
        self.is_events: bool = is_events
        self.keep_alive: float | None = keep_alive

    def take(self) -> AsyncIterator[Any]:
        """Return the iterator. RuntimeError if it was taken."""
        parts, self._parts = self._parts, None
        if parts is None:
            raise RuntimeError("a response whose content is a stream can be sent only once")
        return aiter(parts)


def stream(parts: AsyncIterable[bytes | str] | Iterable[bytes | str], *, blocking: bool) -> Source:
    """Return the source of a stream. TypeError for what is not an iterable of parts."""
    if isinstance(parts, AsyncIterable):
        return Source(parts, _encoded)
    if isinstance(parts, (str, bytes)) or not isinstance(parts, Iterable):
        raise TypeError(f"parts: expected an iterable of bytes or str, not {type(parts).__name__}")
    return Source(_InThreads(parts) if blocking else _InLoop(parts), _encoded)


def events(parts: AsyncIterable[Event | str | dict[str, Any]], keep_alive: float | None) -> Source:
    """Return the source of server-sent events. TypeError for what is not an asynchronous iterable."""
    if not isinstance(parts, AsyncIterable):
        raise TypeError(f"events: expected an asynchronous iterable, not {type(parts).__name__}")
    if keep_alive is not None and not keep_alive > 0:
        raise ValueError(f"keep_alive: expected a number of seconds above 0, not {keep_alive!r}")
    return Source(parts, _encoded_event, is_events=True, keep_alive=keep_alive)


async def send(source: Source, response: _native.Response, request: Any, to: Any) -> None:
    """Send a response from a source. What the iterator raises is raised; a client that leaves is no error."""
    sending = _Sending(source, response, to)
    if request.method == "HEAD":
        sending.end()
        await _close(sending.parts)
        return
    task = asyncio.create_task(sending.run())
    # The task is cancelled when the client leaves, which nobody would notice while the iterator waits.
    to._hold(task)
    try:
        with open_events.note(task) if source.is_events else contextlib.nullcontext():
            await sending.wait_for(task)
    finally:
        to._hold(None)
    if task.cancelled():
        sending.end()
    else:
        task.result()


class _LeftError(Exception):
    """The client has left: what an iterator raises may be a ConnectionResetError, too."""


class _Sending:
    """A response that is being sent."""

    def __init__(self, source: Source, response: _native.Response, to: Any) -> None:
        self.parts = source.take()
        self.source = source
        self.response = response
        self.to = to
        self.has_begun = False
        self.sent_at = 0.0

    async def run(self) -> None:
        """Send all parts, and close their iterator."""
        try:
            # A client is to know at once that it will get events. The first part of a stream may fail, which is an
            # error response as long as nothing is sent.
            if self.source.is_events:
                await self.send_part(b"", sends_nothing=True)
            async for part in self.parts:
                await self.send_part(self.source.encode(part))
        except _LeftError:
            return
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is None or not current.cancelling():
                raise RuntimeError("the iterator of a stream was cancelled") from None
            raise
        finally:
            await _close(self.parts)
        self.end()

    async def wait_for(self, task: asyncio.Task[None]) -> None:
        """Wait for the end of a task that sends, and send comments meanwhile. A cancellation is passed on to it."""
        loop = asyncio.get_running_loop()
        self.sent_at = loop.time()
        keep_alive = self.source.keep_alive
        try:
            while not task.done():
                left = None if keep_alive is None else max(0.0, self.sent_at + keep_alive - loop.time())
                done, _ = await asyncio.wait([task], timeout=left)
                if not done and keep_alive is not None and self.sent_at + keep_alive <= loop.time():
                    await self.send_part(_COMMENT)
        except _LeftError:
            # A server that tells the end of the client only behind the content of the request has not cancelled it.
            if not task.cancelling():
                task.cancel()
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise

    async def send_part(self, part: bytes, *, sends_nothing: bool = False) -> None:
        """Send a part, with the head before the first one, and wait while the client does not read.

        With `sends_nothing` an empty part sends the head alone.
        """
        try:
            self.begin()
            if part or sends_nothing:
                await self.to._part(part)
        except ConnectionResetError:
            raise _LeftError from None
        self.sent_at = asyncio.get_running_loop().time()

    def begin(self) -> None:
        """Send the head, once."""
        if not self.has_begun:
            self.has_begun = True
            self.to._begin(self.response, None)

    def end(self) -> None:
        """Send the end, unless the client has left."""
        try:
            self.begin()
            self.to._end()
        except ConnectionResetError:
            pass


class _InThreads:
    """An iterable whose steps are taken in threads of the loop's executor, one after the other, in one context."""

    def __init__(self, parts: Iterable[Any]) -> None:
        self._parts: Any = parts
        self._step: asyncio.Future[Any] | None = None
        self._context = contextvars.copy_context()
        self._has_begun = False

    def __aiter__(self) -> _InThreads:
        return self

    async def __anext__(self) -> Any:
        if not self._has_begun:
            self._has_begun = True
            self._parts = await self._call(iter, self._parts)
        part = await self._call(next, self._parts, _END)
        if part is _END:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Close the iterator behind its current step, which nothing can cancel."""
        if self._step is not None and not self._step.done():
            await asyncio.wait([self._step])
        if hasattr(self._parts, "close"):
            await self._call(self._parts.close)

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        call = functools.partial(self._context.run, function, *arguments)
        self._step = loop.run_in_executor(None, call)
        return await asyncio.shield(self._step)


class _InLoop:
    """An iterable whose steps are taken in the thread of the loop."""

    def __init__(self, parts: Iterable[Any]) -> None:
        self._parts: Any = iter(parts)

    def __aiter__(self) -> _InLoop:
        return self

    async def __anext__(self) -> Any:
        part = next(self._parts, _END)
        if part is _END:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Close the iterator, if it can be closed."""
        if hasattr(self._parts, "close"):
            self._parts.close()


async def _close(iterator: Any) -> None:
    if hasattr(iterator, "aclose"):
        await iterator.aclose()


def _encoded(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, str):
        return part.encode()
    buffer: Any = part
    if isinstance(part, (bytearray, memoryview)):
        return bytes(buffer)
    raise TypeError(f"a part of a stream is bytes or str, not {type(part).__name__}")


def _encoded_event(event: Any) -> bytes:
    return event.encode() if isinstance(event, Event) else Event(event).encode()
