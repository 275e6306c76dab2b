"""An application whose steps are the test's own: the test receives and sends for each of its calls.

What a client sees is in `ws_peer`.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asgi_support
import wires
import ws_http2
from asgi_places import Place
from asgi_support import Site
from ws_frames import handshake
from ws_peer import Peer, StreamsClient


class Call:
    """One call of an application, whose receive and send are called by the test, in tasks of their own."""

    def __init__(self, site: Site, scope: Any, receive: Any, send: Any) -> None:
        self.site = site
        self.scope = scope
        self.raw_receive = receive
        self.raw_send = send
        self.outcome: asyncio.Future[None] = site.loop.create_future()

    def receive(self) -> Any:
        """Wait for the next event."""
        return self.site.run(self._receive())

    def connected(self) -> None:
        """Receive the first event, which is the connection."""
        assert self.receive() == {"type": "websocket.connect"}

    def disconnected(self) -> tuple[int, str]:
        """Receive the next event, which is the end."""
        event = self.receive()
        assert event["type"] == "websocket.disconnect", event
        assert event.keys() == {"type", "code", "reason"}
        return event["code"], event["reason"]

    def content(self) -> str | bytes:
        """Receive the next event, which is a message."""
        event = self.receive()
        assert event["type"] == "websocket.receive", event
        given = [event[name] for name in ("text", "bytes") if event.get(name) is not None]
        assert len(given) == 1, event
        content: str | bytes = given[0]
        return content

    def has_nothing(self, turns: int = 5) -> bool:
        """Return whether receive() waits, for some turns of the loop; it is cancelled then."""
        task = self.site.loop.create_task(self._receive())
        self.site.turn(turns)
        waits = not task.done()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self.site.run(self._wait(task))
        return waits

    def send(self, kind: str, **more: Any) -> None:
        """Send a message, `accept` for example."""
        self.site.run(self._send({"type": f"websocket.{kind}", **more}))

    def accept(self, **more: Any) -> None:
        """Receive the connection and accept it."""
        self.connected()
        self.send("accept", **more)

    def returns(self) -> None:
        """Let the application return."""
        self.outcome.set_result(None)
        self.site.turn()

    def raises(self, error: BaseException) -> None:
        """Let the application raise an exception."""
        self.outcome.set_exception(error)
        self.site.turn()

    async def _receive(self) -> Any:
        return await self.raw_receive()

    async def _send(self, message: Any) -> None:
        await self.raw_send(message)

    async def _wait(self, task: "asyncio.Task[Any]") -> None:
        await task


class Calls:
    """An application that does what the test says; requests for anything but a WebSocket are answered with 200."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.site: Site | None = None
        # An application that takes the WebSockets of a test that is none itself.
        self.instead: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Wait until the test ends the call."""
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            await send({"type": "http.response.body", "body": b"plain"})
            return
        if self.instead is not None:
            await self.instead(scope, receive, send)
            return
        assert self.site is not None
        call = Call(self.site, scope, receive, send)
        self.calls.append(call)
        await call.outcome

    def next(self) -> Call:
        """Return the next call, which a client's handshake causes."""
        assert self.site is not None
        self.site.wait(lambda: self.calls)
        return self.calls.pop(0)


@dataclass
class Served:
    """A site whose application is the test."""

    site: Site
    calls: Calls

    def begin(self, target: str = "/", *fields: str, behind: bytes = b"", **more: Any) -> Peer:
        """Connect and send a handshake with bytes behind it; `more` goes to `handshake` of the version in use."""
        client = self.site.connect()
        if wires.in_use() == wires.HTTP2:
            return ws_http2.handshake(client, target, *fields, behind=behind, **more)
        client.send(handshake(target, *fields, **more) + behind)
        return Peer(client)

    def open(self, target: str = "/", *fields: str, **more: Any) -> tuple[Peer, Call]:
        """Return a client and the call that has accepted it."""
        peer = self.begin(target, *fields, **more)
        call = self.calls.next()
        call.accept()
        peer.accepted()
        return peer, call

    def error(self) -> BaseException:
        """Take the only error that was reported since, which an application raised."""
        self.site.wait(lambda: self.site.hooks.errors)
        [(told, error)] = self.site.hooks.take()
        assert told == "Exception in ASGI application"
        assert error is not None
        return error

    def ended(self) -> None:
        """Wait until no connection and no call is left."""
        self.site.wait(lambda: self.site.http.connections == 0 == self.site.http.running)


@contextmanager
def served(**options: Any) -> Iterator[Served]:
    """Serve with these options of `asgi_support.serving`."""
    calls = Calls()
    with asgi_support.serving(calls, **options) as site:
        calls.site = site
        yield Served(site, calls)


def connect(place: Place, here: Served) -> Peer:
    """Return a client by this kind of transport, which has sent nothing."""
    return Peer(StreamsClient(here.site, place.trusting))


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Echoes, and takes it calmly when the peer leaves."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"plain"})
        return
    await receive()
    try:
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})
    except OSError:
        pass
