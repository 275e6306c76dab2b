"""Subclasses of the user's in place of the standard library's: contexts, TLS objects, sockets."""

import asyncio
import socket
import ssl
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import tcp_pair, unix_pair
from support import private, result, turn_until
from tls_certificates import SERVER, Contexts
from tls_support import SIDES, begin, end, peer_of, secured


class Context(ssl.SSLContext):
    """Records the calls of `wrap_bio`."""

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Record the arguments."""
        private(self).wrapped = [*getattr(self, "wrapped", []), options]
        return super().wrap_bio(*arguments, **options)


class Object(ssl.SSLObject):
    """Counts what is asked of it."""

    handshakes = 0

    def do_handshake(self) -> None:
        """Count the call."""
        Object.handshakes += 1
        super().do_handshake()


class Proxy:
    """Stands for an `SSLObject`, as a context of a test or of another library may return it."""

    def __init__(self, real: ssl.SSLObject) -> None:
        self.real = real
        self.used: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.used.append(name)
        return getattr(self.real, name)


class ProxyContext(ssl.SSLContext):
    """Returns proxies."""

    def wrap_bio(self, *arguments: Any, **options: Any) -> Any:
        """Return a proxy of what the standard library would return."""
        return Proxy(super().wrap_bio(*arguments, **options))


class Socket(socket.socket):
    """A subclass that does nothing else, so that asyncio's own transport serves it."""


def prepared(contexts: Contexts, kind: type[ssl.SSLContext], side: str) -> Any:
    """A context of this class for this side."""
    if side == "server":
        return contexts.with_certificate(kind(ssl.PROTOCOL_TLS_SERVER), SERVER)
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(contexts.authority)
    return context


def exchange(loop: asyncio.AbstractEventLoop, wire: Any) -> None:
    """Send something in each direction, then end the connection in good order."""
    wire.transport.write(bytes(40_000))
    assert wire.peer.receive(40_000) == bytes(40_000)
    wire.peer.write(b"y" * 40_000)
    turn_until(loop, lambda: len(wire.protocol.data) == 40_000)
    wire.transport.close()
    wire.peer.unwrap()
    turn_until(loop, lambda: wire.protocol.lost)
    assert wire.protocol.lost == [None]


@pytest.mark.parametrize("side", SIDES)
def test_a_subclass_of_the_context(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """Its `wrap_bio` makes the object, once, with the side and the name."""
    context = prepared(contexts, Context, side)
    with secured(loop, contexts, side=side, context=context) as wire:
        assert wire.transport.get_extra_info("sslcontext") is context
        exchange(loop, wire)
    name = SERVER if side == "client" else None
    assert context.wrapped == [{"server_side": side == "server", "server_hostname": name}]


@pytest.mark.parametrize("side", SIDES)
def test_a_subclass_of_the_object(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sslobject_class` of the context is what the extra info has, and its `do_handshake` is called."""
    monkeypatch.setattr(Object, "handshakes", 0)
    context = prepared(contexts, ssl.SSLContext, side)
    context.sslobject_class = Object
    with secured(loop, contexts, side=side, context=context) as wire:
        assert type(wire.transport.get_extra_info("ssl_object")) is Object
        assert Object.handshakes >= 2
        exchange(loop, wire)


def test_a_subclass_of_the_object_and_a_small_buffer(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A record that is larger than the protocol's buffer arrives in parts."""
    context = prepared(contexts, ssl.SSLContext, "client")
    context.sslobject_class = Object
    protocol = BufferedRecorder(1000)
    data = bytes(range(250)) * 60
    with secured(loop, contexts, protocol, context=context) as wire:
        wire.peer.write(data)
        turn_until(loop, lambda: sum(protocol.sizes) == len(data))
        assert set(protocol.sizes) == {1000}


@pytest.mark.parametrize("side", SIDES)
def test_a_context_that_returns_something_else(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """Any object with the methods of an `SSLObject` serves."""
    with secured(loop, contexts, side=side, context=prepared(contexts, ProxyContext, side)) as wire:
        proxy = wire.transport.get_extra_info("ssl_object")
        assert type(proxy) is Proxy
        assert "do_handshake" in proxy.used
        exchange(loop, wire)


@pytest.mark.parametrize("error", [LookupError("no object"), ssl.SSLError("no object")])
@pytest.mark.parametrize("side", SIDES)
def test_a_context_that_raises(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of `wrap_bio` is the caller's."""

    def fail(*_: object, **__: object) -> None:
        raise error

    context = prepared(contexts, Context, side)
    monkeypatch.setattr(Context, "wrap_bio", fail)
    ours, theirs = unix_pair()
    with ours, theirs:
        task = begin(loop, contexts, Recorder(), ours, side=side, context=context)
        turn_until(loop, task.done)
        assert task.exception() is error


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("pair", [tcp_pair, unix_pair])
def test_a_subclass_of_socket(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, pair: Any) -> None:
    """A socket of any class carries TLS."""
    ours, theirs = pair()
    with secured(loop, contexts, side=side, pair=(Socket(fileno=ours.detach()), theirs)) as wire:
        exchange(loop, wire)


@pytest.mark.parametrize("side", SIDES)
def test_a_refusal_over_a_subclass_of_socket(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """A failing handshake closes such a socket too."""
    ours, theirs = unix_pair()
    sock = Socket(fileno=ours.detach())
    task = begin(loop, contexts, Recorder(), sock, side=side)
    with theirs:
        theirs.send(b"this is not TLS, whatever it is; it is long enough for a header")
        turn_until(loop, lambda: task.done() and sock.fileno() == -1)
        assert isinstance(task.exception(), ssl.SSLError)
        end(loop, task, sock)


def test_a_wrong_hello(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Clear text in place of a handshake is an error of `ssl` on each side, and not a wait for more."""
    for side in SIDES:
        ours, theirs = unix_pair()
        with theirs:
            task = begin(loop, contexts, Recorder(), ours, side=side)
            theirs.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            turn_until(loop, lambda made=task: made.done())
            assert isinstance(task.exception(), ssl.SSLError)
            end(loop, task, ours)


def test_the_socket_below(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """`get_extra_info` answers for the transport below as well."""
    ours, theirs = tcp_pair()
    peer = peer_of(loop, contexts, theirs)
    task = begin(loop, contexts, Recorder(), ours)
    with theirs:
        peer.handshake()
        transport, _ = result(loop, task)
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, asyncio.trsock.TransportSocket)
        assert sock.fileno() == ours.fileno()
        assert transport.get_extra_info("sockname") == ours.getsockname()
        assert transport.get_extra_info("peername") == theirs.getsockname()
        end(loop, task, ours)
