"""HTTP servers in several threads that share one application: each thread has a loop, a server and a port of its own.

Which application it is, and what clients ask it, is not known here.
"""

import asyncio
import base64
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import vitok
from asgi_support import SECONDS_AT_MOST, Hooks
from vitok import _native
from vitok.http.options import native_options

Result = TypeVar("Result")

# Of a test here; enough for each pair of threads to meet.
THREADS = 4


class ThreadServer:
    """The server of one thread."""

    def __init__(self, application: Any, options: dict[str, Any]) -> None:
        self.hooks = Hooks()
        self.port = 0
        self.http: Any = None
        self.reports: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self.thread = threading.Thread(target=self._run, args=(application, options))

    def start(self) -> None:
        """Start the thread, and wait until the server accepts."""
        self.thread.start()
        assert self._ready.wait(SECONDS_AT_MOST)
        assert self.port

    def end(self) -> None:
        """End the server and its thread."""
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self.thread.join(SECONDS_AT_MOST)
        assert not self.thread.is_alive()

    def _run(self, application: Any, options: dict[str, Any]) -> None:
        try:
            with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
                runner.get_loop().set_exception_handler(lambda _, context: self.reports.append(context))
                runner.run(self._serve(application, options))
        finally:
            self._ready.set()

    async def _serve(self, application: Any, options: dict[str, Any]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.http = _native.HttpServer(self._loop, application, {**native_options(), **options}, self.hooks)
        server = await self._loop.create_server(self.http, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self.http.abort_connections()
        self.http.cancel_requests()
        await self.http.drained()


class BareWebSocket:
    """A client that sends short messages of bytes, and blocks for the answers."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), SECONDS_AT_MOST)
        self._file = self._sock.makefile("rb")
        fields = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
        key = base64.b64encode(bytes(16)).decode()
        self._sock.sendall(f"GET / HTTP/1.1\r\nhost: a\r\n{fields}sec-websocket-key: {key}\r\n\r\n".encode())
        assert self._file.readline().startswith(b"HTTP/1.1 101 ")
        while self._file.readline() != b"\r\n":
            pass

    def ask(self, content: bytes) -> bytes:
        """Send a message under a mask of zeros, and return the content of the next frame."""
        length = bytes([0x80 | len(content)]) if len(content) < 126 else b"\xfe" + len(content).to_bytes(2, "big")
        self._sock.sendall(b"\x82" + length + bytes(4) + content)
        _, announced = self._file.read(2)
        return bytes(self._file.read(int.from_bytes(self._file.read(2), "big") if announced == 126 else announced))

    def close(self) -> None:
        """Leave without a word."""
        self._file.close()
        self._sock.close()


@contextmanager
def serving_in_threads(application: Any, threads: int = THREADS, **options: Any) -> Iterator[list[ThreadServer]]:
    """Serve one application in several threads. Afterwards no server and no loop has reported an error."""
    servers = [ThreadServer(application, options) for _ in range(threads)]
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            if server.thread.ident is not None:
                server.end()
    assert [server.hooks.errors for server in servers] == [[] for _ in servers]
    assert [server.reports for server in servers] == [[] for _ in servers]


def in_threads(work: Callable[[int], Result], threads: int) -> list[Result]:
    """Do some work in several threads, which begin together. Return the results in the order of their numbers."""
    barrier = threading.Barrier(threads)

    def begin(number: int) -> Result:
        barrier.wait(SECONDS_AT_MOST)
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(begin, range(threads)))


def ask_many(
    port: int,
    count: int,
    target: Callable[[int], str],
    *,
    body: Callable[[int], bytes | None] = lambda _: None,
    fields: Callable[[int], dict[str, str]] = lambda _: {},
) -> list[tuple[int, bytes]]:
    """Send requests one after the other on one connection, and return what is answered: status and content."""
    answers = []
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_AT_MOST)) as connection:
        for number in range(count):
            content = body(number)
            connection.request("GET" if content is None else "POST", target(number), content, fields(number))
            answer = connection.getresponse()
            answers.append((answer.status, answer.read()))
    return answers
