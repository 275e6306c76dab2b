"""A Tornado server under `asyncio.run`, on a loop that is the default because of `vitok.install()`.

It knows nothing of who asks.
"""

import asyncio
import contextlib
from collections.abc import Awaitable

from scene import FILE, FLOOD_CHUNK_BYTES, HOST, LARGE_BODY, Scene, announce, chosen, loop_name, told_to_stop
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, StaticFileHandler


class Loop(RequestHandler):
    """The name of the running loop."""

    def get(self) -> None:
        """Answer."""
        self.write(loop_name())


class Echo(RequestHandler):
    """The body, as it came."""

    def post(self) -> None:
        """Answer."""
        self.write(self.request.body)


class WithScene(RequestHandler):
    """A route that shares something with the others."""

    def initialize(self, scene: Scene) -> None:
        """Take what `Application` hands over."""
        self.scene = scene


class Meet(WithScene):
    """Wait for the others."""

    async def get(self) -> None:
        """Answer."""
        self.write(await self.scene.meet())


class Stream(WithScene):
    """A stream that waits in its middle."""

    async def get(self) -> None:
        """Answer."""
        async for chunk in self.scene.stream():
            self.write(chunk)
            await self.flush()


class Flood(WithScene):
    """More than a connection holds, and not an error if the visitor has had enough."""

    async def get(self) -> None:
        """Answer."""
        with contextlib.suppress(StreamClosedError):
            async for chunk in self.scene.flood():
                self.write(chunk)
                await self.flush()


class Sent(WithScene):
    """How far the flood has come."""

    def get(self) -> None:
        """Answer."""
        self.write(self.scene.sent())


class Release(WithScene):
    """Let the stream go on."""

    def post(self) -> None:
        """Answer."""
        self.write(self.scene.release())


async def main() -> None:
    """Serve until told to stop."""
    scene = {"scene": Scene()}
    shared = {"/meet": Meet, "/stream": Stream, "/flood": Flood, "/sent": Sent, "/release": Release}
    app = Application(
        [
            ("/loop", Loop),
            ("/echo", Echo),
            ("/(file)", StaticFileHandler, {"path": str(FILE.parent)}),
            *((path, handler, scene) for path, handler in shared.items()),
        ]
    )
    server = HTTPServer(app, max_buffer_size=2 * max(len(LARGE_BODY), FLOOD_CHUNK_BYTES))
    sockets = bind_sockets(0, HOST)
    server.add_sockets(sockets)
    announce(sockets[0].getsockname()[1])
    await told_to_stop()
    server.stop()
    closing: Awaitable[None] = server.close_all_connections()
    await closing


if __name__ == "__main__":
    if chosen().__name__ == "vitok":
        chosen().install()
    asyncio.run(main())
