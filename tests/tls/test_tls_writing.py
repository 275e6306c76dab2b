"""Writing to TLS transports: kinds of buffers, wrong types, moments, and the records that leave."""

import asyncio
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, SMALL_BUFFER, bad, unix_pair
from support import turn, turn_until
from tls_certificates import Contexts
from tls_peer import APPLICATION_DATA
from tls_support import SIDES, secured

# What a record of TLS 1.3 adds to its data: the type of its content and the tag of an AEAD cipher.
OVERHEAD = 17
RECORD_SIZE = 16384


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("side", SIDES)
def test_kinds_of_data(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: Any, side: str) -> None:
    """Everything that is bytes-like to asyncio."""
    with secured(loop, contexts, side=side) as wire:
        wire.transport.write(kind(b"some data"))
        assert wire.peer.receive(9) == b"some data"


@pytest.mark.parametrize("shape", [(2, 6), (3, 2, 2), (12,)])
def test_a_view_of_several_dimensions(loop: asyncio.AbstractEventLoop, contexts: Contexts, shape: Any) -> None:
    """It is sent whole."""
    with secured(loop, contexts) as wire:
        wire.transport.write(memoryview(b"abcdefghijkl").cast("B", shape))
        wire.transport.write(b"|")
        assert wire.peer.receive(13) == b"abcdefghijkl|"


def test_a_view_of_larger_items(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A view of integers is sent as its bytes."""
    with secured(loop, contexts) as wire:
        wire.transport.write(memoryview(b"abcdefgh").cast("I"))
        wire.transport.write(b"|")
        assert wire.peer.receive(9) == b"abcdefgh|"


def test_a_bytearray_that_is_changed_afterwards(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What was written is sent, whatever becomes of the object in the same turn."""
    with secured(loop, contexts) as wire:
        data = bytearray(b"abc")
        wire.transport.write(data)
        data[:] = b"xyz!"
        data.clear()
        view = bytearray(b"def")
        wire.transport.write(memoryview(view)[1:])
        view[1] = 0
        turn(loop)
        assert wire.peer.receive(5) == b"abcef"


def test_writelines(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Any iterable of buffers, empty ones among them, in its order."""
    with secured(loop, contexts) as wire:
        wire.transport.writelines([b"a", bytearray(b"b"), memoryview(b"c"), b"", b"d"])
        wire.transport.writelines(bytes([n]) for n in b"efg")
        wire.transport.writelines([])
        wire.transport.writelines(())
        wire.transport.write(b"h")
        assert wire.peer.receive(8) == b"abcdefgh"


def test_empty_writes(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Nothing is sent for them, not even a record without data."""
    with secured(loop, contexts) as wire:
        wire.peer.records.clear()
        for nothing in (b"", bytearray(), memoryview(b"")):
            wire.transport.write(nothing)
        turn(loop, A_FEW)
        wire.peer.pull()
        assert wire.peer.records == []


@pytest.mark.parametrize("wrong", ["text", None, 5, [b"x"], object()])
def test_wrong_types(loop: asyncio.AbstractEventLoop, contexts: Contexts, wrong: object) -> None:
    """A TypeError that names the type; the connection goes on."""
    with secured(loop, contexts) as wire:
        with pytest.raises(TypeError, match=f"data: expecting a bytes-like instance, got {type(wrong).__name__}"):
            wire.transport.write(bad(wrong))
        wire.transport.write(b"x")
        assert wire.peer.receive(1) == b"x"


@pytest.mark.parametrize("side", SIDES)
def test_writing_in_connection_made(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """What is written first arrives first, also more than the kernel takes."""
    greeting = bytes(300_000)
    protocol = Recorder(connection_made=lambda transport: transport.write(greeting))
    with secured(loop, contexts, protocol, side=side, pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        wire.transport.write(b"|")
        assert wire.peer.receive(len(greeting) + 1) == greeting + b"|"


def test_writing_in_data_received(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """An echo, one answer to each message."""
    protocol = Recorder(data_received=lambda data: protocol.transport.write(data[::-1]))
    with secured(loop, contexts, protocol) as wire:
        for message in (b"abc", bytes(range(256)) * 100, b"x"):
            wire.peer.write(message)
            turn_until(loop, lambda: protocol.data)
            got = bytearray()
            while len(got) < len(message):
                got += wire.peer.read()
            assert sorted(got) == sorted(message)
            protocol.data.clear()


def test_order_of_many_writes(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Small and large writes, in one turn and in several, leave in their order."""
    expected = bytearray()
    with secured(loop, contexts, pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        for number in range(200):
            data = bytes([number]) * (1 if number % 3 else number * 100)
            expected += data
            wire.transport.write(data)
            if number % 7 == 0:
                turn(loop)
        assert wire.peer.receive(len(expected)) == expected


def test_there_is_no_end_of_one_side(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """asyncio does not offer the half close of TLS."""
    with secured(loop, contexts) as wire:
        assert wire.transport.can_write_eof() is False
        with pytest.raises(NotImplementedError):
            wire.transport.write_eof()


@pytest.mark.parametrize("size", [1, 100, RECORD_SIZE, RECORD_SIZE + 1, 5 * RECORD_SIZE + 7])
def test_records_of_one_write(loop: asyncio.AbstractEventLoop, contexts: Contexts, size: int) -> None:
    """A write becomes as many full records as it fills, and one for the rest."""
    with secured(loop, contexts) as wire:
        wire.peer.records.clear()
        wire.transport.write(bytes(size))
        assert wire.peer.receive(size) == bytes(size)
        full, rest = divmod(size, RECORD_SIZE)
        assert wire.peer.records == [
            (APPLICATION_DATA, count + OVERHEAD) for count in [RECORD_SIZE] * full + [rest] * bool(rest)
        ]
