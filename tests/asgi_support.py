"""Shared by the tests of the native HTTP server: an application being served, bare clients, and their answers.

Server and clients are on one loop in one thread: a client's call runs the loop until it has its result, so that a test
decides on the order of events.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import vitok
import wires
from answers import Answer, Fields
from asgi_clients import GET, Client, fields_of
from asgi_http2 import Http2SiteClient
from channels import BLOCK, SocketChannel, StreamsChannel
from support import collect, turn, turn_until
from vitok import _native
from vitok.http.options import native_options

Result = TypeVar("Result")
Application = Callable[..., Any]

# Longer than anything takes on a machine under load; it ends a test that waits for an event that never comes.
SECONDS_AT_MOST = 15

__all__ = ["BLOCK", "GET", "Answer", "Client", "Fields", "fields_of"]


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
class Site:
    """An application that is served, and its clients."""

    loop: Any
    http: Any
    hooks: Hooks
    server: Any = None
    clients: list[Any] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    # The context with which a client trusts the server, over TLS.
    context: ssl.SSLContext | None = None

    @property
    def address(self) -> Any:
        """Return the address of the server."""
        return self.server.sockets[0].getsockname()

    def connect(self, *, receive_buffer: int | None = None) -> Any:
        """Connect one more client of the wire in use, and wait until the server has accepted it."""
        sock = socket.socket(self.server.sockets[0].family)
        channel = SocketChannel(self.loop, sock)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.run(self.loop.sock_connect(sock, self.address))
        except BaseException:
            sock.close()
            raise
        return self.join(channel)

    def connect_streams(self, trusting: ssl.SSLContext | None) -> Any:
        """Connect one more client of the wire in use by asyncio's streams, over TLS or not."""
        return self.join(StreamsChannel(*self.run(asyncio.open_connection(*self.address, ssl=trusting))), trusting)

    def join(self, channel: Any, trusting: ssl.SSLContext | None = None) -> Any:
        """Make a client of a connection, and wait until the server has accepted it."""
        if wires.in_use() == wires.HTTP2:
            client: Any = Http2SiteClient(self, channel, b"https" if trusting else b"http")
        else:
            client = Client(self, channel)
        self.clients.append(client)
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
        collect()
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
