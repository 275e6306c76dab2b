"""Programs that serve: each listens in the loop that is measured, and the load generator asks it from another process.

Each function is an asynchronous context: it starts the program and gives a function that runs so many operations. Rows,
services and the measurement are not known here.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

# Runs so many operations, and returns when all of them are done.
Run = Callable[[int], Coroutine[object, object, None]]

HOST: Final = "127.0.0.1"
# The connections of a small site; on each, the next request follows the answer to the last.
CONNECTIONS: Final = 50
TEXT: Final = "Hello, world!"
# Where the suite says what the programs need.
LOAD_VARIABLE: Final = "VITOK_BENCH_LOAD"
CORE_VARIABLE: Final = "VITOK_BENCH_CLIENT_CORE"
READ_BYTES: Final = 1 << 16
LOOK_AGAIN_S: Final = 0.01
# The other loops have their turns between two samples of a program, so no connection may be closed for being idle.
PATIENCE_S: Final = 3600


@asynccontextmanager
async def aiohttp_server() -> AsyncIterator[Run]:
    """A site of one page."""
    from aiohttp import web

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=TEXT)

    site = web.Application()
    site.router.add_get("/", page)
    runner = web.AppRunner(site, access_log=None, keepalive_timeout=PATIENCE_S)
    await runner.setup()
    listener = socket.create_server((HOST, 0))
    await web.SockSite(runner, listener).start()
    async with _asked("http", "--path", "/", port=_port(listener)) as run:
        yield run
    await runner.cleanup()


@asynccontextmanager
async def fastapi_server() -> AsyncIterator[Run]:
    """A function that returns a dict, which FastAPI encodes as JSON, under uvicorn with the parser that it chooses."""
    import fastapi
    import uvicorn

    site = fastapi.FastAPI()

    async def page() -> dict[str, str]:
        return {"message": TEXT}

    site.add_api_route("/", page)
    listener = socket.create_server((HOST, 0))
    config = uvicorn.Config(site, lifespan="off", access_log=False, log_level="error", timeout_keep_alive=PATIENCE_S)
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(LOOK_AGAIN_S)
    async with _asked("http", "--path", "/", port=_port(listener)) as run:
        yield run
    server.should_exit = True
    await serving


@asynccontextmanager
async def websockets_server() -> AsyncIterator[Run]:
    """An echo of short texts, without compression and without pings."""
    from websockets.asyncio.server import ServerConnection, serve

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    listener = socket.create_server((HOST, 0))
    async with (
        serve(echo, sock=listener, compression=None, ping_interval=None),
        _asked("websocket", "--size", "64", port=_port(listener)) as run,
    ):
        yield run


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


@asynccontextmanager
async def _asked(*command: str, port: int) -> AsyncIterator[Run]:
    """Start the load generator, and give the function that lets it ask so often."""
    options = ["--connect", f"{HOST}:{port}", "--connections", str(CONNECTIONS), "--stdin"]
    core = os.environ.get(CORE_VARIABLE)
    if core is not None:
        # It never sleeps while it waits for an answer: to wake it would be charged to the server.
        options += ["--core", core, "--spin"]
    words = [os.environ[LOAD_VARIABLE], *command, *options]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        await _answer(client)

        async def run(operations: int) -> None:
            assert client.stdin is not None
            client.stdin.write(f"operations {operations}\n".encode())
            client.stdin.flush()
            said = await _answer(client)
            if said["errors"] or said["operations"] < operations:
                raise RuntimeError(f"{said['errors']} connections broke")

        yield run
        assert client.stdin is not None
        client.stdin.close()


async def _answer(client: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for the next line of the load generator."""
    assert client.stdout is not None
    loop, number, line = asyncio.get_running_loop(), client.stdout.fileno(), b""
    while not line.endswith(b"\n"):
        readable = loop.create_future()
        loop.add_reader(number, _set, readable)
        try:
            await readable
        finally:
            loop.remove_reader(number)
        received = os.read(number, READ_BYTES)
        if not received:
            raise RuntimeError("the load generator has ended")
        line += received
    said: dict[str, Any] = json.loads(line)
    if "error" in said:
        raise RuntimeError(said["error"])
    return said


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
