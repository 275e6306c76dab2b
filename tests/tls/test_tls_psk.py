"""Keys that both ends have from elsewhere, in place of certificates: contexts have callbacks for them from 3.13 on."""

import asyncio
import ssl
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import unix_pair
from support import private, turn_until
from tls_certificates import Contexts
from tls_support import SIDES, begin, end, peer_of, secured

pytestmark = pytest.mark.skipif(not getattr(ssl, "HAS_PSK", False), reason="from 3.13 on, where OpenSSL has it")

KEY = bytes(range(32))
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def contexts_with_keys(version: str, server_key: bytes = KEY) -> tuple[Any, Any, list[Any]]:
    """Contexts of both sides without certificates, and what their callbacks were asked."""
    asked: list[Any] = []

    def client_key(hint: str | None) -> tuple[str, bytes]:
        asked.append(("client", hint))
        return "name of the client", KEY

    def find_key(identity: str | None) -> bytes:
        asked.append(("server", identity))
        return server_key

    client, server = private(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)), private(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    for context in (client, server):
        context.minimum_version = context.maximum_version = VERSIONS[version]
        context.set_ciphers("PSK")
    client.set_psk_client_callback(client_key)
    server.set_psk_server_callback(find_key, "hint")
    return client, server, asked


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_key(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, version: str) -> None:
    """Both ends are asked for it, and the connection has no certificate."""
    client, server, asked = contexts_with_keys(version)
    ours, theirs = (client, server) if side == "client" else (server, client)
    with secured(loop, contexts, side=side, context=ours, peer_context=theirs) as wire:
        assert wire.transport.get_extra_info("peercert") is None
        wire.transport.write(b"x")
        assert wire.peer.receive(1) == b"x"
        wire.peer.write(b"y")
        turn_until(loop, lambda: wire.protocol.data)
    hint = "hint" if version == "TLSv1.2" else None
    assert asked == [("client", hint), ("server", "name of the client")]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("version", VERSIONS)
def test_different_keys(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, version: str) -> None:
    """The handshake fails."""
    client, server, _ = contexts_with_keys(version, server_key=KEY[::-1])
    ours, theirs = (client, server) if side == "client" else (server, client)
    mine, others = unix_pair()
    peer = peer_of(loop, contexts, others, side=side, context=theirs)
    task = begin(loop, contexts, Recorder(), mine, side=side, context=ours)
    with others:
        with pytest.raises(ssl.SSLError):
            peer.handshake()
            peer.read()
        turn_until(loop, task.done)
        assert isinstance(task.exception(), (ssl.SSLError, ConnectionResetError))
        end(loop, task, mine)
