"""Shared by the tests of TLS transports: one connection of a loop, with a peer that the test drives."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from net_protocols import BufferedRecorder, Recorder
from net_support import Pair, unix_pair
from support import result, turn_until
from tls_certificates import SERVER, Contexts
from tls_peer import Peer

# Who runs TLS in a test: asyncio's own loop, which is the oracle, and ours with each of its engines.
IMPLEMENTATIONS = ("asyncio", "direct", "memory")
SIDES = ("client", "server")


@dataclass(slots=True)
class Secured:
    """A connection after its handshake."""

    transport: Any
    protocol: Any
    peer: Peer


@contextmanager
def secured(
    loop: asyncio.AbstractEventLoop,
    contexts: Contexts,
    protocol: Any = None,
    *,
    side: str = "client",
    context: ssl.SSLContext | None = None,
    peer_context: ssl.SSLContext | None = None,
    pair: Pair | None = None,
    session: ssl.SSLSession | None = None,
    **options: Any,
) -> Iterator[Secured]:
    """Yield a transport, its protocol and its peer, after the handshake. Afterwards both ends are closed.

    `side` is the side of the transport. `session` is for a peer that is a client.
    """
    ours, theirs = pair or unix_pair()
    made = protocol if protocol is not None else Recorder()
    peer = peer_of(loop, contexts, theirs, side=side, context=peer_context, session=session)
    task = begin(loop, contexts, made, ours, side=side, context=context, **options)
    with theirs:
        try:
            peer.handshake()
            transport, _ = result(loop, task)
            yield Secured(transport, made, peer)
        finally:
            end(loop, task, ours)


def begin(
    loop: asyncio.AbstractEventLoop,
    contexts: Contexts,
    protocol: Any,
    sock: Any,
    *,
    side: str = "client",
    context: ssl.SSLContext | None = None,
    **options: Any,
) -> asyncio.Task[Any]:
    """Return a task that makes a TLS transport of a connected socket."""
    if side == "server":
        options = {"ssl": context or contexts.server(), **options}
        return loop.create_task(loop.connect_accepted_socket(lambda: protocol, sock, **options))
    options = {"ssl": context or contexts.client(), "server_hostname": SERVER, **options}
    return loop.create_task(loop.create_connection(lambda: protocol, sock=sock, **options))


def peer_of(
    loop: asyncio.AbstractEventLoop,
    contexts: Contexts,
    sock: Any,
    *,
    side: str = "client",
    context: ssl.SSLContext | None = None,
    session: ssl.SSLSession | None = None,
) -> Peer:
    """Return the peer of a transport on this side."""
    if side == "client":
        return Peer(loop, sock, context or contexts.server(), server_side=True)
    return Peer(loop, sock, context or contexts.client(), server_hostname=SERVER, session=session)


def end(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], sock: Any) -> None:
    """Abort the transport of a task, or cancel the task, and run the loop until the socket is closed."""
    if not task.done():
        task.cancel()
    elif not task.cancelled() and task.exception() is None and sock.fileno() != -1:
        task.result()[0].abort()
    turn_until(loop, lambda: task.done() and sock.fileno() == -1)
    if not task.cancelled():
        # Marks the exception as retrieved.
        task.exception()


@contextmanager
def connected(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, client: Any = None, server: Any = None, **options: Any
) -> Iterator[tuple[Any, Any]]:
    """Yield the protocols of both ends of a connection, each with a transport of the loop: the client's first."""
    client = client if client is not None else Recorder()
    server = server if server is not None else Recorder()
    ours, theirs = unix_pair()
    accepting = begin(loop, contexts, server, theirs, side="server", **options)
    connecting = begin(loop, contexts, client, ours, **options)
    try:
        result(loop, connecting)
        result(loop, accepting)
        yield client, server
    finally:
        end(loop, connecting, ours)
        end(loop, accepting, theirs)


def recorder_of(kind: str, *, size: int = 65536, **inside: Any) -> Any:
    """Return a protocol of the kind "plain" or "buffered", with these hooks.

    The buffer is a view: asyncio's own transport puts a second record into a copy of anything else.
    """
    if kind == "plain":
        return Recorder(**inside)
    protocol = BufferedRecorder(**inside)
    protocol.buffer = memoryview(bytearray(size))
    return protocol
