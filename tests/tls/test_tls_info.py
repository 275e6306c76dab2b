"""`get_extra_info` of TLS transports: before, during and after the connection; and their other attributes."""

import asyncio
import ssl
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import tcp_pair
from support import private, turn_until
from tls_certificates import SERVER, Contexts
from tls_support import SIDES, secured

# What TLS adds to the transport below.
NAMES = ["sslcontext", "ssl_object", "peercert", "cipher", "compression"]


@pytest.mark.parametrize("side", SIDES)
def test_the_object(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """`ssl_object` is a real `ssl.SSLObject`, whose methods answer for this connection."""
    with secured(loop, contexts, side=side) as wire:
        tls = wire.transport.get_extra_info("ssl_object")
        assert type(tls) is ssl.SSLObject
        assert tls is wire.transport.get_extra_info("ssl_object")
        assert tls.context is wire.transport.get_extra_info("sslcontext")
        assert tls.server_side == (side == "server")
        assert tls.server_hostname == (SERVER if side == "client" else None)
        assert tls.version() == wire.peer.tls.version() == "TLSv1.3"
        assert tls.cipher() == wire.peer.tls.cipher()
        assert tls.shared_ciphers() is None or isinstance(tls.shared_ciphers(), list)
        assert tls.selected_alpn_protocol() is None
        assert tls.compression() is None
        assert tls.session_reused is False
        assert tls.pending() == 0
        assert "tls-unique" in ssl.CHANNEL_BINDING_TYPES
        assert isinstance(tls.get_channel_binding("tls-unique"), (bytes, type(None)))
        certificate = tls.getpeercert(binary_form=True)
        assert isinstance(certificate, bytes) == (side == "client")


def test_what_it_says(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The values at the end of the handshake."""
    context = contexts.client()
    with secured(loop, contexts, context=context) as wire:
        info = wire.transport.get_extra_info
        assert info("sslcontext") is context
        assert info("peercert")["subject"] == ((("commonName", SERVER),),)
        assert info("peercert") == info("ssl_object").getpeercert()
        assert info("cipher") == info("ssl_object").cipher()
        assert info("cipher")[1:] == ("TLSv1.3", 256)
        assert info("compression", "default") is None
        assert info("nothing of this name") is None
        assert info("nothing of this name", 5) == 5


@pytest.mark.parametrize("side", SIDES)
def test_in_every_callback(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """It can be asked in `connection_made`, and as well in `connection_lost` and afterwards."""
    seen: dict[str, Any] = {}

    def ask(name: str) -> Any:
        def callback(*_: object) -> None:
            transport = protocol.transport
            values = {key: transport.get_extra_info(key) for key in (*NAMES, "peername", "sockname")}
            seen[name] = {**values, "object": id(values.pop("ssl_object"))}

        return callback

    protocol = Recorder(**{name: ask(name) for name in ("connection_made", "data_received", "connection_lost")})
    with secured(loop, contexts, protocol, side=side, pair=tcp_pair()) as wire:
        wire.peer.write(b"x")
        turn_until(loop, lambda: protocol.data)
        wire.peer.unwrap()
        turn_until(loop, lambda: protocol.lost)
        ask("afterwards")()
    assert list(seen) == ["connection_made", "data_received", "connection_lost", "afterwards"]
    assert seen["connection_made"] == seen["data_received"]
    assert seen["connection_made"]["cipher"] is not None
    assert seen["connection_made"]["sockname"] is not None
    for name in ("connection_lost", "afterwards"):
        # The transport below is gone by then, and what it knew with it.
        lost = {key: value for key, value in seen[name].items() if not key.endswith("name")}
        assert lost == {key: value for key, value in seen["connection_made"].items() if not key.endswith("name")}


def test_the_kind_of_transport(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """It is one of asyncio's, and offers what asyncio asks for by private names."""
    with secured(loop, contexts) as wire:
        transport = private(wire.transport)
        assert isinstance(transport, asyncio.Transport)
        assert transport._start_tls_compatible is True
        assert transport._sendfile_compatible is asyncio.constants._SendfileMode.FALLBACK
        assert transport.get_protocol() is wire.protocol
        assert transport.is_reading()
        assert not transport.is_closing()
        with pytest.raises(ValueError, match=r"channel binding"):
            transport.get_extra_info("ssl_object").get_channel_binding("unknown")


def test_attributes_of_the_user(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A transport can carry attributes, and be in a set, as asyncio's own."""
    with secured(loop, contexts) as wire:
        private(wire.transport).mine = 5
        assert private(wire.transport).mine == 5
        assert wire.transport in {wire.transport}
        assert wire.transport != object()


@pytest.mark.vitok_only
def test_values_are_computed_when_they_are_asked_for(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """asyncio asks for all of them at the end of the handshake."""
    asked: list[str] = []

    class Counting(ssl.SSLObject):
        def getpeercert(self, binary_form: bool = False) -> Any:
            asked.append("peercert")
            return super().getpeercert(binary_form)

        def cipher(self) -> Any:
            asked.append("cipher")
            return super().cipher()

    context = contexts.client()
    context.sslobject_class = Counting
    with secured(loop, contexts, context=context) as wire:
        assert asked == []
        assert wire.transport.get_extra_info("cipher")[1:] == ("TLSv1.3", 256)
        assert asked == ["cipher"]
