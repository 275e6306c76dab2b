"""Reading from TLS transports: protocols of both kinds, records of any size, exact buffers, changes of the protocol.

Pausing is tested in test_tls_pausing.py.
"""

import asyncio
import hashlib
import random
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import SMALL_BUFFER, receive_now, send_all, unix_pair
from support import turn, turn_until
from tls_certificates import Contexts
from tls_support import SIDES, connected, recorder_of, secured

KINDS = ["plain", "buffered"]
# What one record holds at the most (RFC 8446, section 5.1).
RECORD_SIZE = 16384
SIZES = [1, 2, 255, 16383, RECORD_SIZE, 16385, 2 * RECORD_SIZE - 1, 2 * RECORD_SIZE, 2 * RECORD_SIZE + 1, 100_000]


def some_bytes(size: int) -> bytes:
    """Bytes that repeat nowhere, the same in each run."""
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_data_arrives(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str, side: str) -> None:
    """What the peer sends is what the protocol gets, and the other way round."""
    with secured(loop, contexts, recorder_of(kind), side=side) as wire:
        wire.peer.write(b"to the loop")
        turn_until(loop, lambda: wire.protocol.data == b"to the loop")
        wire.transport.write(b"to the peer")
        assert wire.peer.receive(11) == b"to the peer"


@pytest.mark.parametrize("kind", KINDS)
def test_messages_around_the_size_of_a_record(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """Messages of one record, of exactly full records, and of one byte more, in both directions."""
    with secured(loop, contexts, recorder_of(kind)) as wire:
        for size in SIZES:
            message = some_bytes(size)
            wire.peer.write(message)
            turn_until(loop, lambda size=size: len(wire.protocol.data) >= size)
            assert wire.protocol.data == message
            wire.protocol.data.clear()
            wire.transport.write(message)
            assert wire.peer.receive(size) == message


@pytest.mark.parametrize("kind", KINDS)
def test_one_byte_of_ciphertext_at_a_time(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """A record may arrive in any number of pieces; its data is delivered when it is complete, and not before."""
    with secured(loop, contexts, recorder_of(kind)) as wire:
        wire.peer.tls.write(b"first")
        wire.peer.tls.write(b"second")
        ciphertext = wire.peer.outgoing.read()
        seen = []
        for place in range(len(ciphertext)):
            wire.peer.sock.send(ciphertext[place : place + 1])
            turn(loop, 2)
            seen.append(bytes(wire.protocol.data))
        assert list(dict.fromkeys(seen)) == [b"", b"first", b"firstsecond"]
        assert seen.count(b"firstsecond") == 1


def test_records_that_arrive_together_are_one_call(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """All complete records of one read are one call of `data_received`, and the rest of a record waits."""
    with secured(loop, contexts) as wire:
        for number in range(20):
            wire.peer.tls.write(b"%03d" % number)
        ciphertext = wire.peer.outgoing.read()
        wire.peer.sock.send(ciphertext[:-1])
        turn_until(loop, lambda: wire.protocol.data)
        turn(loop, 3)
        assert wire.protocol.sizes == [57]
        wire.peer.sock.send(ciphertext[-1:])
        turn_until(loop, lambda: len(wire.protocol.data) == 60)
        assert wire.protocol.sizes == [57, 3]


@pytest.mark.parametrize("size", [1, 3, 7, 1000, RECORD_SIZE, 40_000, 1 << 20])
def test_buffers_of_any_size(loop: asyncio.AbstractEventLoop, contexts: Contexts, size: int) -> None:
    """A `BufferedProtocol` is never given more than its buffer takes, and is asked for it before each update."""
    protocol = recorder_of("buffered", size=size)
    with secured(loop, contexts, protocol) as wire:
        message = some_bytes(min(40 * size, 200_000))
        send_all(loop, wire.peer.sock, ciphertext_of(wire.peer, message))
        turn_until(loop, lambda: len(protocol.data) == len(message))
        assert protocol.data == message
        assert max(protocol.sizes) <= size
        updates = [name for name in protocol.calls if name in ("get_buffer", "buffer_updated")]
        assert all(updates[place - 1] == "get_buffer" for place, name in enumerate(updates) if name != "get_buffer")


def ciphertext_of(peer: Any, message: bytes) -> bytes:
    """The records of a message, which are not sent."""
    rest = memoryview(message)
    while rest:
        rest = rest[peer.tls.write(rest) :]
    sent: bytes = peer.outgoing.read()
    return sent


def test_a_small_buffer_is_filled_before_the_update(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A buffer that is smaller than the data is always given full, each time in a turn of its own."""
    protocol = BufferedRecorder(10)
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(bytes(25))
        turn_until(loop, lambda: len(protocol.data) == 25)
        assert protocol.sizes == [10, 10, 5]


def test_several_records_fill_one_buffer(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Records that have arrived together are put into one buffer, one behind the other."""
    protocol = recorder_of("buffered", size=1000)
    with secured(loop, contexts, protocol) as wire:
        for number in range(5):
            wire.peer.tls.write(b"%d" % number * 10)
        wire.peer.flush()
        turn_until(loop, lambda: len(protocol.data) == 50)
        assert protocol.sizes == [50]
        assert protocol.data == b"".join(b"%d" % number * 10 for number in range(5))


def test_a_view_into_a_larger_buffer(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Only the bytes of the view that `get_buffer` returned are written."""
    protocol = BufferedRecorder(100)
    protocol.inside["get_buffer"] = lambda _: memoryview(protocol.buffer)[20:60]
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"x" * 90)
        turn_until(loop, lambda: sum(protocol.sizes) == 90)
        assert protocol.sizes == [40, 40, 10]
        assert protocol.buffer == bytes(20) + b"x" * 40 + bytes(40)


def test_the_buffer_is_let_go(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """After an update the protocol may resize its buffer: no view of it is kept."""
    protocol = BufferedRecorder(100)
    protocol.inside["buffer_updated"] = lambda _: protocol.buffer.extend(bytes(10))
    with secured(loop, contexts, protocol) as wire:
        for count in range(1, 4):
            wire.peer.write(bytes(50))
            turn_until(loop, lambda count=count: len(protocol.data) == 50 * count)
        assert len(protocol.buffer) == 130


def test_the_protocol_is_changed_between_kinds(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Each protocol gets what arrives while it is set, whatever its kind."""
    protocols: list[Any] = [Recorder(), BufferedRecorder(), Recorder(), BufferedRecorder(), BufferedRecorder(5)]
    with secured(loop, contexts, protocols[0]) as wire:
        for number, protocol in enumerate(protocols):
            wire.transport.set_protocol(protocol)
            assert wire.transport.get_protocol() is protocol
            wire.peer.write(b"%05d" % number)
            turn_until(loop, lambda protocol=protocol: len(protocol.data) == 5)
        assert [bytes(protocol.data) for protocol in protocols] == [b"%05d" % n for n in range(5)]
        assert protocols[1].calls == ["get_buffer", "buffer_updated"]


def test_a_stream_reader_takes_over(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """From a protocol to a stream reader and back, as servers do that begin with a line of their own."""
    reader = asyncio.StreamReader(limit=100, loop=loop)
    streams = asyncio.StreamReaderProtocol(reader, loop=loop)
    with secured(loop, contexts) as wire:
        wire.peer.write(b"first")
        turn_until(loop, lambda: wire.protocol.data == b"first")
        wire.transport.set_protocol(streams)
        reader.set_transport(wire.transport)
        wire.peer.write(b"line\n" + bytes(1000))
        assert loop.run_until_complete(reader.readline()) == b"line\n"
        # More than twice its limit is buffered.
        assert not wire.transport.is_reading()
        assert loop.run_until_complete(reader.readexactly(1000)) == bytes(1000)
        assert wire.transport.is_reading()
        wire.transport.set_protocol(wire.protocol)
        wire.peer.write(b"last")
        turn_until(loop, lambda: wire.protocol.data == b"firstlast")


def test_the_protocol_is_changed_while_it_receives(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A protocol that hands over inside `data_received` gets nothing that is delivered later."""
    later = BufferedRecorder()
    first = Recorder(data_received=lambda _: first.transport.set_protocol(later))
    with secured(loop, contexts, first) as wire:
        wire.peer.write(b"one")
        turn_until(loop, lambda: first.data)
        wire.peer.write(b"two")
        turn_until(loop, lambda: later.data)
        assert (first.data, later.data) == (b"one", b"two")


def test_a_small_buffer_is_replaced_by_a_plain_protocol(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Data that is decrypted but was not given away yet goes to the protocol that is set then."""
    later = Recorder()
    first = BufferedRecorder(4, buffer_updated=lambda _: first.transport.set_protocol(later))
    with secured(loop, contexts, first) as wire:
        wire.peer.write(b"abcdefghij")
        turn_until(loop, lambda: later.data == b"efghij")
        assert first.data == b"abcd"


@pytest.mark.parametrize("kind", KINDS)
def test_ten_megabytes_in_both_directions(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """Both ends send at the same time, much more than any buffer, and every byte arrives in its place."""
    size = 10 * 1024 * 1024
    data = {"client": some_bytes(size), "server": some_bytes(size + 1)[1:]}
    with connected(loop, contexts, recorder_of(kind), recorder_of(kind)) as (client, server):
        client.transport.write(data["client"])
        server.transport.write(data["server"])
        turn_until(loop, lambda: len(client.data) == len(server.data) == size)
        assert hashlib.sha256(server.data).digest() == hashlib.sha256(data["client"]).digest()
        assert hashlib.sha256(client.data).digest() == hashlib.sha256(data["server"]).digest()


def test_a_stream_reader(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The methods of `StreamReader`, over records that end elsewhere than the lines do."""
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)

    async def read_all() -> list[bytes]:
        return [
            await reader.readline(),
            await reader.readexactly(20_000),
            await reader.readuntil(b"END"),
            await reader.read(),
        ]

    with secured(loop, contexts, protocol) as wire:
        for piece in (b"a li", b"ne\n" + bytes(10_000), bytes(10_000) + b"E", b"N", b"D rest"):
            wire.peer.write(piece)
        wire.peer.send_close_notify()
        got = loop.run_until_complete(asyncio.wait_for(read_all(), 30))
        assert got == [b"a line\n", bytes(20_000), b"END", b" rest"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_reader_on_the_other_end(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """What the kernel does not take stays in the transport, in its order, and reading goes on meanwhile."""
    with secured(loop, contexts, recorder_of(kind), pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        message = some_bytes(300_000)
        wire.transport.write(message)
        turn(loop, 3)
        assert receive_now(wire.peer.sock, 0) is not None
        wire.peer.write(b"meanwhile")
        turn_until(loop, lambda: wire.protocol.data == b"meanwhile")
        assert wire.peer.receive(len(message)) == message
