"""An aiohttp server, started by `web.run_app` with a new loop; over TLS if PROGRAM_CERTIFICATE names a certificate.

It knows nothing of who asks.
"""

import contextlib
import functools
import os
import ssl
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web
from scene import FILE, HOST, LARGE_BODY, Scene, chosen, loop_name

SCENE = web.AppKey("scene", Scene)


async def loop(request: web.Request) -> web.Response:
    """The name of the running loop."""
    return web.Response(text=loop_name())


async def echo(request: web.Request) -> web.Response:
    """The body, as it came."""
    return web.Response(body=await request.read())


async def file(request: web.Request) -> web.FileResponse:
    """A file, which aiohttp sends by `loop.sendfile`."""
    return web.FileResponse(FILE)


async def meet(request: web.Request) -> web.Response:
    """Wait for the others."""
    return web.Response(text=await request.app[SCENE].meet())


async def stream(request: web.Request) -> web.StreamResponse:
    """A stream that waits in its middle."""
    return await respond(request, request.app[SCENE].stream())


async def flood(request: web.Request) -> web.StreamResponse:
    """More than a connection holds."""
    return await respond(request, request.app[SCENE].flood())


async def respond(request: web.Request, chunks: AsyncIterator[bytes]) -> web.StreamResponse:
    """An answer in chunks; it is no error if the visitor has had enough of them."""
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        async for chunk in chunks:
            await response.write(chunk)
    return response


async def sent(request: web.Request) -> web.Response:
    """How far the flood has come."""
    return web.Response(text=request.app[SCENE].sent())


async def release(request: web.Request) -> web.Response:
    """Let the stream go on."""
    return web.Response(text=request.app[SCENE].release())


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """Every message, back."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


def main() -> None:
    """Serve until told to stop."""
    app = web.Application(client_max_size=2 * len(LARGE_BODY))
    app[SCENE] = Scene()
    app.add_routes([web.get(f"/{handler.__name__}", handler) for handler in (loop, file, meet, stream, flood, sent)])
    app.add_routes([web.post("/echo", echo), web.post("/release", release), web.get("/websocket", websocket)])
    certificate = os.environ.get("PROGRAM_CERTIFICATE")
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    say = functools.partial(print, flush=True)
    web.run_app(app, host=HOST, port=0, ssl_context=context, loop=chosen().new_event_loop(), print=say)


if __name__ == "__main__":
    main()
