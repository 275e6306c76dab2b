"""Shared by the tests of the native HTTP server: an application being served, bare clients, and their answers.

Server and clients are on one loop in one thread: a client's call runs the loop until it has its result, so that a test
decides on the order of events.
"""

import asyncio
import gc
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import vitok
from support import turn, turn_until
from vitok import _native
from vitok.http.options import native_options

Result = TypeVar("Result")
Application = Callable[..., Any]
Fields = list[tuple[bytes, bytes]]

# Longer than anything takes on a machine under load; it ends a test that waits for an event that never comes.
SECONDS_AT_MOST = 15
BLOCK = 256 * 1024
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


@dataclass
class Hooks:
    """The callbacks of an HttpServer: errors with their exceptions, and lines of the access log by call."""

    errors: list[tuple[str, BaseException | None]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def error(self, message: str, exception: BaseException | None) -> None:
        """Keep an error that has to be logged."""
        self.errors.append((message, exception))

    def access(self, lines: str) -> None:
        """Keep some lines of the access log."""
        self.calls.append(lines)

    @property
    def lines(self) -> list[str]:
        """All lines of the access log."""
        return "".join(self.calls).splitlines()

    def take(self) -> list[tuple[str, BaseException | None]]:
        """Return the errors so far, which thereby count as expected."""
        errors, self.errors = self.errors, []
        return errors


@dataclass
class Answer:
    """A response as it arrived."""

    status: int
    line: bytes
    fields: Fields
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    trailers: Fields = field(default_factory=list)
    interim: list["Answer"] = field(default_factory=list)

    def all(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        return [value for known, value in self.fields if known == name]

    def one(self, name: bytes) -> bytes | None:
        """The value of a field that is there once at the most."""
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """The content read as JSON."""
        return json.loads(self.body)


class Client:
    """A bare connection to a site."""

    def __init__(self, site: "Site", sock: socket.socket) -> None:
        sock.setblocking(False)
        self.site = site
        self.sock = sock
        self.buffer = bytearray()

    def send(self, data: bytes) -> None:
        """Send all of it, running the loop meanwhile."""
        self.site.run(self.site.loop.sock_sendall(self.sock, data))

    def offer(self, data: bytes) -> int:
        """Send as much as the kernel takes while the loop does not run."""
        sent = 0
        try:
            while sent < len(data):
                sent += self.sock.send(data[sent : sent + BLOCK])
        except BlockingIOError:
            pass
        return sent

    def ask(self, data: bytes = GET, method: str = "") -> Answer:
        """Send a request and read the response to it."""
        self.send(data)
        return self.answer(method or data.split(b" ", 1)[0].decode("latin-1"))

    def answer(self, method: str = "GET") -> Answer:
        """The next final response. EOFError if the connection ends before its end."""
        return self.site.run(self._answer(method))

    def line(self) -> bytes:
        """The next line, without its end."""
        return self.site.run(self._until(b"\r\n"))

    def head(self) -> Answer:
        """The next head, without what follows it."""
        return self.site.run(self._head())

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
        turn(self.site.loop, turns)
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
        self.sock.close()

    def reset(self) -> None:
        """Close it so that the server is told of a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    async def _more(self) -> bool:
        data = await self.site.loop.sock_recv(self.sock, BLOCK)
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


def fields_of(lines: list[bytes]) -> Fields:
    """Field lines as pairs, the names in lower case."""
    pairs = (line.partition(b": ") for line in lines)
    return [(name.lower(), value) for name, _, value in pairs]


@dataclass
class Site:
    """An application that is served, and its clients."""

    loop: Any
    http: Any
    hooks: Hooks
    server: Any = None
    clients: list[Client] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    # The context with which a client trusts the server, over TLS.
    context: ssl.SSLContext | None = None

    @property
    def address(self) -> Any:
        """Return the address of the server."""
        return self.server.sockets[0].getsockname()

    def connect(self, *, receive_buffer: int | None = None) -> Client:
        """Connect one more client, and wait until the server has accepted it."""
        sock = socket.socket(self.server.sockets[0].family)
        client = Client(self, sock)
        self.clients.append(client)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.run(self.loop.sock_connect(sock, self.address))
        turn(self.loop, 2)
        return client

    def ask(self, data: bytes = GET) -> Answer:
        """Send a request by a new client, and read the response."""
        return self.connect().ask(data)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end, which must be soon."""

        async def soon() -> Result:
            async with asyncio.timeout(SECONDS_AT_MOST):
                return await coroutine

        result: Result = self.loop.run_until_complete(soon())
        return result

    def wait(self, condition: Callable[[], object]) -> None:
        """Run the loop, asleep most of the time, until other events make the condition true."""

        async def until() -> None:
            while not condition():
                await asyncio.sleep(0.001)

        self.run(until())

    def turn(self, times: int = 5) -> None:
        """Run a few turns of the loop."""
        turn(self.loop, times)

    def end(self) -> None:
        """Close everything, cancelling every request that still runs."""
        for client in self.clients:
            client.close()
        self.server.close()
        turn(self.loop, 3)
        self.http.abort_connections()
        self.http.cancel_requests()
        turn_until(self.loop, lambda: self.http.connections == 0 and self.http.running == 0)
        turn(self.loop)


@contextmanager
def serving(application: Application, **options: Any) -> Iterator[Site]:
    """Serve an application on this machine, on a loop of its own.

    Afterwards all is closed, nothing was reported to the loop's exception handler, and the test has taken every error
    of the server. `loop`, `host`, `path` (a Unix socket) and `tls` (an SSLContext) select the address; the rest are
    options of HttpServer.
    """
    loop = options.pop("loop", None) or vitok.new_event_loop()
    place = {name: options.pop(name) for name in ("host", "path", "tls") if name in options}
    site = begin(loop, application, options, **place)
    try:
        yield site
    finally:
        if not loop.is_closed():
            site.end()
            loop.close()
        gc.collect()
    assert not site.hooks.errors, site.hooks.errors
    assert not site.reports, site.reports


def begin(
    loop: Any,
    application: Application,
    options: dict[str, Any],
    *,
    host: str = "127.0.0.1",
    path: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> Site:
    """Start serving an application; the caller ends it."""
    hooks = Hooks()
    site = Site(loop, _native.HttpServer(loop, application, {**native_options(), **options}, hooks), hooks)
    loop.set_exception_handler(lambda _, context: site.reports.append(context))
    if path is not None:
        listening = loop.create_unix_server(site.http, path, ssl=tls)
    else:
        listening = loop.create_server(site.http, host, 0, ssl=tls)
    site.server = loop.run_until_complete(listening)
    return site


async def respond(send: Callable[..., Awaitable[None]], body: bytes = b"ok", status: int = 200, **more: Any) -> None:
    """Send a response of one message; `more` goes into the start message."""
    await send({"type": "http.response.start", "status": status, **more})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Callable[..., Awaitable[Any]]) -> bytes:
    """The whole body of a request."""
    body = b""
    while (event := await receive())["type"] == "http.request":
        body += event["body"]
        if not event["more_body"]:
            break
    return body


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answers every request alike."""
    await respond(send, b"hello")


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the content of the request."""
    await respond(send, await read_body(receive))


def request(target: str = "/", *fields: str, method: str = "GET", body: bytes = b"", version: str = "1.1") -> bytes:
    """Return a request with these fields after `host`, and with a Content-Length if it has a body."""
    lines = [f"{method} {target} HTTP/{version}", "host: a", *fields]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Gate:
    """Stops applications at a point that a test chooses: `await gate.wait()` until `gate.open()`."""

    def __init__(self) -> None:
        self.waiting = 0
        self.events: list[asyncio.Event] = []

    async def wait(self) -> None:
        """Wait until the test opens the gate."""
        event = asyncio.Event()
        self.events.append(event)
        self.waiting += 1
        try:
            await event.wait()
        finally:
            self.waiting -= 1

    def open(self) -> None:
        """Release all that wait now."""
        events, self.events = self.events, []
        for event in events:
            event.set()
