"""Reading a terminal: the end of what was typed so far (Ctrl-D) need not be the end of the transport.

asyncio's loop is the control where the protocol wants the end; where it wants to go on, asyncio ends for ever.
Terminals in raw mode, and their masters, are tested with the other pipes.
"""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from net_support import run
from pipe_support import unbuffered
from support import ErrorLog, loop_factory, turn, turn_until

CTRL_D = b"\x04"


class Typed(asyncio.Protocol):
    """Records what it is told; `answers` has the results of `eof_received`, then None."""

    def __init__(self, *answers: object) -> None:
        self.told: list[object] = []
        self.answers = list(answers)
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        """The beginning."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """A line."""
        self.told.append(data)

    def eof_received(self) -> Any:
        """The end of what was typed."""
        self.told.append("eof")
        answer = self.answers.pop(0) if self.answers else None
        return answer() if callable(answer) else answer

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the transport."""
        self.told.append(("lost", exc))


@pytest.fixture
def ours() -> Iterator[Any]:
    """A loop of ours, for what asyncio's does not do."""
    loop = loop_factory("vitok")()
    yield loop
    loop.close()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal in its usual mode, line by line: the side on which somebody types, and the side that is read."""
    master, slave = os.openpty()
    yield master, slave
    os.close(master)


def connect(loop: asyncio.AbstractEventLoop, protocol: Any, terminal: tuple[int, int], typed: bytes) -> Any:
    """Return a transport that reads a terminal, on which this is typed."""
    transport, _ = run(loop, loop.connect_read_pipe(lambda: protocol, unbuffered(terminal[1], "rb")))
    os.write(terminal[0], typed)
    return transport


def test_the_end_of_the_input_ends_a_transport(loop: asyncio.AbstractEventLoop, terminal: tuple[int, int]) -> None:
    """Issue 14, item 5: without a true value of `eof_received` the turns are asyncio's."""
    protocol = Typed()
    connect(loop, protocol, terminal, b"one\ntwo\n" + CTRL_D)
    turn_until(loop, lambda: protocol.told)
    turns = 0
    while protocol.told[-1] != ("lost", None):
        turn(loop)
        turns += 1
        # The last two calls are made in one turn.
        assert protocol.told[-1] != "eof"
    # One read for each line, the end, and the turn that tells of it.
    assert turns == 3
    assert protocol.told == [b"one\n", b"two\n", "eof", ("lost", None)]


@pytest.mark.vitok_only
def test_a_protocol_that_goes_on(ours: Any, terminal: tuple[int, int]) -> None:
    """Issue 14, item 5: "`connect_read_pipe` on a tty goes on after ^D as long as the program wants to"."""
    protocol = Typed(True, 1, False)
    transport = connect(ours, protocol, terminal, b"one\n" + CTRL_D + b"two\n" + CTRL_D)
    turn_until(ours, lambda: protocol.told[-2:] == [b"two\n", "eof"])
    turn(ours)
    assert not transport.is_closing()
    assert transport.is_reading()
    os.write(terminal[0], CTRL_D + b"three\n")
    turn_until(ours, lambda: protocol.told[-1] == ("lost", None))
    assert protocol.told == [b"one\n", "eof", b"two\n", "eof", "eof", ("lost", None)]


@pytest.mark.vitok_only
@pytest.mark.parametrize("within", [True, False])
def test_a_pause_at_the_end_is_a_pause(ours: Any, terminal: tuple[int, int], within: bool) -> None:
    """Issue 14, item 5: a protocol that goes on and pauses, in the call or in the turn before it."""
    protocol = Typed(lambda: protocol.transport.pause_reading() or True)
    transport = connect(ours, protocol, terminal, CTRL_D + b"two\n")
    if not within:
        # The turn that has read the end leaves the call in the queue.
        protocol.answers = [True]
        turn_until(ours, lambda: ours._ready)
        transport.pause_reading()
    turn_until(ours, lambda: protocol.told)
    turn(ours, 3)
    assert protocol.told == ["eof"]
    assert not transport.is_reading()
    transport.resume_reading()
    turn_until(ours, lambda: b"two\n" in protocol.told)
    transport.close()
    turn(ours, 2)


class Parts(asyncio.StreamReaderProtocol):
    """A program that reads by streams, and has a new reader for each part of the input."""

    readers: list[asyncio.StreamReader]

    def connection_made(self, transport: Any) -> None:
        """The beginning."""
        super().connection_made(transport)
        self.transport: Any = transport

    def eof_received(self) -> bool:
        """The end of a part."""
        super().eof_received()
        loop = self.transport._loop
        self.readers.append(asyncio.StreamReader(loop=loop))
        following = Parts(self.readers[-1], loop=loop)
        following.readers = self.readers
        self.transport.set_protocol(following)
        following.connection_made(self.transport)
        return True


@pytest.mark.vitok_only
def test_a_program_that_reads_parts_by_streams(ours: Any, terminal: tuple[int, int]) -> None:
    """Issue 14, item 5: what docs/differences.md says of stream readers."""
    readers = [asyncio.StreamReader(loop=ours)]
    protocol = Parts(readers[0], loop=ours)
    protocol.readers = readers
    transport = connect(ours, protocol, terminal, b"one\n" + CTRL_D + b"two\nthree\n" + CTRL_D)
    assert run(ours, readers[0].read()) == b"one\n"
    assert run(ours, readers[1].read()) == b"two\nthree\n"
    transport.close()
    turn(ours, 2)


def test_a_stream_reader_ends(loop: asyncio.AbstractEventLoop, terminal: tuple[int, int]) -> None:
    """Issue 14, item 5: a stream reader's own protocol returns a true value, and means sockets by it."""
    reader = asyncio.StreamReader(loop=loop)
    transport = connect(loop, asyncio.StreamReaderProtocol(reader, loop=loop), terminal, b"one\n" + CTRL_D)
    assert run(loop, reader.read()) == b"one\n"
    turn(loop, 2)
    assert transport.is_closing()


@pytest.mark.vitok_only
@pytest.mark.parametrize("keeps", [False, True])
def test_a_close_within_the_end(ours: Any, terminal: tuple[int, int], keeps: bool) -> None:
    """Issue 14, item 5: `eof_received` closes the transport and returns something or other: lost once."""
    protocol = Typed(lambda: protocol.transport.close() or keeps)
    connect(ours, protocol, terminal, CTRL_D)
    turn_until(ours, lambda: ("lost", None) in protocol.told)
    turn(ours, 2)
    assert protocol.told == ["eof", ("lost", None)]


@pytest.mark.vitok_only
def test_a_close_before_the_end_is_told(ours: Any, terminal: tuple[int, int]) -> None:
    """Issue 14, item 5: a program that closes between the read and the call is told of the loss alone."""
    protocol = Typed(True)
    transport = connect(ours, protocol, terminal, CTRL_D)
    turn_until(ours, lambda: ours._ready)
    transport.close()
    turn(ours, 3)
    assert protocol.told == [("lost", None)]


def test_an_exception_within_the_end(
    loop: asyncio.AbstractEventLoop, terminal: tuple[int, int], error_log: ErrorLog
) -> None:
    """Issue 14, item 5: it is reported, and the transport ends."""

    def fail() -> None:
        raise LookupError

    protocol = Typed(fail)
    connect(loop, protocol, terminal, CTRL_D)
    turn_until(loop, lambda: ("lost", None) in protocol.told)
    [record] = error_log.take()
    assert "eof_received()" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


@pytest.mark.vitok_only
def test_an_interrupt_within_the_end(ours: Any, terminal: tuple[int, int]) -> None:
    """Issue 14, item 5: a KeyboardInterrupt leaves the loop, and the transport ends nevertheless."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    protocol = Typed(interrupt)
    connect(ours, protocol, terminal, CTRL_D)
    with pytest.raises(KeyboardInterrupt):
        turn_until(ours, lambda: ("lost", None) in protocol.told)
    turn(ours)
    assert protocol.told == ["eof", ("lost", None)]


def test_a_terminal_that_is_hung_up_ends(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 14, item 5: the window is closed: the end of the transport, whatever the protocol answers."""
    global slave
    master, slave = os.openpty()
    protocol = Typed(True, True, True)
    connect(loop, protocol, (master, slave), b"one\n")
    turn_until(loop, lambda: protocol.told)
    os.close(master)
    turn_until(loop, lambda: isinstance(protocol.told[-1], tuple))
    told = [what for what in protocol.told if isinstance(what, tuple)]
    assert len(told) == 1


def test_a_pipe_ends_whatever_the_protocol_answers(loop: asyncio.AbstractEventLoop) -> None:
    """Issue 14, item 5: only a terminal has more behind its end."""
    reading, writing = os.pipe()
    protocol = Typed(True)
    run(loop, loop.connect_read_pipe(lambda: protocol, unbuffered(reading, "rb")))
    os.close(writing)
    turn_until(loop, lambda: ("lost", None) in protocol.told)
    assert protocol.told == ["eof", ("lost", None)]
