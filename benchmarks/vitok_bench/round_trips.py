"""Round trips whose instructions are counted: a server on the loop and one client, for each way to write a server.

The client is a forked process that sends a message when the server sleeps and waits for the answer, so the server finds
one event whenever it wakes, and the count is the same each time. The client is not counted. Only `instructions.py` and
`gate.py` run these rows: `stream_rows.py` measures the times of echoes, `http_rows.py` those of requests.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from vitok_bench import http2_check, http_app
from vitok_bench.row import Row
from vitok_bench.stream_servers import READ_BYTES, EchoDatagramProtocol, EchoProtocol

if TYPE_CHECKING:
    from vitok._native import Routes

Loop = asyncio.AbstractEventLoop

MESSAGE: Final = bytes(1024)
# The request of the load generator in the row `plaintext`.
REQUEST: Final = b"GET /text HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
AUTHORITY: Final = b"127.0.0.1:8000"
STREAMS: Final = 16
COUNTED: Final = 400
HOST: Final = "127.0.0.1"
# The client ends by itself, in case the server loses count.
CLIENT_LIMIT_S: Final = 60
# Enough for the state of a process, which follows its number and its name of 15 bytes at most.
STAT_BYTES: Final = 64


def rows() -> tuple[Row, ...]:
    by_protocol, by_streams = (partial(_stream_echoes, serve=serve) for serve in (_protocol, _streams))
    http2, streams = (partial(_requests, ask=partial(_ask_by_http2, streams=count)) for count in (1, STREAMS))
    native, native_async = (partial(_requests, make=partial(_native_app, kind=kind)) for kind in ("plain", "async"))
    return (
        Row(name="echo_protocol", title="a round trip by Protocol", body=by_protocol, counted=COUNTED),
        Row(name="echo_streams", title="a round trip by reader and writer", body=by_streams, counted=COUNTED),
        Row(name="echo_sock", title="a round trip by sock_recv and sock_sendall", body=_sock_calls, counted=COUNTED),
        Row(name="echo_datagram", title="a datagram and its echo", body=_datagram_echoes, counted=COUNTED),
        Row(name="http_request", title="a request of vitok's HTTP server", body=_requests, counted=COUNTED),
        Row(name="http2_request", title="a request by HTTP/2", body=http2, counted=COUNTED),
        Row(name="http2_streams", title="one of 16 that arrive together", body=streams, batch=STREAMS, counted=COUNTED),
        Row(name="http_native", title="the same by a native plain function", body=native, counted=COUNTED),
        Row(name="http_native_async", title="the same by an async def", body=native_async, counted=COUNTED),
    )


def _stream_echoes(
    loop: Loop, operations: int, *, serve: Callable[[socket.socket], Coroutine[object, object, None]]
) -> None:
    with socket.create_server((HOST, 0)) as listener:
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    ours.settimeout(0)
    with _client(partial(_send, theirs, operations)):
        theirs.close()
        loop.run_until_complete(serve(ours))


class _UntilClosed(EchoProtocol):
    """An echo that records when the client has gone."""

    __slots__ = ("closed",)

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None:
            self.closed.set_result(None)
        else:
            self.closed.set_exception(exc)


async def _protocol(connection: socket.socket) -> None:
    _, protocol = await asyncio.get_running_loop().connect_accepted_socket(_UntilClosed, connection)
    await protocol.closed


async def _streams(connection: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    while data := await reader.read(READ_BYTES):
        writer.write(data)
    writer.close()
    await writer.wait_closed()


def _sock_calls(loop: Loop, operations: int) -> None:
    """Echo without a second process: otherwise the faster of the two decides whether `sock_recv` has to wait.

    So the message is written when `sock_recv` waits already, and a pair of Unix sockets delivers at once. The count
    includes the two calls of the client, which are the same for every loop.
    """
    ours, theirs = socket.socketpair()

    async def talk() -> None:
        for _ in range(operations):
            loop.call_soon(theirs.send, MESSAGE)
            data = await loop.sock_recv(ours, READ_BYTES)
            await loop.sock_sendall(ours, data)
            theirs.recv(READ_BYTES)

    with ours, theirs:
        ours.settimeout(0)
        loop.run_until_complete(talk())


def _datagram_echoes(loop: Loop, operations: int) -> None:
    ours, theirs = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    ours.settimeout(0)
    ours.bind((HOST, 0))
    theirs.connect(ours.getsockname())

    async def serve(gone: socket.socket) -> None:
        transport, _ = await loop.create_datagram_endpoint(EchoDatagramProtocol, sock=ours)
        await loop.sock_recv(gone, 1)
        transport.close()

    with theirs, _client(partial(_send, theirs, operations)) as gone:
        loop.run_until_complete(serve(gone))


def _asgi_app() -> Callable[..., Any]:
    return http_app.app


def _native_app(kind: str) -> _Compiled:
    """A compiled native application with one route."""
    from vitok import _native

    text = http_app.TEXT.decode()

    def plain(_: object) -> str:
        return text

    async def coroutine(_: object) -> str:
        return text

    def nothing(*_: object) -> None:
        pass

    endpoint = plain if kind == "plain" else coroutine
    routes = _native.Routes([("/text", ("GET",), kind, endpoint, None)], nothing, nothing, {})
    return _Compiled(routes)


class _Compiled:
    """What a server takes for a native application. It has no lifespan."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    def _compiled(self) -> Routes:
        return self._routes

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        raise NotImplementedError


def _ask(port: int, operations: int) -> None:
    with socket.create_connection((HOST, port), timeout=CLIENT_LIMIT_S) as connection:
        server = _Parent()
        for _ in range(operations):
            server.wait_for_sleep()
            connection.sendall(REQUEST)
            answer = b""
            while not answer.endswith(http_app.TEXT):
                received = connection.recv(READ_BYTES)
                if not received:
                    raise EOFError
                answer += received


def _ask_by_http2(port: int, operations: int, *, streams: int) -> None:
    """Send requests of HTTP/2, that many at once, and wait for the end of each."""
    first, later = (
        b"\x82\x86" + authority + http2_check.literal(":path", "/text")
        # It is in the server's table after the first request, as the newest entry (RFC 7541, section 2.3.3).
        for authority in (b"\x41" + bytes([len(AUTHORITY)]) + AUTHORITY, b"\xbe")
    )
    with socket.create_connection((HOST, port), timeout=CLIENT_LIMIT_S) as connection:
        server, frames = _Parent(), http2_check.frames(connection)
        connection.sendall(http2_check.PREFACE + http2_check.frame(http2_check.SETTINGS, 0, 0, b""))
        # The server's settings, and the acknowledgement of these.
        while (found := next(frames))[:2] != (http2_check.SETTINGS, http2_check.ACK):
            if found[0] == http2_check.SETTINGS:
                connection.sendall(http2_check.frame(http2_check.SETTINGS, http2_check.ACK, 0, b""))
        flags = http2_check.END_STREAM | http2_check.END_HEADERS
        for start in range(0, operations, streams):
            numbers = [2 * number + 1 for number in range(start, start + streams)]
            requests = (
                http2_check.frame(http2_check.HEADERS, flags, number, first if number == 1 else later)
                for number in numbers
            )
            server.wait_for_sleep()
            connection.sendall(b"".join(requests))
            left = set(numbers)
            while left:
                kind, flags_of, stream, _ = next(frames)
                if kind in (http2_check.HEADERS, http2_check.DATA) and flags_of & http2_check.END_STREAM:
                    left.remove(stream)


def _requests(
    loop: Loop,
    operations: int,
    make: Callable[[], Callable[..., Any]] = _asgi_app,
    ask: Callable[[int, int], None] = _ask,
) -> None:
    """Answer requests. The server is left running: its end waits for a time, which no row may do (`steady.c`)."""

    async def serve() -> None:
        port = await _start_http_server(make)
        with _client(partial(ask, port, operations)) as gone:
            await loop.sock_recv(gone, 1)

    loop.run_until_complete(serve())


async def _start_http_server(make: Callable[[], Callable[..., Any]]) -> int:
    """Start the server and return its port. Raises RuntimeError on a loop other than vitok's."""
    # Imported here, so that rows of other loops neither need nor import vitok.
    import vitok.http

    server = vitok.http.Server(make(), host=HOST, port=0, access_log=False)
    serving, started = asyncio.create_task(server.serve()), asyncio.create_task(server.started.wait())
    await asyncio.wait({serving, started}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        started.cancel()
        serving.result()
    _kept.add(serving)
    port = urlsplit(server.urls[0]).port
    assert port is not None
    return port


# Tasks that run as long as the process; a loop only holds what it waits for.
_kept: Final[set[asyncio.Task[Any]]] = set()


@contextmanager
def _client(talk: Callable[[], None]) -> Iterator[socket.socket]:
    """Fork a process that talks to the server and ends. Yield a socket that ends with the process."""
    gone, held = socket.socketpair()
    client = os.fork()
    if client == 0:
        # It exits without finalizers: it has a copy of the server's loop.
        status = 1
        try:
            talk()
            status = 0
        finally:
            os._exit(status)
    held.close()
    gone.settimeout(0)
    with gone:
        yield gone
    _, status = os.waitpid(client, 0)
    if status != 0:
        raise RuntimeError("the client was not answered")


def _send(connection: socket.socket, operations: int) -> None:
    """Send the messages of an echo, also over a connected datagram socket."""
    connection.settimeout(CLIENT_LIMIT_S)
    server = _Parent()
    for _ in range(operations):
        server.wait_for_sleep()
        connection.sendall(MESSAGE)
        left = len(MESSAGE)
        while left:
            received = len(connection.recv(READ_BYTES))
            if not received:
                raise EOFError
            left -= received


class _Parent:
    """The process of the server, as seen by its client."""

    def __init__(self) -> None:
        # Without /proc nothing is counted, and counts need not be repeatable.
        self._stat = os.open(f"/proc/{os.getppid()}/stat", os.O_RDONLY) if Path("/proc/self/stat").exists() else -1

    def wait_for_sleep(self) -> None:
        """Wait until the server sleeps: after its answer it may still have work.

        If the next message arrives before, the server does not sleep, so the faster of the two would decide on the
        count.
        """
        while self._stat != -1 and b") S " not in os.pread(self._stat, STAT_BYTES, 0):
            os.sched_yield()
