"""A Sanic server in one process. Sanic asks for uvloop by name: on vitok's loop it is started with `--as-uvloop`.

It knows nothing of who asks.
"""

import socket
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, file, text
from scene import FILE, HOST, LARGE_BODY, Scene, announce, chosen, loop_name

listener = socket.create_server((HOST, 0))
app = Sanic("program")
# The server that all others are compared with runs on asyncio's loop, although uvloop is installed beside Sanic.
app.config.USE_UVLOOP = chosen().__name__ != "asyncio"
app.config.REQUEST_MAX_SIZE = 2 * len(LARGE_BODY)
app.ctx.scene = Scene()


@app.get("/loop")
async def loop(request: Request) -> HTTPResponse:
    """The name of the running loop."""
    return text(loop_name())


@app.post("/echo")
async def echo(request: Request) -> HTTPResponse:
    """The body, as it came."""
    return HTTPResponse(request.body)


@app.get("/file")
async def send_file(request: Request) -> HTTPResponse:
    """A file, which Sanic reads in threads."""
    return await file(FILE)


@app.get("/meet")
async def meet(request: Request) -> HTTPResponse:
    """Wait for the others."""
    return text(await app.ctx.scene.meet())


@app.get("/stream")
async def stream(request: Request) -> None:
    """A stream that waits in its middle."""
    response = await request.respond()
    async for chunk in app.ctx.scene.stream():
        await response.send(chunk)
    await response.eof()


@app.get("/flood")
async def flood(request: Request) -> None:
    """More than a connection holds."""
    response = await request.respond()
    async for chunk in app.ctx.scene.flood():
        await response.send(chunk)
    await response.eof()


@app.get("/sent")
async def sent(request: Request) -> HTTPResponse:
    """How far the flood has come."""
    return text(app.ctx.scene.sent())


@app.post("/release")
async def release(request: Request) -> HTTPResponse:
    """Let the stream go on."""
    return text(app.ctx.scene.release())


@app.after_server_start
async def say_where(app: Sanic[Any, Any]) -> None:
    """Sanic's own words about where it listens know only the port that was asked for."""
    announce(listener.getsockname()[1])


def serve() -> None:
    """Serve until told to stop."""
    with listener:
        app.run(sock=listener, single_process=True, access_log=False, motd=False)


if __name__ == "__main__":
    serve()
