"""Flow control of writing to TLS transports: marks, sizes, pause_writing and resume_writing, drain."""

import asyncio
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, SMALL_BUFFER, reports_of, unix_pair
from support import ErrorLog, turn, turn_until
from tls_certificates import Contexts
from tls_support import Secured, secured

HIGH, LOW = 512 * 1024, 128 * 1024


def narrow(loop: asyncio.AbstractEventLoop, contexts: Contexts, protocol: Any = None) -> Any:
    """A connection of which the kernel buffers little."""
    return secured(loop, contexts, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER))


def write_until_paused(loop: asyncio.AbstractEventLoop, wire: Secured, step: int = 100_000) -> int:
    """Write, one step in each turn, until the protocol is told to stop. Return how much was written."""
    written = 0
    before = wire.protocol.calls.count("pause_writing")
    while wire.protocol.calls.count("pause_writing") == before:
        wire.transport.write(bytes(step))
        written += step
        turn(loop)
    return written


def test_the_marks_of_writing(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The defaults, and what follows from one of the two."""
    with secured(loop, contexts) as wire:
        transport = wire.transport
        assert transport.get_write_buffer_limits() == (LOW, HIGH)
        for given, expected in (
            ({"high": 1000}, (250, 1000)),
            ({"low": 1000}, (1000, 4000)),
            ({"high": 10, "low": 5}, (5, 10)),
            ({"high": 1}, (0, 1)),
            ({}, (LOW, HIGH)),
        ):
            transport.set_write_buffer_limits(**given)
            assert transport.get_write_buffer_limits() == expected
        for wrong in ({"high": 1, "low": 2}, {"high": -1}, {"low": -1}):
            with pytest.raises(ValueError, match=r"high \(.*\) must be >= low \(.*\) must be >= 0"):
                transport.set_write_buffer_limits(**wrong)
        assert transport.get_write_buffer_limits() == (LOW, HIGH)


def test_paused_and_resumed(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The protocol is told once at the high mark, and once when the buffer is below the low one."""
    with narrow(loop, contexts) as wire:
        written = write_until_paused(loop, wire)
        wire.transport.write(bytes(1000))
        turn(loop, A_FEW)
        assert wire.protocol.calls.count("pause_writing") == 1
        assert wire.transport.get_write_buffer_size() >= HIGH
        assert wire.peer.receive(written + 1000) == bytes(written + 1000)
        turn_until(loop, lambda: "resume_writing" in wire.protocol.calls)
        assert wire.protocol.calls == ["connection_made", "pause_writing", "resume_writing"]
        assert wire.transport.get_write_buffer_size() == 0


def test_twice_paused(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """After it was resumed it can be paused again."""
    with narrow(loop, contexts) as wire:
        for _ in range(2):
            wire.peer.receive(write_until_paused(loop, wire))
            turn_until(loop, lambda: wire.protocol.calls[-1] == "resume_writing")
        assert wire.protocol.calls == ["connection_made", *["pause_writing", "resume_writing"] * 2]


def test_marks_of_the_application(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Lower marks pause earlier."""
    with narrow(loop, contexts) as wire:
        wire.transport.set_write_buffer_limits(high=10_000, low=100)
        written = write_until_paused(loop, wire, step=1000)
        assert written < 400_000
        wire.peer.receive(written)
        turn_until(loop, lambda: wire.protocol.calls[-1] == "resume_writing")


def test_marks_below_what_is_buffered(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Setting them pauses and resumes at once, inside the call."""
    with narrow(loop, contexts) as wire:
        while wire.transport.get_write_buffer_size() < 1000:
            wire.transport.write(bytes(100_000))
            turn(loop)
        assert wire.protocol.calls == ["connection_made"]
        size = wire.transport.get_write_buffer_size()
        wire.transport.set_write_buffer_limits(high=size - 1)
        assert wire.protocol.calls == ["connection_made", "pause_writing"]
        wire.transport.set_write_buffer_limits(high=2 * size, low=size)
        assert wire.protocol.calls == ["connection_made", "pause_writing", "resume_writing"]


def test_the_size_of_the_buffer(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """It is zero where the kernel has taken everything, grows with each write, and is zero after the end."""
    with narrow(loop, contexts) as wire:
        assert wire.transport.get_write_buffer_size() == 0
        wire.transport.write(bytes(10))
        turn(loop, A_FEW)
        assert wire.transport.get_write_buffer_size() == 0
        write_until_paused(loop, wire)
        size = wire.transport.get_write_buffer_size()
        wire.transport.write(bytes(1000))
        assert wire.transport.get_write_buffer_size() >= size + 1000
        wire.transport.abort()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.transport.get_write_buffer_size() == 0


def test_lost_while_paused(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """An end while writing is paused does not call `resume_writing`."""
    with narrow(loop, contexts) as wire:
        write_until_paused(loop, wire)
        wire.transport.abort()
        turn_until(loop, lambda: wire.protocol.lost)
        turn(loop, A_FEW)
        assert wire.protocol.calls == ["connection_made", "pause_writing", "connection_lost"]


@pytest.mark.parametrize("name", ["pause_writing", "resume_writing"])
def test_a_callback_that_raises(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, name: str, error_log: ErrorLog
) -> None:
    """The exception goes to the loop's handler, and the connection lives."""
    reports = reports_of(loop)

    def fail() -> None:
        raise LookupError(name)

    with narrow(loop, contexts, Recorder(**{name: fail})) as wire:
        wire.peer.receive(write_until_paused(loop, wire))
        turn_until(loop, lambda: "resume_writing" in wire.protocol.calls)
        assert [(report["message"], str(report["exception"])) for report in reports] == [
            (f"protocol.{name}() failed", str(LookupError(name)))
        ]
        wire.transport.write(b"x")
        assert wire.peer.receive(1) == b"x"


def test_drain(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """`StreamWriter.drain` waits while writing is paused."""
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    with narrow(loop, contexts, protocol) as wire:
        writer = asyncio.StreamWriter(wire.transport, protocol, reader, loop)
        loop.run_until_complete(writer.drain())
        while wire.transport.get_write_buffer_size() < HIGH:
            writer.write(bytes(100_000))
            turn(loop)
        draining = loop.create_task(writer.drain())
        turn(loop, A_FEW)
        assert not draining.done()
        while not draining.done():
            wire.peer.read()
        assert draining.result() is None
        assert wire.transport.get_write_buffer_size() <= LOW


@pytest.mark.vitok_only
def test_everything_is_passed_on_from_a_close_on(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The transport below takes it, whatever it holds already; asyncio's waits for it."""
    with secured(loop, contexts, pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        wire.transport.write(bytes(1_000_000))
        turn_until(loop, lambda: "pause_writing" in wire.protocol.calls)
        wire.transport.close()
        turn_until(loop, lambda: "resume_writing" in wire.protocol.calls)
        assert not wire.protocol.lost
