"""Scenarios of HTTP servers: one application is served by servers in several threads, and asked from others.

Servers end while some of their clients wait. A response is whole and right, or the connection has ended.
"""

import asyncio
import functools
import http.client
import json
import socket
import threading
import zlib
from collections.abc import AsyncIterator
from random import Random
from typing import Any

from .context import Context

# What a client may see of a server that ends.
_ENDED = (OSError, http.client.HTTPException)
_MASK = b"\x01\x02\x03\x04"


@functools.cache
def application() -> Any:
    """The application of all servers, made once."""
    from vitok.http import App, HTTPError, Request, Response, WebSocket

    app = App()

    @app.get("/plain")
    def plain(request: Request) -> str:
        return f"plain {request.query.get('a')}"

    @app.get("/json/{number:int}")
    def some_json(request: Request) -> dict[str, Any]:
        return {"number": request.path_params["number"], "field": request.headers.get("x-field")}

    @app.post("/echo")
    async def echo(request: Request) -> str:
        return str(zlib.crc32(await request.body()))

    @app.get("/stream")
    def stream(_request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            for number in range(5):
                yield b"%d\n" % number
                await asyncio.sleep(0)

        return Response.stream(parts(), content_type="text/plain")

    @app.get("/slow")
    async def slow(_request: Request) -> str:
        await asyncio.sleep(0.002)
        return "slow"

    @app.get("/blocking", blocking=True)
    def blocking(_request: Request) -> str:
        return "blocking"

    @app.get("/error")
    def error(_request: Request) -> str:
        raise HTTPError(418, "a teapot")

    @app.websocket("/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        async for message in socket:
            await socket.send(message)

    app.mount("/asgi", _asgi)
    return app


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    """An application for the other interface, which is mounted."""
    crc, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        crc, more = zlib.crc32(message.get("body", b""), crc), message.get("more_body", False)
    content = f"{scope['path']} {crc}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": content})


class Client:
    """One connection to a server, from a thread that runs no loop."""

    def __init__(self, context: Context, port: int, random: Random) -> None:
        self._context = context
        self._random = random
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=context.settings.patience)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def ask(self) -> None:
        """Send one request of some kind and check the response."""
        number, block = self._random.randint(0, 10**6), self._random.randbytes(self._random.choice((0, 10, 100_000)))
        kinds: list[tuple[str, str, bytes | None, int, object]] = [
            ("GET", f"/plain?a={number}", None, 200, f"plain {number}"),
            ("GET", f"/json/{number}", None, 200, {"number": number, "field": "f"}),
            ("POST", "/echo", block, 200, str(zlib.crc32(block))),
            ("POST", "/asgi/some", block, 200, f"/asgi/some {zlib.crc32(block)}"),
            ("GET", "/stream", None, 200, "0\n1\n2\n3\n4\n"),
            ("GET", "/slow", None, 200, "slow"),
            ("GET", "/blocking", None, 200, "blocking"),
            ("GET", "/error", None, 418, None),
            ("GET", "/missing", None, 404, None),
        ]
        method, path, body, status, expected = self._random.choice(kinds)
        self._connection.request(method, path, body, {"X-Field": "f"})
        with self._connection.getresponse() as response:
            content = response.read().decode()
        if expected is not None:
            found = json.loads(content) if isinstance(expected, dict) else content
            self._context.check(found == expected, f"{method} {path}: {found!r} instead of {expected!r}")
        self._context.check(response.status == status, f"{method} {path}: {response.status} instead of {status}")


def _chat(context: Context, port: int, random: Random) -> None:
    """Send frames of a WebSocket and check what comes back."""
    with socket.create_connection(("127.0.0.1", port), context.settings.patience) as connection:
        reader = connection.makefile("rb")
        connection.sendall(
            b"GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        while reader.readline() not in (b"\r\n", b""):
            pass
        for _ in range(random.randint(1, 10)):
            text = b"x" * random.randint(1, 125)
            masked = bytes(byte ^ _MASK[place % 4] for place, byte in enumerate(text))
            connection.sendall(bytes((0x81, 0x80 | len(text))) + _MASK + masked)
            head = reader.read(2)
            context.check(head == bytes((0x81, len(text))), f"a frame begins with {head!r}")
            context.check(reader.read(len(text)) == text, "a frame has other content")


def _abandon(context: Context, port: int, random: Random) -> None:
    """Send a part of a request and leave."""
    with socket.create_connection(("127.0.0.1", port), context.settings.patience) as connection:
        request = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"x" * 999
        connection.sendall(request[: random.randint(0, len(request))])


class _Serving:
    """A server in a thread of its own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._started = threading.Event()
        self.thread = context.start(lambda: context.run(self._serve()))
        if not self._started.wait(context.settings.patience):
            raise TimeoutError("the server does not start")

    async def _serve(self) -> None:
        from vitok.http import Server

        self._server = Server(application(), port=0, access_log=False, timeout_graceful_shutdown=1)
        self._loop = asyncio.get_running_loop()
        task = asyncio.create_task(self._server.serve())
        waiter = asyncio.create_task(self._server.started.wait())
        await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        self._started.set()
        await task

    @property
    def port(self) -> int:
        """Where the server listens."""
        return int(self._server.urls[0].rpartition(":")[2])

    def stop(self) -> None:
        """End the server; it finishes the requests that it has."""
        self._loop.call_soon_threadsafe(self._server.stop)


def http_servers(context: Context) -> None:
    """Servers in threads are asked by clients in others, and end while some of these go on."""
    servings = [_Serving(context) for _ in range(context.random.randint(1, 3))]
    stops = threading.Event()

    def ask_all(random: Random, count: int) -> None:
        client = Client(context, random.choice(servings).port, random)
        for _ in range(count):
            client.ask()
            if random.random() < 0.1:
                random.choice((_abandon, _chat))(context, random.choice(servings).port, random)
        client.close()

    def ask_until_end(random: Random) -> None:
        client = Client(context, random.choice(servings).port, random)
        try:
            while True:
                client.ask()
        except _ENDED:
            context.check(stops.is_set(), "a server ended a connection before it was stopped")
        client.close()

    clients = [
        context.start(ask_all, context.fork_random(), context.count(10, 60))
        for _ in range(context.random.randint(1, 3))
    ]
    for _ in range(context.random.randint(0, 2)):
        context.start(ask_until_end, context.fork_random())
    for client in clients:
        client.join()
    stops.set()
    for serving in servings:
        serving.stop()
        serving.thread.join()
    context.join()


SCENARIOS = (http_servers,)
