"""What is left of a TLS connection after its end: no object that needs the garbage collector, and no descriptor."""

import asyncio
import contextlib
import gc
import ssl
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, reports_of, unix_pair
from support import turn, turn_until
from tls_certificates import SERVER, Contexts
from tls_support import SIDES, Secured, begin, end, peer_of, recorder_of, secured


class Application(Recorder):
    """A protocol without the cycles of a recorder: at the end it lets go of its transport and of the traceback."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go of the transport."""
        super().connection_lost(None)
        self.transport = None


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Without the garbage collector, which would hide a cycle."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def close(loop: asyncio.AbstractEventLoop, wire: Secured) -> None:
    """End it from here."""
    wire.transport.close()
    wire.peer.unwrap()


def leave(loop: asyncio.AbstractEventLoop, wire: Secured) -> None:
    """The peer ends it."""
    wire.peer.unwrap()


def vanish(loop: asyncio.AbstractEventLoop, wire: Secured) -> None:
    """The peer ends it without a goodbye."""
    wire.peer.sock.close()


def abort(loop: asyncio.AbstractEventLoop, wire: Secured) -> None:
    """Abort it."""
    wire.transport.abort()


def garbage(loop: asyncio.AbstractEventLoop, wire: Secured) -> None:
    """The peer breaks the protocol."""
    wire.peer.sock.send(b"this is not a record")


def abort_in_the_middle(loop: asyncio.AbstractEventLoop, wire: Secured) -> None:
    """Abort it with data in both directions that was not delivered."""
    wire.transport.pause_reading()
    wire.peer.write(bytes(30_000))
    wire.transport.write(bytes(3_000_000))
    turn(loop, A_FEW)
    wire.transport.abort()


ENDS: list[Callable[[asyncio.AbstractEventLoop, Secured], None]] = [
    close,
    leave,
    vanish,
    abort,
    garbage,
    abort_in_the_middle,
]


@pytest.mark.parametrize("ending", ENDS, ids=lambda ending: ending.__name__)
@pytest.mark.parametrize("side", SIDES)
def test_nothing_survives(
    loop: asyncio.AbstractEventLoop,
    contexts: Contexts,
    side: str,
    ending: Callable[[asyncio.AbstractEventLoop, Secured], None],
) -> None:
    """Protocol, transport, context and TLS object are gone when the connection is, without a collection."""
    with no_collection():
        watched = connect_and_end(loop, contexts, side, ending)
        turn(loop, A_FEW)
        left = [name for name, reference in watched.items() if reference() is not None]
        assert left == []


def connect_and_end(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, ending: Any) -> dict[str, Any]:
    """Return weak references to the objects of a connection that has ended."""
    context = contexts.client() if side == "client" else contexts.server()
    with secured(loop, contexts, Application(), side=side, context=context) as wire:
        wire.peer.write(b"x")
        turn_until(loop, lambda: wire.protocol.data)
        wire.transport.write(b"y")
        wire.peer.receive(1)
        objects = {
            "protocol": wire.protocol,
            "transport": wire.transport,
            "context": context,
            "tls": wire.transport.get_extra_info("ssl_object"),
        }
        watched = {name: weakref.ref(value) for name, value in objects.items()}
        del objects
        protocol = wire.protocol
        ending(loop, wire)
        turn_until(loop, lambda: protocol.lost)
        return watched


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("how", ["a refusal", "an end", "a cancellation"])
def test_nothing_survives_a_failed_handshake(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, how: str
) -> None:
    """The same for a connection that never began; on asyncio's own loop its exception is part of a cycle."""
    with no_collection():
        watched = fail(loop, contexts, side, how)
        turn(loop, A_FEW)
        gc.collect()
        assert [name for name, reference in watched.items() if reference() is not None] == []


def fail(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, how: str) -> dict[str, Any]:
    """Return weak references to the objects of a connection whose handshake has failed."""
    context = contexts.client() if side == "client" else contexts.server()
    protocol = Application()
    ours, theirs = unix_pair()
    watched = {"protocol": weakref.ref(protocol), "context": weakref.ref(context)}
    task = begin(loop, contexts, protocol, ours, side=side, context=context)
    with theirs:
        turn(loop, A_FEW)
        if how == "a refusal":
            theirs.send(b"this is not a record")
        elif how == "an end":
            theirs.shutdown(1)
        else:
            task.cancel()
        turn_until(loop, task.done)
        end(loop, task, ours)
    return watched


def test_many_connections(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The number of objects of this process does not grow with the connections that are over."""
    server, client = contexts.server(), contexts.client()

    def one() -> None:
        with secured(loop, contexts, Application(), side="server", context=server, peer_context=client) as wire:
            wire.transport.write(b"x")
            wire.peer.receive(1)
            wire.transport.close()
            wire.peer.unwrap()
            protocol = wire.protocol
            turn_until(loop, lambda: protocol.lost)

    for _ in range(20):
        one()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(100):
        one()
    gc.collect()
    assert len(gc.get_objects()) - before < 50


def test_a_cycle_is_collected(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A protocol that keeps its transport, and the other way round, is garbage after the end, and is collected."""
    watched = weakref.ref(lost_with_a_cycle(loop, contexts))
    turn(loop, A_FEW)
    gc.collect()
    assert watched() is None


def lost_with_a_cycle(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> Any:
    """A protocol that is part of a cycle, after its end."""
    with secured(loop, contexts) as wire:
        wire.protocol.cycle = wire.transport
        wire.transport.abort()
        turn_until(loop, lambda: wire.protocol.lost)
        return wire.protocol


def test_a_dropped_loop(new_loop: Any, contexts: Contexts) -> None:
    """A loop that is closed with a connection lets go of everything."""
    loop = new_loop()
    reports_of(loop)
    ours, theirs = unix_pair()
    protocol = recorder_of("plain")
    task = begin(loop, contexts, protocol, ours)
    peer = peer_of(loop, contexts, theirs)
    with theirs:
        peer.handshake()
        turn_until(loop, task.done)
        transport = task.result()[0]
        assert transport.get_extra_info("ssl_object").server_hostname == SERVER
        transport.abort()
        turn_until(loop, lambda: ours.fileno() == -1)
        loop.close()
        assert isinstance(transport.get_extra_info("ssl_object"), ssl.SSLObject)
