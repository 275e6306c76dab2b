"""Reading from TLS transports: protocols of both kinds, records of any size, pausing."""

import asyncio

import pytest
from support import turn_until
from tls_certificates import Contexts
from tls_support import SIDES, recorder_of, secured


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["plain", "buffered"])
def test_data_arrives(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str, side: str) -> None:
    """What the peer sends is what the protocol gets, and the other way round."""
    with secured(loop, contexts, recorder_of(kind), side=side) as wire:
        wire.peer.write(b"to the loop")
        turn_until(loop, lambda: wire.protocol.data == b"to the loop")
        wire.transport.write(b"to the peer")
        assert wire.peer.receive(11) == b"to the peer"
