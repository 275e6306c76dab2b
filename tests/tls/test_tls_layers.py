"""TLS in TLS: every layer has its own flow control, pauses and end; and TLS over a socket of the user's class."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, SMALL_BUFFER, skip_asyncio, unix_pair
from support import result, turn, turn_until
from tls_certificates import SERVER, Contexts
from tls_inner import InnerPeer
from tls_support import SIDES, Secured, recorder_of, secured


class OtherSocket(socket.socket):
    """A class of the user's: the lowest transport is asyncio's own."""


SOCKETS = {"our transport below": socket.socket, "asyncio's transport below": OtherSocket}


@dataclass(slots=True)
class Layers:
    """Both layers of a connection."""

    outer: Secured
    transport: Any
    protocol: Any
    peer: InnerPeer


@contextmanager
def layered(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, protocol: Any, side: str, kind: str
) -> Iterator[Layers]:
    """A TLS connection inside another, after both handshakes."""
    ours, theirs = unix_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
    if kind.startswith("asyncio"):
        ours = OtherSocket(fileno=ours.detach())
        ours.setblocking(False)
    with secured(loop, contexts, Recorder(), side=side, pair=(ours, theirs)) as outer:
        options: dict[str, Any] = {"server_hostname": SERVER} if side == "client" else {"server_side": True}
        context = contexts.client() if side == "client" else contexts.server()
        task = loop.create_task(loop.start_tls(outer.transport, protocol, context, **options))
        inner = InnerPeer(loop, outer.peer, contexts, side)
        inner.handshake()
        protocol.transport = result(loop, task)
        yield Layers(outer, protocol.transport, protocol, inner)
        protocol.transport.abort()
        turn_until(loop, lambda: protocol.lost)


@pytest.mark.parametrize("kind", SOCKETS)
@pytest.mark.parametrize("side", SIDES)
def test_much_data(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, kind: str) -> None:
    """Both directions, with more than all buffers hold, for both kinds of protocols."""
    for protocol in (recorder_of("plain"), recorder_of("buffered", size=1000)):
        with layered(loop, contexts, protocol, side, kind) as layers:
            layers.transport.write(b"o" * 1_000_000)
            layers.peer.write(b"i" * 200_000)
            assert layers.peer.receive(1_000_000) == b"o" * 1_000_000
            turn_until(loop, lambda made=protocol: len(made.data) == 200_000)
            assert protocol.data == b"i" * 200_000


@pytest.mark.parametrize("kind", SOCKETS)
def test_flow_control(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """The inner protocol is paused when nothing can be sent, and resumed later."""
    with layered(loop, contexts, Recorder(), "client", kind) as layers:
        written = 0
        while "pause_writing" not in layers.protocol.calls:
            layers.transport.write(bytes(100_000))
            written += 100_000
            turn(loop)
        assert layers.transport.get_write_buffer_size() > 0
        assert layers.peer.receive(written) == bytes(written)
        turn_until(loop, lambda: "resume_writing" in layers.protocol.calls)
        assert layers.transport.get_write_buffer_size() == 0


@pytest.mark.parametrize("kind", SOCKETS)
def test_pausing(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """Reading of the inner transport is paused and resumed."""
    with layered(loop, contexts, Recorder(), "server", kind) as layers:
        layers.transport.pause_reading()
        layers.peer.write(bytes(50_000))
        turn(loop, A_FEW)
        assert layers.protocol.data == b""
        layers.transport.resume_reading()
        turn_until(loop, lambda: len(layers.protocol.data) == 50_000)


@pytest.mark.parametrize("kind", SOCKETS)
@pytest.mark.parametrize("side", SIDES)
def test_the_end_of_the_inner(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, kind: str) -> None:
    """Closing the inner transport flushes it, says both goodbyes, and ends both."""
    with layered(loop, contexts, Recorder(), side, kind) as layers:
        layers.transport.write(b"last")
        layers.transport.close()
        assert layers.peer.receive_all() == b"last"
        layers.peer.unwrap()
        layers.outer.peer.unwrap()
        turn_until(loop, lambda: layers.protocol.lost)
        assert layers.protocol.lost == [None]


@pytest.mark.parametrize("kind", SOCKETS)
def test_the_peer_ends_the_inner(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """The inner goodbye of the peer."""
    with layered(loop, contexts, Recorder(), "client", kind) as layers:
        layers.peer.write(b"last")
        layers.peer.unwrap()
        layers.outer.peer.unwrap()
        turn_until(loop, lambda: layers.protocol.lost)
        assert layers.protocol.calls == ["data_received", "eof_received", "connection_lost"]


@pytest.mark.parametrize("kind", SOCKETS)
def test_the_outer_ends_first(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """The goodbye of the outer layer without one of the inner is an end of file for it."""
    with layered(loop, contexts, Recorder(), "client", kind) as layers:
        layers.outer.peer.unwrap()
        turn_until(loop, lambda: layers.protocol.lost)
        assert layers.protocol.calls == ["eof_received", "connection_lost"]
        assert layers.protocol.lost == [None]


@pytest.mark.parametrize("kind", SOCKETS)
@pytest.mark.parametrize("layer", ["inner", "outer"])
def test_abort(loop: asyncio.AbstractEventLoop, contexts: Contexts, layer: str, kind: str) -> None:
    """Of either layer; the inner protocol is told once."""
    with layered(loop, contexts, Recorder(), "client", kind) as layers:
        (layers.transport if layer == "inner" else layers.outer.transport).abort()
        turn_until(loop, lambda: layers.protocol.lost)
        turn(loop, A_FEW)
        assert layers.protocol.lost == [None]


@pytest.mark.parametrize("kind", SOCKETS)
def test_garbage_inside(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str, engine: str) -> None:
    """A broken inner record ends both layers, with its error; asyncio before 3.13 raises a TypeError."""
    skip_asyncio(engine, below=(3, 13))
    with layered(loop, contexts, Recorder(), "client", kind) as layers:
        layers.outer.peer.write(b"this is not a record")
        turn_until(loop, lambda: layers.protocol.lost)
        (error,) = layers.protocol.lost
        assert isinstance(error, ssl.SSLError)


def test_the_extra_info(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """That of the inner layer, and the socket of the lowest."""
    with layered(loop, contexts, Recorder(), "client", "our transport below") as layers:
        inner, outer = layers.transport, layers.outer.transport
        assert inner.get_extra_info("ssl_object") is not outer.get_extra_info("ssl_object")
        assert inner.get_extra_info("peercert") == outer.get_extra_info("peercert")
        assert inner.get_extra_info("socket") is outer.get_extra_info("socket")
        assert inner.get_extra_info("peername") == outer.get_extra_info("peername")


def test_three_layers(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """And one more."""
    with layered(loop, contexts, Recorder(), "client", "our transport below") as layers:
        protocol = Recorder()
        starting = loop.start_tls(layers.transport, protocol, contexts.client(), server_hostname=SERVER)
        task = loop.create_task(starting)
        peer = InnerPeer(loop, layers.peer, contexts, "client")
        peer.handshake()
        transport = result(loop, task)
        transport.write(bytes(100_000))
        assert peer.receive(100_000) == bytes(100_000)
        peer.write(b"x")
        turn_until(loop, lambda: protocol.data == b"x")
        transport.abort()
        turn_until(loop, lambda: protocol.lost)
        # The protocol of the second layer was replaced by the third.
        layers.protocol.lost.append(None)
