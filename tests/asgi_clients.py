"""A bare client of HTTP/1.1 that shares a loop with its server: it sends bytes and reads responses strictly.

A call runs the loop until it has its result. asgi_http2.py has a client with the same calls for HTTP/2.
"""

import socket
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from answers import Answer, Fields
from channels import reset

Result = TypeVar("Result")
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Runs(Protocol):
    """The site of a client, as far as it uses it."""

    loop: Any

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end."""

    def turn(self, times: int = 5) -> None:
        """Run a few turns of the loop."""


class Client:
    """A bare connection to a site."""

    # What the scope of its requests says, and the access log.
    version, protocol = "1.1", "HTTP/1.1"

    def __init__(self, site: Runs, channel: Any) -> None:
        self.site = site
        self.channel: Any = channel
        self.buffer = bytearray()
        # The head whose content is being read, and what is left of its chunk.
        self.begun: Answer | None = None
        self.chunk_left = 0

    @property
    def sock(self) -> socket.socket:
        """The socket."""
        sock: socket.socket = self.channel.sock
        return sock

    def send(self, data: bytes) -> None:
        """Send all of it, running the loop meanwhile."""
        self.site.run(self.channel.write(data))

    def offer(self, data: bytes) -> int:
        """Send as much as the kernel takes while the loop does not run."""
        count: int = self.channel.offer(data)
        return count

    def ask(self, data: bytes = GET, method: str = "") -> Answer:
        """Send a request and read the response to it."""
        self.send(data)
        return self.answer(method or data.split(b" ", 1)[0].decode("latin-1"))

    def answer(self, method: str = "GET") -> Answer:
        """The next final response. EOFError if the connection ends before its end."""
        self.begun = None
        return self.site.run(self._answer(method))

    def line(self) -> bytes:
        """The next line, without its end."""
        return self.site.run(self._until(b"\r\n"))

    def head(self) -> Answer:
        """The next head, without what follows it."""
        self.begun = self.site.run(self._head())
        return self.begun

    def content(self, count: int) -> bytes:
        """Return this many bytes of the content whose head was read."""
        return self.site.run(self._content(count))

    def cut(self) -> bytes:
        """Return the content, so far, of the next response or of the one whose head was read.

        Then the connection has to end, by end of file or reset, before the content does.
        """
        return self.site.run(self._cut())

    def finish(self) -> None:
        """Read the proper end of the content whose head was read, before which no more of it comes."""
        assert self.begun is not None
        if self.begun.one(b"transfer-encoding") is not None:
            assert self.take(5) == b"0\r\n\r\n"

    def fails(self) -> Answer:
        """Read a response that is not to be taken for a good one: 500 and whole, or cut like in `cut`."""
        head = self.head()
        head.body = self.rest() if head.status == 500 else self.cut()
        return head

    def drain(self) -> None:
        """Read what comes of the next response, or of the one whose head was read, however it ends."""
        self.end()

    def line_of(self, status: int, reason: bytes) -> bytes:
        """Return the status line as it has to be."""
        return b"HTTP/1.1 %d %s" % (status, reason)

    def has_no_length(self, answer: Answer) -> bool:
        """Return whether a head announces content whose length is not known."""
        return (answer.all(b"transfer-encoding"), answer.all(b"content-length")) == ([b"chunked"], [])

    def ends_after(self, answer: Answer) -> bool:
        """Return whether a response is the last one of its connection, and says so."""
        return answer.all(b"connection") == [b"close"] and self.rest() == b""

    def closed(self) -> None:
        """Read the end of file, before which nothing more comes."""
        assert self.rest() == b""

    def take(self, count: int) -> bytes:
        """Return this many bytes."""
        return self.site.run(self._exactly(count))

    def rest(self) -> bytes:
        """Everything up to the end of file. A reset raises ConnectionResetError."""
        return self.site.run(self._rest())

    def end(self) -> bytes:
        """Return what arrives until the end of file or a reset, as for a careless client."""
        try:
            return self.rest()
        except ConnectionResetError:
            return bytes(self.buffer)

    def has_nothing(self, turns: int = 5) -> bool:
        """Return whether nothing arrives in some turns of the loop, not even the end of file."""
        self.site.turn(turns)
        if self.buffer:
            return False
        try:
            return self.sock.recv(1, socket.MSG_PEEK) is None
        except BlockingIOError:
            return True

    def half_close(self) -> None:
        """End this side."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close it."""
        self.channel.close()

    def abort(self) -> None:
        """Close it at once."""
        self.channel.abort()

    def reset(self) -> None:
        """Close it so that the server is told of a reset."""
        reset(self.channel)

    # The end of a request is that of the connection.
    leave = reset

    async def _more(self) -> bool:
        data = await self.channel.read()
        self.buffer += data
        return bool(data)

    async def _until(self, end: bytes) -> bytes:
        while (place := self.buffer.find(end)) < 0:
            if not await self._more():
                raise EOFError(bytes(self.buffer[:200]))
        text = bytes(self.buffer[:place])
        del self.buffer[: place + len(end)]
        return text

    async def _exactly(self, count: int) -> bytes:
        while len(self.buffer) < count:
            if not await self._more():
                raise EOFError(f"{len(self.buffer)} of {count} bytes")
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    async def _rest(self) -> bytes:
        while await self._more():
            pass
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    async def _head(self) -> Answer:
        line, *rest = (await self._until(b"\r\n\r\n")).split(b"\r\n")
        return Answer(int(line.split(b" ")[1]), line, fields_of(rest))

    async def _answer(self, method: str) -> Answer:
        interim = []
        while (answer := await self._head()).status < 200:
            interim.append(answer)
        answer.interim = interim
        coding, length = answer.one(b"transfer-encoding"), answer.one(b"content-length")
        if method == "HEAD" or answer.status in (204, 304):
            pass
        elif coding is not None:
            assert (coding, length) == (b"chunked", None)
            await self._chunks(answer)
        elif length is not None:
            answer.body = await self._exactly(int(length))
        else:
            answer.body = await self._rest()
        return answer

    async def _chunks(self, answer: Answer) -> None:
        while size := int(await self._until(b"\r\n"), 16):
            answer.chunks.append(await self._exactly(size))
            assert await self._exactly(2) == b"\r\n"
        answer.body = b"".join(answer.chunks)
        while line := await self._until(b"\r\n"):
            answer.trailers += fields_of([line])

    async def _content(self, count: int) -> bytes:
        assert self.begun is not None
        if self.begun.one(b"transfer-encoding") is None:
            return await self._exactly(count)
        found = b""
        while len(found) < count:
            if not self.chunk_left:
                self.chunk_left = int(await self._until(b"\r\n"), 16)
                assert self.chunk_left, "the content has ended"
            piece = await self._exactly(min(self.chunk_left, count - len(found)))
            found += piece
            self.chunk_left -= len(piece)
            if not self.chunk_left:
                assert await self._exactly(2) == b"\r\n"
        return found

    async def _cut(self) -> bytes:
        head = self.begun or await self._head()
        try:
            text = await self._rest()
        except ConnectionResetError:
            text = bytes(self.buffer)
        if head.one(b"transfer-encoding") is None:
            assert len(text) < int(head.one(b"content-length") or b"0"), text[-100:]
            return text
        found = text[: self.chunk_left]
        text = text[self.chunk_left + 2 :] if self.chunk_left else text
        while text:
            line, end, text = text.partition(b"\r\n")
            size = int(line, 16) if end else 1
            assert size, "the content is complete"
            found, text = found + text[:size], text[size + 2 :]
        return found


def fields_of(lines: list[bytes]) -> Fields:
    """Field lines as pairs, the names in lower case."""
    pairs = (line.partition(b": ") for line in lines)
    return [(name.lower(), value) for name, _, value in pairs]
