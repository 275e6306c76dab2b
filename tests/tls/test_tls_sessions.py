"""Versions, sessions, keys and messages after the handshake."""

import asyncio
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from certificates_made import need_openssl
from support import private, turn, turn_until
from tls_certificates import CLIENT, Contexts
from tls_servers import HOST, factory, serving
from tls_support import SIDES, secured

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def only(context: ssl.SSLContext, version: str) -> ssl.SSLContext:
    """The same context, for this version only."""
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_version(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, version: str) -> None:
    """Data in both directions, a goodbye of either end."""
    context = only(contexts.client() if side == "client" else contexts.server(), version)
    for ends in ("loop", "peer"):
        with secured(loop, contexts, side=side, context=context) as wire:
            assert wire.transport.get_extra_info("ssl_object").version() == version
            wire.transport.write(bytes(100_000))
            wire.peer.write(bytes(50_000))
            assert wire.peer.receive(100_000) == bytes(100_000)
            turn_until(loop, lambda: len(wire.protocol.data) == 50_000)
            if ends == "loop":
                wire.transport.close()
            wire.peer.unwrap()
            turn_until(loop, lambda: wire.protocol.lost)
            assert wire.protocol.lost == [None]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_resumes_sessions(loop: asyncio.AbstractEventLoop, contexts: Contexts, version: str) -> None:
    """A client that comes back with its session is not asked for a full handshake."""
    server, client = contexts.server(), only(contexts.client(), version)
    options: dict[str, Any] = {"side": "server", "context": server, "peer_context": client}
    with secured(loop, contexts, **options) as wire:
        wire.transport.write(b"x")
        # The tickets of TLS 1.3 come before the data.
        assert wire.peer.receive(1) == b"x"
        session = wire.peer.tls.session
        assert not wire.transport.get_extra_info("ssl_object").session_reused
        wire.transport.close()
        wire.peer.unwrap()
        turn_until(loop, lambda: wire.protocol.lost)
    with secured(loop, contexts, session=session, **options) as wire:
        assert wire.peer.tls.session_reused
        assert wire.transport.get_extra_info("ssl_object").session_reused
        wire.transport.write(b"y")
        assert wire.peer.receive(1) == b"y"


class Resuming(ssl.SSLContext):
    """A client's context that uses a session, which no argument of asyncio's does."""

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """Give the session to the object."""
        return super().wrap_bio(*arguments, **options, session=getattr(self, "session", None))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_resumes_its_session(loop: asyncio.AbstractEventLoop, contexts: Contexts, version: str) -> None:
    """The object in the extra info gives the session, and another connection uses it."""
    server = contexts.server()
    client = private(only(Resuming(ssl.PROTOCOL_TLS_CLIENT), version))
    client.load_verify_locations(contexts.authority)
    with secured(loop, contexts, context=client, peer_context=server) as wire:
        wire.peer.write(b"x")
        turn_until(loop, lambda: wire.protocol.data)
        client.session = wire.transport.get_extra_info("ssl_object").session
        assert isinstance(client.session, ssl.SSLSession)
        wire.peer.unwrap()
        turn_until(loop, lambda: wire.protocol.lost)
    with secured(loop, contexts, context=client, peer_context=server) as wire:
        assert wire.transport.get_extra_info("ssl_object").session_reused
        assert wire.peer.tls.session_reused
        wire.peer.write(b"y")
        turn_until(loop, lambda: wire.protocol.data == b"y")


def test_a_certificate_is_asked_for_later(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A server of TLS 1.3 may ask in the middle of the data: the answer is made of what is read."""
    client = contexts.client(CLIENT)
    client.post_handshake_auth = True
    server = contexts.asking_for_certificates(ssl.CERT_REQUIRED)
    server.post_handshake_auth = True
    with secured(loop, contexts, context=client, peer_context=server) as wire:
        peer = wire.peer
        assert peer.tls.getpeercert() is None
        private(peer.tls)._sslobj.verify_client_post_handshake()
        peer.write(b"question")
        turn_until(loop, lambda: wire.protocol.data == b"question")
        # The answer needs no write of the application.
        turn(loop, 2)
        wire.transport.write(b"answer")
        assert peer.receive(6) == b"answer"
        certificate: Any = peer.tls.getpeercert()
        assert certificate["subject"] == ((("commonName", CLIENT),),)


def test_the_transport_asks_for_a_certificate_later(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A server's transport reads the answer to a question that was put by its TLS object."""
    client = contexts.client(CLIENT)
    client.post_handshake_auth = True
    server = contexts.asking_for_certificates(ssl.CERT_REQUIRED)
    server.post_handshake_auth = True
    with secured(loop, contexts, side="server", context=server, peer_context=client) as wire:
        tls = wire.transport.get_extra_info("ssl_object")
        assert tls.getpeercert() is None
        private(tls)._sslobj.verify_client_post_handshake()
        wire.transport.write(b"question")
        assert wire.peer.receive(8) == b"question"
        wire.peer.write(b"answer")
        turn_until(loop, lambda: wire.protocol.data == b"answer")
        assert tls.getpeercert()["subject"] == ((("commonName", CLIENT),),)


class SClient:
    """`openssl s_client`: a line of one letter is a command, all others are sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, address: tuple[str, int], *words: str) -> None:
        need_openssl()
        command = ["openssl", "s_client", "-brief", "-connect", f"{address[0]}:{address[1]}", *words]
        self.loop = loop
        pipe = subprocess.PIPE
        self.child = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe)
        for output in (self.child.stdout, self.child.stderr):
            assert output is not None
            os.set_blocking(output.fileno(), False)

    def send(self, line: bytes) -> None:
        """Type a line."""
        assert self.child.stdin is not None
        self.child.stdin.write(line)

    def received(self, count: int) -> bytes:
        """Return so many bytes of what has arrived, fewer at the end."""
        got = b""
        while len(got) < count and (piece := self._next(self.child.stdout, count - len(got))):
            got += piece
        return got

    def wait_for_message(self, text: bytes) -> None:
        """Run the loop until the child has written this text about itself."""
        got = b""
        while text not in got:
            piece = self._next(self.child.stderr, 1000)
            assert piece, got
            got += piece

    def _next(self, output: Any, count: int) -> bytes:
        while (piece := output.read(count)) is None:
            turn(self.loop)
        found: bytes = piece
        return found

    def end(self) -> None:
        """End the child."""
        with self.child:
            self.child.kill()


@pytest.fixture
def s_client(loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., SClient]]:
    """Start children, and end them afterwards."""
    children: list[SClient] = []

    def start(*arguments: Any) -> SClient:
        children.append(SClient(loop, *arguments))
        return children[-1]

    yield start
    for child in children:
        child.end()


@pytest.mark.parametrize("command", [b"k\n", b"K\n"])
def test_new_keys_in_the_middle(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, s_client: Callable[..., SClient], command: bytes
) -> None:
    """A key update of TLS 1.3 by the peer, alone or with the demand for one of ours."""
    protocols: list[Any] = []
    creating = loop.create_server(factory(protocols), HOST, 0, ssl=contexts.server())
    with serving(loop, creating, protocols) as server:
        client = s_client(server.sockets[0].getsockname())
        for line in (b"before\n", b"between\n", b"after\n"):
            client.send(line)
            assert client.received(len(line)) == line
            client.send(command)
            client.wait_for_message(b"KEYUPDATE")
        client.end()


def test_renegotiation_is_refused(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, s_client: Callable[..., SClient]
) -> None:
    """A client of TLS 1.2 that asks for a new handshake is refused by OpenSSL, and its connection ends."""
    protocols: list[Any] = []
    creating = loop.create_server(factory(protocols), HOST, 0, ssl=contexts.server())
    with serving(loop, creating, protocols) as server:
        client = s_client(server.sockets[0].getsockname(), "-tls1_2")
        client.send(b"before\n")
        assert client.received(7) == b"before\n"
        client.send(b"R\n")
        assert client.received(1) == b""
        turn_until(loop, lambda: protocols[0].lost)
        assert protocols[0].data == b"before\n"
