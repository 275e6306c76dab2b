"""Versions, sessions, keys and messages after the handshake."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import run
from support import private, turn, turn_until
from tls_certificates import CLIENT, SERVER, Contexts
from tls_openssl import OpenSSL
from tls_served import HOST, factory, serving
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


@pytest.fixture
def openssl(loop: asyncio.AbstractEventLoop) -> Iterator[Callable[..., OpenSSL]]:
    """Start children, and end them afterwards."""
    children: list[OpenSSL] = []

    def start(*words: str | Path) -> OpenSSL:
        children.append(OpenSSL(loop, *words))
        return children[-1]

    yield start
    for child in children:
        child.end()


def s_client(openssl: Callable[..., OpenSSL], server: Any, *words: str) -> OpenSSL:
    """A client of a server of the loop."""
    address = server.sockets[0].getsockname()
    return openssl("s_client", "-brief", "-connect", f"{address[0]}:{address[1]}", *words)


@pytest.mark.parametrize("command", [b"k\n", b"K\n"])
def test_new_keys_in_the_middle(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, openssl: Callable[..., OpenSSL], command: bytes
) -> None:
    """A key update of TLS 1.3 by the peer, alone or with the demand for one of ours."""
    protocols: list[Any] = []
    creating = loop.create_server(factory(protocols), HOST, 0, ssl=contexts.server())
    with serving(loop, creating, protocols) as server:
        client = s_client(openssl, server)
        for line in (b"before\n", b"between\n", b"after\n"):
            client.send(line)
            assert client.received(len(line)) == line
            client.send(command)
            client.wait_for_message(b"KEYUPDATE")
        client.end()


def test_renegotiation_is_refused(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, openssl: Callable[..., OpenSSL]
) -> None:
    """A client of TLS 1.2 that asks for a new handshake is refused by OpenSSL, and its connection ends."""
    protocols: list[Any] = []
    creating = loop.create_server(factory(protocols), HOST, 0, ssl=contexts.server())
    with serving(loop, creating, protocols) as server:
        client = s_client(openssl, server, "-tls1_2")
        client.send(b"before\n")
        assert client.received(7) == b"before\n"
        client.send(b"R\n")
        assert client.received(1) == b""
        turn_until(loop, lambda: protocols[0].lost)
        assert protocols[0].data == b"before\n"


@pytest.mark.parametrize(("version", "command"), [("-tls1_2", b"r\n"), ("-tls1_3", b"k\n"), ("-tls1_3", b"K\n")])
def test_a_server_that_begins_anew(
    loop: asyncio.AbstractEventLoop,
    contexts: Contexts,
    openssl: Callable[..., OpenSSL],
    version: str,
    command: bytes,
) -> None:
    """A server that asks for a new handshake or sends new keys, between lines in both directions."""
    files = ("-cert", contexts.folder / f"{SERVER}.pem", "-key", contexts.folder / f"{SERVER}.key")
    server = openssl("s_server", "-accept", f"{HOST}:0", *files, version)
    server.wait_for_output(b"ACCEPT ")
    port = int(server.wait_for_output(b"\n").split(b":")[1])
    connecting = loop.create_connection(Recorder, HOST, port, ssl=contexts.client(), server_hostname=SERVER)
    transport, protocol = run(loop, connecting)
    for number in range(3):
        transport.write(b"line %d\n" % number)
        server.wait_for_output(b"line %d\n" % number)
        server.send(b"answer %d\n" % number)
        turn_until(loop, lambda number=number: protocol.data.endswith(b"answer %d\n" % number))
        server.send(command)
    transport.abort()
    turn_until(loop, lambda: protocol.lost)
