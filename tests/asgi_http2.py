"""A client of HTTP/2 with the calls of `asgi_clients.Client`: it takes requests that are written as HTTP/1.1.

Each request is a stream; answers are read in the order of the requests. What an answer has been cut from is the stream.
"""

import socket
from typing import Any

from answers import Answer
from asgi_clients import GET, Runs
from channels import reset
from http2_frames import Code
from http2_peer import Peer, Stream, no_delay
from http2_requests import Requests


class Http2SiteClient:
    """A connection to a site."""

    # What the scope of its requests says, and the access log.
    version, protocol = "2", "HTTP/2"

    def __init__(self, site: Runs, channel: Any, scheme: bytes = b"http") -> None:
        self.site = site
        self.channel: Any = channel
        self.peer = Peer()
        self.requests = Requests(self.peer, scheme)
        self.is_at_end = False
        # The stream whose head was read, and how much of its content was.
        self.begun: Stream | None = None
        self.taken = 0
        no_delay(channel.sock)
        site.run(self._flush())

    @property
    def sock(self) -> socket.socket:
        """The socket."""
        sock: socket.socket = self.channel.sock
        return sock

    def send(self, data: bytes) -> None:
        """Send all of it, running the loop and reading meanwhile."""
        self.site.run(self._send(data))

    def offer(self, data: bytes) -> int:
        """Send as much as windows and the kernel take while the loop does not run."""
        self._read_now()
        if self.peer.has_unsent or self.peer.has_output:
            return 0
        count = min(len(data), self.requests.room())
        self.requests.feed(data[:count])
        self._offer()
        return count

    def ask(self, data: bytes = GET, method: str = "") -> Answer:
        """Send a request and read the response to it. The method is the request's."""
        self.send(data)
        return self.answer(method)

    def answer(self, method: str = "") -> Answer:
        """The response to the next request. EOFError if it is cut."""
        self.begun = None
        return self.site.run(self._answer())

    def head(self) -> Answer:
        """The next head, without what follows it."""
        return self.site.run(self._head())

    def content(self, count: int) -> bytes:
        """Return this many bytes of the content whose head was read."""
        return self.site.run(self._content(count))

    def cut(self) -> bytes:
        """Return the content, so far, of the next response or of the one whose head was read.

        Then the stream has to be reset, or the connection to end, before the content does.
        """
        return self.site.run(self._cut())

    def finish(self) -> None:
        """Read the proper end of the content whose head was read, before which no more of it comes."""
        stream = self.begun
        assert stream is not None
        self.site.run(self._until(lambda: stream.is_over))
        assert (stream.is_ended, len(stream.body)) == (True, self.taken)
        self.begun = None

    def fails(self) -> Answer:
        """Read a response that is not to be taken for a good one: 500 and whole, or cut like in `cut`."""
        stream = self._current()
        self.site.run(self._until(lambda: stream.is_over))
        answer = stream.answer()
        assert stream.is_ended == (answer.status == 500)
        assert stream.code is None or stream.is_ended or stream.code != Code.NO_ERROR
        return answer

    def drain(self) -> None:
        """Read what comes of the next response, or of the one whose head was read, however it ends."""
        stream = self._current()
        self.site.run(self._until(lambda: stream.is_over))

    def line_of(self, status: int, reason: bytes) -> bytes:
        """Return what stands for the status line; there is none, and no reason."""
        return b"HTTP/2 %d" % status

    def has_no_length(self, answer: Answer) -> bool:
        """Return whether a head announces content whose length is not known."""
        return not answer.all(b"transfer-encoding") and not answer.all(b"content-length")

    def ends_after(self, answer: Answer) -> bool:
        """Return whether a response ends as one that is the last of its HTTP/1.1 connection: here others follow."""
        count = len(self.peer.pongs)
        self.peer.ping()
        answers = self.site.run(self._until(lambda: len(self.peer.pongs) > count))
        return answers and not answer.all(b"connection") and not self.peer.goaways

    def closed(self) -> None:
        """Read the end of file, before which nothing more comes but a GOAWAY."""
        news, goaways = self.peer.news, len(self.peer.goaways)
        self.site.run(self._until(lambda: False))
        assert self.peer.news - news == len(self.peer.goaways) - goaways

    def has_nothing(self, turns: int = 5) -> bool:
        """Return whether nothing of a response arrives in some turns of the loop, not even the end of file."""
        news, begun = self.peer.news, self.begun
        self.site.turn(turns)
        self._read_now()
        unread = begun is not None and len(begun.body) > self.taken
        return self.peer.news == news and not unread and not self.is_at_end

    def half_close(self) -> None:
        """End this side."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close it. What was not read would make that a reset."""
        while not self.is_at_end and self._receive_now():
            pass
        self.channel.close()

    def abort(self) -> None:
        """Close it at once."""
        self.channel.abort()

    def reset(self) -> None:
        """Close it so that the server is told of a reset."""
        reset(self.channel)

    def leave(self) -> None:
        """Leave the oldest request alone that has no answer yet, or the one whose head was read."""
        stream = self._current()
        self.peer.reset(stream.number, Code.CANCEL)
        self.site.run(self._flush())

    def _current(self) -> Stream:
        """Return the stream whose head was read, or the next one, which thereby is done with."""
        stream, self.begun = self.begun or self._next(), None
        return stream

    def _next(self) -> Stream:
        number, _ = self.requests.asked.popleft()
        return self.peer.streams[number]

    def _receive_now(self) -> bool:
        """Read what is there; return whether there was something."""
        try:
            data = self.channel.read_now()
        except ConnectionResetError:
            data = b""
        if data:
            self.peer.receive(data)
        elif data is not None:
            self.is_at_end = True
        return bool(data)

    def _read_now(self) -> None:
        """Read all that is there, and answer what has to be answered."""
        while self._receive_now():
            pass
        if not self.is_at_end:
            self._offer()

    def _offer(self) -> None:
        """Send what the kernel takes."""
        data = self.peer.take()
        self.peer.raw(data[self.channel.offer(data) :])

    async def _flush(self) -> None:
        if data := self.peer.take():
            await self.channel.write(data)

    async def _more(self) -> bool:
        try:
            await self._flush()
            data = await self.channel.read()
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            self.is_at_end = True
            return False
        self.peer.receive(data)
        try:
            await self._flush()
        except (ConnectionResetError, BrokenPipeError):
            # What has arrived counts; the next read finds the end.
            pass
        return True

    async def _until(self, condition: Any) -> bool:
        """Read until the condition is true, and return whether it is: the connection may end before."""
        while not condition():
            if self.is_at_end or not await self._more():
                return bool(condition())
        return True

    async def _send(self, data: bytes) -> None:
        self.requests.feed(data)
        await self._flush()
        await self._until(lambda: not self.peer.has_unsent)

    async def _answer(self) -> Answer:
        stream = self._next()
        await self._until(lambda: stream.is_over)
        if not stream.is_ended:
            raise EOFError(f"stream {stream.number}: reset {stream.code}, goaways {self.peer.goaways}")
        return stream.answer()

    async def _head(self) -> Answer:
        stream = self._next()
        self.begun, self.taken = stream, 0
        if not await self._until(lambda: stream.status is not None or stream.code is not None):
            raise EOFError(f"goaways {self.peer.goaways}")
        return stream.answer()

    async def _content(self, count: int) -> bytes:
        stream = self.begun
        assert stream is not None
        end = self.taken + count
        await self._until(lambda: len(stream.body) >= end or stream.is_over)
        if len(stream.body) < end:
            raise EOFError(f"{len(stream.body)} of {end} bytes")
        content = stream.body[self.taken : end]
        self.taken = end
        return content

    async def _cut(self) -> bytes:
        taken = self.taken if self.begun else 0
        stream = self._current()
        await self._until(lambda: stream.is_over)
        assert not stream.is_ended, "the content is complete"
        assert stream.status is not None
        assert stream.code != Code.NO_ERROR
        return stream.body[taken:]
