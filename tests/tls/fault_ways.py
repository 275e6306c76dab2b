"""The ways to make a TLS connection of a connected socket, each with an application that sends back what it receives.

What the application sees is recorded. The peer is not known here.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from fault_peer import describe
from support import private
from tls_certificates import SERVER

# What an application saw, in its order.
Seen = list[tuple[Any, ...]]
READ_SIZE = 1000


class Log(asyncio.Protocol):
    """Sends back what it receives, and records its calls; adjoining pieces of data are one. Hooks run inside a call."""

    def __init__(self, seen: Seen, inside: Mapping[str, Callable[["Log"], object]] | None = None) -> None:
        self.seen = seen
        self.inside = inside or {}
        self.transport: Any = None
        self.is_lost = False
        # Whether the peer may begin: what it sends before that would not be for TLS.
        self.is_ready = False
        # What may not be sent yet, because `start_tls()` has not returned the transport for it.
        self.held: bytes | None = None

    def called(self, name: str, *details: Any) -> None:
        """Record the call, and run the hook of this name."""
        self.seen.append((name, *details))
        if name in self.inside:
            self.inside[name](self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport
        self.called("connection_made")

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        self.received(data)
        if self.held is None:
            self.transport.write(data)
        else:
            self.held += data

    def received(self, data: bytes) -> None:
        """Record data."""
        if self.seen[-1][0] == "data_received":
            data = self.seen.pop()[1] + data
        self.called("data_received", data)

    def eof_received(self) -> None:
        """Let the transport close itself."""
        self.called("eof_received")

    def connection_lost(self, exc: BaseException | None) -> None:
        """Record the reason."""
        self.is_lost = True
        self.called("connection_lost", describe(exc))


@dataclass(frozen=True, slots=True)
class End:
    """The end of a connection on the loop under test: its socket and its side, and what TLS needs."""

    loop: asyncio.AbstractEventLoop
    sock: Any
    context: ssl.SSLContext
    is_server: bool

    @property
    def name(self) -> str | None:
        """The name that a client expects."""
        return None if self.is_server else SERVER


async def create(end: End, log: Log, **options: Any) -> None:
    """TLS from the first byte."""
    log.is_ready = True
    if end.is_server:
        await end.loop.connect_accepted_socket(lambda: log, end.sock, ssl=end.context, **options)
        return
    options = {"sock": end.sock, "ssl": end.context, "server_hostname": SERVER, **options}
    await end.loop.create_connection(lambda: log, **options)


async def start_tls(end: End, log: Log, **options: Any) -> None:
    """TLS on a connection in clear."""
    transport, _ = await end.loop.connect_accepted_socket(lambda: log, end.sock)
    log.is_ready = True
    log.held = b""
    options = {"server_side": end.is_server, "server_hostname": end.name, **options}
    upgraded: Any = await end.loop.start_tls(transport, log, end.context, **options)
    if upgraded is None:
        # asyncio returns this for a transport that was closed meanwhile.
        raise ConnectionResetError("Connection lost during the SSL handshake")
    log.transport = upgraded
    log.seen.append(("start_tls",))
    held, log.held = log.held, None
    log.transport.write(held)


async def open_connection(end: End, log: Log, **options: Any) -> None:
    """A client on streams."""
    log.is_ready = True
    options = {"sock": end.sock, "ssl": end.context, "server_hostname": SERVER, **options}
    reader, writer = await asyncio.open_connection(**options)
    await echo(reader, writer, log)


async def upgrade(end: End, log: Log, **options: Any) -> None:
    """A client on streams that begins in clear."""
    reader, writer = await asyncio.open_connection(sock=end.sock)
    # Nobody waits for the end of a connection without TLS; collected in an unlucky order, it would log its exception.
    private(writer.transport.get_protocol())._closed.add_done_callback(retrieve)
    try:
        log.is_ready = True
        await writer.start_tls(end.context, server_hostname=SERVER, **options)
        await echo(reader, writer, log)
    finally:
        writer.close()


def retrieve(ended: asyncio.Future[None]) -> None:
    """Mark the exception of a future as seen."""
    if not ended.cancelled():
        ended.exception()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Log) -> None:
    """Send back what comes."""
    log.seen.append(("open",))
    try:
        while data := await reader.read(READ_SIZE):
            log.received(data)
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except BaseException as error:
            log.seen.append(("wait_closed", describe(error)))
            raise


Way = Callable[..., Coroutine[Any, Any, None]]
WAYS: dict[str, Way] = {way.__name__: way for way in (create, start_tls, open_connection, upgrade)}
# These make clients only, and keep their transport to themselves.
STREAMS = ("open_connection", "upgrade")
