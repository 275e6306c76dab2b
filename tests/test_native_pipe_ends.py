"""The two ends of a pipe by asyncio's rules: bytes in, bytes out, and each way to the end, for each kind of file."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from net_support import MORE_THAN_THE_KERNEL_TAKES, Recorder, bad, reports_of, run
from pipe_support import ENDS, drain, pipe_ends, read_now, reading, socket_ends, writing
from support import turn, turn_until

A_FEW = 5
GONE = "pipe closed by peer or os.write(pipe, data) raised exception."


@pytest.mark.parametrize("kind", sorted(ENDS))
def test_reading_to_the_end(loop: asyncio.AbstractEventLoop, kind: str) -> None:
    """Bytes, then the end: by EOF, or by EIO where the slave of a terminal is closed."""
    protocol = Recorder()
    ours, theirs = ENDS[kind]()
    with reading(loop, protocol, ours, theirs) as transport:
        os.write(theirs.fileno(), b"some bytes")
        turn_until(loop, lambda: protocol.data)
        assert protocol.data == b"some bytes"
        theirs.close()
        turn_until(loop, lambda: protocol.lost)
        assert transport.is_closing()
    if kind == "terminal":
        assert isinstance(protocol.lost[0], OSError)
        assert protocol.lost[0].errno == errno.EIO
        assert protocol.calls == ["connection_made", "data_received", "connection_lost"]
    else:
        assert protocol.lost == [None]
        assert protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]


@pytest.mark.parametrize("answer", [True, ZeroDivisionError])
def test_the_answer_of_eof_received_keeps_nothing_open(loop: asyncio.AbstractEventLoop, answer: Any) -> None:
    """A pipe has one direction; what `eof_received` raises is reported, and the pipe is closed all the same."""
    reports = reports_of(loop)
    protocol = Recorder(eof_received=lambda: True if answer is True else 1 / 0)
    ours, theirs = pipe_ends()
    with reading(loop, protocol, ours, theirs):
        theirs.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]
    assert [type(report["exception"]) for report in reports] == ([] if answer is True else [answer])


def test_an_exception_of_data_received_is_reported_and_reading_goes_on(loop: asyncio.AbstractEventLoop) -> None:
    """Unlike a socket's transport, a pipe's survives it."""
    reports = reports_of(loop)
    protocol = Recorder(data_received=lambda data: 1 / 0)
    ours, theirs = pipe_ends()
    with reading(loop, protocol, ours, theirs) as transport:
        theirs.write(b"x")
        turn_until(loop, lambda: len(reports) == 1)
        theirs.write(b"x")
        turn_until(loop, lambda: len(reports) == 2)
        assert not transport.is_closing()
    assert all(report["message"].startswith("Exception in callback") for report in reports)
    assert [type(report["exception"]) for report in reports] == [ZeroDivisionError, ZeroDivisionError]


def test_at_most_256_kib_at_once_and_no_reading_while_paused(loop: asyncio.AbstractEventLoop) -> None:
    """One read for each readiness, exact `bytes`, and none in a pause."""
    protocol = Recorder(data_received=lambda data: seen.append(type(data)))
    seen: list[type] = []
    ours, theirs = socket_ends()
    theirs.setblocking(False)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    with reading(loop, protocol, ours, theirs) as transport:
        transport.pause_reading()
        assert not transport.is_reading()
        sent = theirs.send(bytes(1 << 20))
        turn(loop, A_FEW)
        assert protocol.data == b""
        transport.resume_reading()
        assert transport.is_reading()
        turn_until(loop, lambda: len(protocol.data) == sent)
    assert max(protocol.sizes) <= 256 * 1024
    assert set(seen) == {bytes}


@pytest.mark.parametrize("kind", sorted(ENDS))
@pytest.mark.parametrize("last", ["close", "write_eof"])
def test_closing_writes_what_is_left(loop: asyncio.AbstractEventLoop, kind: str, last: str) -> None:
    """Everything that was written before leaves, nothing after it; the protocol is paused and resumed meanwhile."""
    protocol = Recorder()
    theirs, ours = ENDS[kind]()
    with writing(loop, protocol, ours, theirs) as transport:
        transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        transport.write(bytearray(b"the end"))
        assert transport.get_write_buffer_size() > 0
        assert protocol.calls == ["connection_made", "pause_writing"]
        getattr(transport, last)()
        transport.write(b"too late")
        assert transport.is_closing()
        got = drain(loop, theirs, MORE_THAN_THE_KERNEL_TAKES + 7)
        assert got[-9:] == b"\0\0the end"
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]
    assert protocol.calls == ["connection_made", "pause_writing", "resume_writing", "connection_lost"]


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("waits", [False, True])
def test_the_reader_leaves(loop: asyncio.AbstractEventLoop, kind: str, waits: bool) -> None:
    """An idle writer hears of it; that is an error only if something is still to be written."""
    protocol = Recorder()
    theirs, ours = ENDS[kind]()
    with writing(loop, protocol, ours, theirs) as transport:
        if waits:
            transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
            turn(loop)
        theirs.close()
        turn_until(loop, lambda: protocol.lost)
        assert transport.get_write_buffer_size() == 0
    assert [type(error) for error in protocol.lost] == [BrokenPipeError if waits else type(None)]


def test_a_write_to_a_pipe_without_reader(loop: asyncio.AbstractEventLoop) -> None:
    """The error of the write is the reason of the end."""
    protocol = Recorder()
    theirs, ours = pipe_ends()
    with writing(loop, protocol, ours, theirs) as transport:
        theirs.close()
        transport.write(b"nobody reads this")
        turn_until(loop, lambda: protocol.lost)
    assert [type(error) for error in protocol.lost] == [BrokenPipeError]
    assert getattr(protocol.lost[0], "errno", None) == errno.EPIPE


def test_writes_after_the_end_are_dropped_with_a_warning_after_five(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio's rule for pipes: five are forgiven, since `close()` is no error. An empty write is none."""
    protocol = Recorder()
    theirs, ours = pipe_ends()
    with writing(loop, protocol, ours, theirs) as transport:
        transport.close()
        for _ in range(A_FEW):
            transport.write(b"dropped")
            transport.write(b"")
        assert caplog.messages == []
        transport.write(b"dropped")
        assert caplog.messages == [GONE]
        turn_until(loop, lambda: protocol.lost)
        assert read_now(theirs) == b""
    transport.close()
    transport.write_eof()


@pytest.mark.parametrize("value", [3, "text", None, [1]])
def test_what_is_no_bytes_is_refused(loop: asyncio.AbstractEventLoop, value: object) -> None:
    """By an AssertionError, as in asyncio, which names the value."""
    theirs, ours = pipe_ends()
    with writing(loop, Recorder(), ours, theirs) as transport:
        with pytest.raises(AssertionError) as caught:
            transport.write(bad(value))
        assert str(caught.value) == repr(value)


def test_memory_is_copied_before_write_returns(loop: asyncio.AbstractEventLoop) -> None:
    """A bytearray may be changed and resized afterwards; a view of anything is its bytes; lines keep their order."""
    theirs, ours = pipe_ends()
    with writing(loop, Recorder(), ours, theirs) as transport:
        memory = bytearray(b"one ")
        transport.write(memory)
        memory[:] = b"changed"
        transport.write(memoryview(b"two "))
        transport.writelines([b"three ", bytearray(b"four ")])
        transport.write(memoryview(b"five"))
        assert drain(loop, theirs, 23) == b"one two three four five"


def test_callbacks_run_in_the_context_of_the_call(loop: asyncio.AbstractEventLoop) -> None:
    """Each method of the protocol sees what was set where the pipe was connected."""
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    seen: dict[str, str] = {}
    names = ("connection_made", "data_received", "eof_received", "connection_lost")
    hooks: dict[str, Callable[..., Any]] = {
        name: lambda *_, name=name: seen.__setitem__(name, variable.get()) for name in names
    }
    protocol = Recorder(**hooks)
    ours, theirs = pipe_ends()

    async def connect() -> None:
        variable.set("set")
        await loop.connect_read_pipe(lambda: protocol, ours)

    run(loop, connect())
    theirs.write(b"x")
    turn_until(loop, lambda: protocol.data)
    theirs.close()
    turn_until(loop, lambda: protocol.lost)
    assert seen == dict.fromkeys(names, "set")
