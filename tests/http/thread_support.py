"""HTTP servers in threads of their own, which have their counts in common. Clients are blocking sockets.

What the servers serve, and the command's own threads, are not known here.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import vitok
from vitok import _native
from vitok.http.options import native_options

SECONDS_AT_MOST = 30
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Place:
    """A server on 127.0.0.1, whose loop runs in a thread of its own until `end()`."""

    def __init__(self, application: Callable[..., Any], options: dict[str, Any], hooks: Any = None) -> None:
        self.reports: list[dict[str, Any]] = []
        self._application = application
        self._options = {**native_options(), **options}
        self._hooks = hooks
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="place")
        self._thread.start()
        assert self._ready.wait(SECONDS_AT_MOST)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.loop: Any = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda _, context: self.reports.append(context))
        self._asked = asyncio.Event()
        self.http = _native.HttpServer(self.loop, self._application, self._options, self._hooks)
        server = await self.loop.create_server(self.http, "127.0.0.1", 0)
        self.address: tuple[str, int] = server.sockets[0].getsockname()
        self._ready.set()
        await self._asked.wait()
        server.close()
        self.http.begin_shutdown()
        self.http.cancel_requests()
        self.http.abort_connections()
        await self.http.drained()

    def run(self, call: Callable[[], Any]) -> Any:
        """Call it in the loop's thread, wait for its result if that is an awaitable, and return it."""

        async def called() -> Any:
            result = call()
            return await result if asyncio.isfuture(result) or asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(SECONDS_AT_MOST)

    def begin(self, call: Callable[[], Any]) -> Any:
        """Begin to wait for an awaitable in the loop's thread. Return a concurrent future."""
        begun = threading.Event()

        async def called() -> Any:
            waited = call()
            begun.set()
            return await waited

        waiting = asyncio.run_coroutine_threadsafe(called(), self.loop)
        assert begun.wait(SECONDS_AT_MOST)
        return waiting

    def connect(self) -> socket.socket:
        """Connect a client."""
        client = socket.create_connection(self.address, SECONDS_AT_MOST)
        client.settimeout(SECONDS_AT_MOST)
        return client

    def end(self) -> None:
        """Close everything and end the thread. Nothing may have been reported to the loop."""
        self.loop.call_soon_threadsafe(self._asked.set)
        self._thread.join(SECONDS_AT_MOST)
        assert not self._thread.is_alive()
        assert not self.reports, self.reports


@contextmanager
def places(count: int, application: Callable[..., Any], hooks: Any = None, **options: Any) -> Iterator[list[Place]]:
    """Serve an application in so many threads, with these options of HttpServer."""
    begun: list[Place] = []
    try:
        for _ in range(count):
            begun.append(Place(application, options, hooks))
        yield begun
    finally:
        for place in begun:
            place.end()


def ask(client: socket.socket, request: bytes = GET) -> bytes:
    """Send a request and return the head and the body of its response, b"" if the connection ends instead."""
    client.sendall(request)
    return answer(client)


def answer(client: socket.socket) -> bytes:
    """Return a response, of which the length of the body is given, or b""."""
    received = b""
    while b"\r\n\r\n" not in received:
        block = client.recv(65536)
        if not block:
            return received
        received += block
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", b"0")):
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body
