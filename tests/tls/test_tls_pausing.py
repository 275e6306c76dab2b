"""Pausing and resuming the reading of TLS transports, at any moment, and the marks of the read buffer."""

import asyncio
import ssl
from typing import Any

import pytest
from net_support import A_FEW
from support import turn, turn_until
from tls_certificates import Contexts
from tls_support import SIDES, recorder_of, secured

KINDS = ["plain", "buffered"]
# The mark at which a TLS transport stops reading from its socket, and a quarter of it, at which it goes on.
HIGH, LOW = 256 * 1024, 64 * 1024


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", KINDS)
def test_paused_in_connection_made(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str, side: str) -> None:
    """Nothing is delivered before reading is resumed, though it has arrived."""

    def made(transport: Any) -> None:
        transport.pause_reading()
        # asyncio's own client keeps the end of its handshake back until something is written or reading is resumed.
        transport.write(b"hello")

    protocol = recorder_of(kind, connection_made=made)
    with secured(loop, contexts, protocol, side=side) as wire:
        assert not wire.transport.is_reading()
        wire.peer.write(b"early")
        turn(loop, A_FEW)
        assert protocol.data == b""
        wire.transport.resume_reading()
        assert wire.transport.is_reading()
        # Not inside the call.
        assert protocol.data == b""
        turn_until(loop, lambda: protocol.data == b"early")


@pytest.mark.parametrize("kind", KINDS)
def test_paused_while_it_receives(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """A protocol that pauses inside its callback gets one piece each time it resumes."""
    callback = "data_received" if kind == "plain" else "buffer_updated"
    protocol = recorder_of(kind, **{callback: lambda _: protocol.transport.pause_reading()})
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"one")
        turn_until(loop, lambda: protocol.data)
        wire.peer.write(b"two")
        turn(loop, A_FEW)
        assert protocol.data == b"one"
        wire.transport.resume_reading()
        turn_until(loop, lambda: protocol.data == b"onetwo")
        assert not wire.transport.is_reading()


def test_paused_with_a_small_buffer(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A pause holds back what is decrypted but does not fit into the buffer."""
    protocol = recorder_of("buffered", size=4, buffer_updated=lambda _: protocol.transport.pause_reading())
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"abcdefghij")
        got = []
        for expected in (4, 8, 10):
            turn_until(loop, lambda expected=expected: len(protocol.data) == expected)
            turn(loop, A_FEW)
            got.append(bytes(protocol.data))
            wire.transport.resume_reading()
        assert got == [b"abcd", b"abcdefgh", b"abcdefghij"]


def test_pausing_twice_and_resuming_twice(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Both are states, not counters."""
    with secured(loop, contexts) as wire:
        wire.transport.resume_reading()
        wire.transport.pause_reading()
        wire.transport.pause_reading()
        wire.transport.resume_reading()
        wire.transport.resume_reading()
        wire.peer.write(b"x")
        turn_until(loop, lambda: wire.protocol.data == b"x")


def test_resumed_and_paused_again_at_once(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The pause that was last asked for holds."""
    with secured(loop, contexts) as wire:
        wire.transport.pause_reading()
        wire.peer.write(b"x")
        turn(loop, A_FEW)
        wire.transport.resume_reading()
        wire.transport.pause_reading()
        turn(loop, A_FEW)
        assert wire.protocol.data == b""
        wire.transport.resume_reading()
        turn_until(loop, lambda: wire.protocol.data == b"x")


def test_paused_then_aborted(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What arrived during the pause is dropped."""
    with secured(loop, contexts) as wire:
        wire.transport.pause_reading()
        wire.peer.write(b"never delivered")
        turn(loop, A_FEW)
        wire.transport.abort()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.data == b""
        assert wire.protocol.lost == [None]


def test_paused_then_closed(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What arrived during the pause is dropped. OpenSSL calls it an error, because it was never read."""
    with secured(loop, contexts) as wire:
        wire.transport.pause_reading()
        wire.peer.write(b"never delivered")
        turn(loop, A_FEW)
        wire.transport.close()
        wire.peer.send_close_notify()
        wire.peer.wait_for_eof()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.data == b""
        (error,) = wire.protocol.lost
        assert (type(error), error.reason) == (ssl.SSLError, "APPLICATION_DATA_AFTER_CLOSE_NOTIFY")


def test_the_end_during_a_pause(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Data and the peer's end wait, and come in their order when reading is resumed."""
    with secured(loop, contexts) as wire:
        wire.transport.pause_reading()
        wire.peer.write(b"last")
        wire.peer.send_close_notify()
        wire.peer.sock.shutdown(1)
        turn(loop, A_FEW)
        assert wire.protocol.calls == ["connection_made"]
        wire.transport.resume_reading()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
        assert wire.protocol.data == b"last"


def test_writing_during_a_pause(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Only reading is paused."""
    with secured(loop, contexts) as wire:
        wire.transport.pause_reading()
        wire.peer.write(b"x")
        wire.transport.write(b"y")
        assert wire.peer.receive(1) == b"y"
        assert wire.protocol.data == b""


def test_the_marks_of_reading(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The defaults, and what follows from one of the two."""
    with secured(loop, contexts) as wire:
        transport = wire.transport
        assert transport.get_read_buffer_limits() == (LOW, HIGH)
        for given, expected in (
            ({"high": 1000}, (250, 1000)),
            ({"low": 1000}, (1000, 4000)),
            ({"high": 10, "low": 5}, (5, 10)),
            ({"high": 0}, (0, 0)),
            ({}, (LOW, HIGH)),
        ):
            transport.set_read_buffer_limits(**given)
            assert transport.get_read_buffer_limits() == expected
        for bad in ({"high": 1, "low": 2}, {"high": -1}, {"low": -1}):
            with pytest.raises(ValueError, match=r"high \(.*\) must be >= low \(.*\) must be >= 0"):
                transport.set_read_buffer_limits(**bad)
        assert transport.get_read_buffer_limits() == (LOW, HIGH)


def test_a_paused_transport_stops_reading_its_socket(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Ciphertext is buffered up to the mark, so that the kernel's buffer fills up and the peer has to wait."""
    with secured(loop, contexts) as wire:
        wire.transport.pause_reading()
        sent = send_until_full(loop, wire)
        # One read of the socket may exceed the mark, and the kernel's buffers for the pair have some hundred KiB.
        assert HIGH <= wire.transport.get_read_buffer_size() <= 2 * HIGH
        assert sent < 4 * 1024 * 1024
        wire.transport.resume_reading()
        wire.peer.flush()
        turn_until(loop, lambda: len(wire.protocol.data) >= sent)
        assert wire.protocol.data.count(b"x") == len(wire.protocol.data)
        assert wire.transport.get_read_buffer_size() <= 16 * 1024


def send_until_full(loop: asyncio.AbstractEventLoop, wire: Any) -> int:
    """Send records of the peer until the kernel takes no more, though the loop runs; return how much data that was.

    The last record is put back into the peer, as far as it was not sent.
    """
    sent = 0
    while True:
        sent += wire.peer.tls.write(b"x" * 16384)
        record = memoryview(wire.peer.outgoing.read())
        while record:
            try:
                record = record[wire.peer.sock.send(record) :]
            except BlockingIOError:
                turn(loop, A_FEW)
                try:
                    record = record[wire.peer.sock.send(record) :]
                except BlockingIOError:
                    wire.peer.outgoing.write(record)
                    return sent
