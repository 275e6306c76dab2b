"""A server in the loop of a test, and a plain client for it in the same loop."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import asgi_apps
import vitok
import vitok.http

GET = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


@contextlib.asynccontextmanager
async def serving(app: Any = asgi_apps.without_lifespan, **options: Any) -> AsyncIterator[vitok.http.Server]:
    """Run a server on a port that the kernel chooses, for the duration of the block."""
    server = vitok.http.Server(app, **{"port": 0, "access_log": False, **options})
    task = asyncio.create_task(server.serve())
    try:
        await asyncio.wait({task, asyncio.create_task(server.started.wait())}, return_when=asyncio.FIRST_COMPLETED)
        yield server
    finally:
        server.stop()
        await task


def port_of(server: vitok.http.Server) -> int:
    """The port of a server's only URL."""
    return int(server.urls[0].rpartition(":")[2])


async def ask(server: vitok.http.Server, request: bytes = GET) -> bytes:
    """Send a request on a connection of its own and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run on vitok's loop."""
    vitok.run(main)


def content(answer: bytes) -> dict[str, Any]:
    """The JSON of a response."""
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def fields(answer: bytes) -> list[bytes]:
    """The fields of a response, names in lower case as they are compared."""
    lines = answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return [name.lower() + b":" + value for name, _, value in (line.partition(b":") for line in lines)]
