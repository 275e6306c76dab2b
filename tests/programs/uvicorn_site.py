"""uvicorn's server state around `vitok.uvicorn:Protocol` in the loop of a test, in clear text and over TLS.

uvicorn's own protocol is the control, selected by name. Requests are not known here.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from needs import need_library

# Longer than anything takes on a machine under load.
SECONDS_AT_MOST = 20
OURS = "vitok.uvicorn:Protocol"
HTTPTOOLS_ON_OURS = "httptools_on_vitok:HttpToolsProtocol"


class UvicornSite:
    """A listening server with uvicorn's settings and state."""

    def __init__(self, config: Any, state: Any, server: asyncio.Server, trusting: ssl.SSLContext | None) -> None:
        self.config = config
        self.state = state
        self.server = server
        self.trusting = trusting

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client's connection."""
        return await asyncio.open_connection(*self.server.sockets[0].getsockname(), ssl=self.trusting)

    async def ask(self, data: bytes) -> bytes:
        """Send a request on a connection of its own, and read until the server closes."""
        reader, writer = await self.connect()
        writer.write(data)
        try:
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def uvicorn_site(
    app: Any, *, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None, **settings: Any
) -> AsyncIterator[UvicornSite]:
    """Serve an application in the running loop. `tls`: the server's context and the client's."""
    need_library("uvicorn")
    from uvicorn import Config
    from uvicorn.server import ServerState

    config = Config(app, **{"http": OURS, "lifespan": "off", "log_config": None, **settings})
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()

    def make() -> Any:
        protocol_class: Any = config.http_protocol_class
        return protocol_class(config=config, server_state=state, app_state={}, _loop=loop)

    serving, trusting = tls or (None, None)
    server = await loop.create_server(make, "127.0.0.1", 0, ssl=serving)
    try:
        yield UvicornSite(config, state, server, trusting)
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        while state.connections or state.tasks:
            await asyncio.sleep(0.001)


def run(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, which must be soon."""

    async def soon() -> None:
        async with asyncio.timeout(SECONDS_AT_MOST):
            await main

    loop.run_until_complete(soon())
