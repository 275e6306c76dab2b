"""For tests of responses from files: each is sent natively, and by the coroutine that other ways need.

`Recorded` is where that coroutine sends a response to: it keeps what it gets.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import IO, Any

from vitok import _native
from vitok.http.native import responses


@dataclass
class Recorded:
    """A response as it was sent, part by part."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    length: int | None = None
    parts: list[bytes] = field(default_factory=list)
    has_ended: bool = False
    has_head: bool = False
    held: asyncio.Task[None] | None = None
    has_left: bool = False

    def one(self, name: bytes) -> bytes | None:
        """The value of a field that is there at most once."""
        values = [value for known, value in self.headers if known == name]
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def body(self) -> bytes:
        """All content."""
        return b"".join(self.parts)

    def _begin(self, response: _native.Response, length: int | None) -> None:
        self._check()
        assert self.status == 0, "begun twice"
        self.status, self.headers, self.length = response.status, response.raw_headers, length

    async def _part(self, data: bytes) -> None:
        self._check()
        self.has_head = True
        if data:
            self.parts.append(data)
        await asyncio.sleep(0)

    async def _file(self, file: IO[bytes], offset: int, count: int) -> None:
        self._check()
        file.seek(offset)
        self.parts.append(file.read(count))

    def _end(self) -> None:
        self._check()
        assert not self.has_ended
        self.has_ended = True

    def _hold(self, task: asyncio.Task[None] | None) -> None:
        self.held = task

    def leave(self) -> None:
        """The client leaves."""
        self.has_left = True
        if self.held is not None:
            self.held.cancel()

    def _check(self) -> None:
        if self.has_left:
            raise ConnectionResetError("the client has left")


def asked(method: str = "GET", fields: Iterable[tuple[str, str]] = ()) -> Any:
    """What a sender needs of a request."""
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields]
    return SimpleNamespace(method=method, headers=SimpleNamespace(raw=raw))


def sent(response: _native.Response, method: str = "GET", fields: Iterable[tuple[str, str]] = ()) -> Recorded:
    """Send a response by the coroutine, to its end."""
    recorded = Recorded()
    asyncio.run(responses.send(response, asked(method, fields), recorded))
    assert recorded.has_ended
    return recorded
