"""The responses that a test gets: whole, or read part by part."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from email.message import Message
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any, NamedTuple, TypeVar

_T = TypeVar("_T")


class ResponseHeaders(Mapping[str, str]):
    """The fields of a response by name, without regard to case. Repeated ones are joined by a comma."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self.raw = raw
        """The fields as they were sent, names in lower case."""
        self._values: dict[str, list[str]] = {}
        for name, value in raw:
            self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def get_all(self, name: str) -> list[str]:
        """Return the value of each field with this name."""
        return list(self._values.get(name.lower(), ()))

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._values[name.lower()])

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw!r})"


class ServerSentEvent(NamedTuple):
    """One event of a stream of type text/event-stream."""

    event: str
    """The type; "message" if the stream names none."""
    data: str
    """The data, its lines joined by line feeds."""
    id: str
    """The identifier: the latest one of the stream, empty before the first."""
    retry: int | None
    """The milliseconds after which a client connects again, or None."""

    def json(self) -> Any:
        """Return the data, which is JSON."""
        return json.loads(self.data)


class Head:
    """What a response is before its content is read."""

    def __init__(self, url: str, status: int, fields: list[tuple[bytes, bytes]], history: list[TestResponse]) -> None:
        self.url = url
        """The URL that was asked for; after redirects the last one."""
        self.status = status
        """The status, such as 200."""
        self.headers: ResponseHeaders = ResponseHeaders(fields)
        """The header fields by name, without regard to case; repeated ones are joined by a comma."""
        self.history = history
        """The responses that redirected to this one."""

    @property
    def reason(self) -> str:
        """The phrase of the status: "Not Found"."""
        return HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else ""

    @property
    def is_success(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this response sets."""
        found: SimpleCookie = SimpleCookie()
        for value in self.headers.get_all("set-cookie"):
            found.load(value)
        return {name: morsel.value for name, morsel in found.items()}

    @property
    def charset(self) -> str:
        """The charset of the content, UTF-8 if the content type names none."""
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        return message.get_content_charset("utf-8")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self.reason}>"


class TestResponse(Head):
    """A response that has been read."""

    __test__ = False

    def __init__(self, head: Head, content: bytes) -> None:
        super().__init__(head.url, head.status, head.headers.raw, head.history)
        self.content = content
        """The content as it was sent."""

    @property
    def text(self) -> str:
        """The content, decoded by the charset of its content type."""
        return self.content.decode(self.charset, "replace")

    def json(self) -> Any:
        """Return the content, which is JSON."""
        return json.loads(self.content)


class AsyncStreamedResponse(Head):
    """A response that is read part by part. Each part can be read once."""

    def __init__(self, head: Head, part: Callable[[], Awaitable[bytes | None]]) -> None:
        super().__init__(head.url, head.status, head.headers.raw, head.history)
        self._part = part

    async def read(self) -> bytes:
        """Return the rest of the content."""
        return b"".join([part async for part in self.iter_bytes()])

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """Iterate over the parts of the content as they were sent."""
        return _Items(self._part, lambda data: [] if data is None else [data])

    def iter_lines(self) -> AsyncIterator[str]:
        """Iterate over the lines of the content, without their ends."""
        return _Items(self._part, _Lines(self.charset).add)

    def iter_events(self) -> AsyncIterator[ServerSentEvent]:
        """Iterate over server-sent events."""
        lines, events = _Lines(self.charset), _Events()
        return _Items(self._part, lambda data: [event for line in lines.add(data) for event in events.add(line)])


class _Items(AsyncIterator[_T]):
    """What the parts of a content are made into. It is no generator, which would have to be closed."""

    def __init__(
        self, part: Callable[[], Awaitable[bytes | None]], made: Callable[[bytes | None], Iterable[_T]]
    ) -> None:
        self._part = part
        self._made = made
        self._items: deque[_T] = deque()
        self._is_complete = False

    async def __anext__(self) -> _T:
        while not self._items:
            if self._is_complete:
                raise StopAsyncIteration
            data = await self._part()
            self._is_complete = data is None
            self._items.extend(self._made(data))
        return self._items.popleft()


class _Lines:
    """Bytes in, lines out."""

    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._rest = b""

    def add(self, data: bytes | None) -> list[str]:
        """Return the lines that these bytes complete. None is the end, which completes a line, too."""
        *lines, self._rest = (self._rest + (data or b"")).split(b"\n")
        if data is None and self._rest:
            lines.append(self._rest)
        return [line.removesuffix(b"\r").decode(self._charset, "replace") for line in lines]


class _Events:
    """Lines in, events out (HTML, "Server-sent events", "Interpreting an event stream")."""

    def __init__(self) -> None:
        self._id = ""
        self._retry: int | None = None
        self._event = ""
        self._data: list[str] = []

    def add(self, line: str) -> Iterator[ServerSentEvent]:
        """Yield the event that this line completes, if there is one."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id":
                self._id = value
            case "retry" if value.isdecimal():
                self._retry = int(value)
        if not line and self._data:
            yield ServerSentEvent(self._event or "message", "\n".join(self._data), self._id, self._retry)
        if not line:
            self._data, self._event, self._retry = [], "", None
