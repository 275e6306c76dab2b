"""Writing and closing pipe transports: marks, `write_eof`, `close`, `abort`, exceptions, unclosed transports.

The kinds of files are tested in test_pipes.py.
"""

import asyncio
import contextvars
import fcntl
import gc
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    bad,
    is_open,
    reports_of,
    run,
    skip_asyncio,
)
from support import ErrorLog, run_python, script_for, turn, turn_until

PAGE = 4096
MUCH = 500_000
GONE = "pipe closed by peer or os.write(pipe, data) raised exception."
Pipe = tuple[Any, Recorder, int]


@pytest.fixture
def pipe(loop: asyncio.AbstractEventLoop) -> Iterator[Pipe]:
    """A writing transport with little room behind it, its protocol, and the number of the bare reading end."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGE)
    os.set_blocking(reading, False)
    protocol = Recorder()
    transport, _ = run(loop, loop.connect_write_pipe(lambda: protocol, os.fdopen(writing, "wb", 0)))
    yield transport, protocol, reading
    if not transport.is_closing() or transport.get_write_buffer_size() > 0:
        transport.abort()
    turn_until(loop, lambda: protocol.lost)
    turn(loop)
    os.close(reading)


def read(loop: asyncio.AbstractEventLoop, number: int, count: int = -1) -> bytes:
    """So much from the bare end, or everything to its end, with the loop turning meanwhile."""
    got = bytearray()
    while count < 0 or len(got) < count:
        turn(loop)
        try:
            piece = os.read(number, PAGE if count < 0 else count - len(got))
        except BlockingIOError:
            continue
        if not piece:
            break
        got += piece
    return bytes(got)


def flow(protocol: Recorder) -> list[str]:
    """The calls that belong to flow control, and the last one."""
    return [name for name in protocol.calls if name in ("pause_writing", "resume_writing", "connection_lost")]


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_what_can_be_written(loop: asyncio.AbstractEventLoop, pipe: Pipe, form: Any) -> None:
    """`write()`: all kinds of bytes; a buffer changed afterwards does not change what arrives."""
    transport, _, reader = pipe
    data = os.urandom(MUCH)
    transport.write(b"")
    for piece in (data, b"behind"):
        buffer = form(piece)
        transport.write(buffer)
        if form is bytearray:
            buffer[:] = bytes(len(buffer))
            buffer.clear()
    transport.close()
    assert read(loop, reader) == data + b"behind"


@pytest.mark.parametrize("wrong", ["text", None, 5], ids=repr)
def test_what_cannot_be_written(loop: asyncio.AbstractEventLoop, pipe: Pipe, wrong: object) -> None:
    """Everything else is refused: by an AssertionError of asyncio's own, or a TypeError."""
    transport, _, reader = pipe
    with pytest.raises((AssertionError, TypeError)):
        transport.write(bad(wrong))
    transport.write(b"still here")
    assert read(loop, reader, 10) == b"still here"


def test_marks(loop: asyncio.AbstractEventLoop, pipe: Pipe) -> None:
    """Line "pause/resume at the marks": paused inside `write()`, resumed when the reader has read, in every round."""
    transport, protocol, reader = pipe
    transport.set_write_buffer_limits(high=1000, low=0)
    assert transport.get_write_buffer_limits() == (0, 1000)
    for round_number in (1, 2):
        transport.write(bytes(MUCH))
        assert flow(protocol) == ["pause_writing", "resume_writing"] * (round_number - 1) + ["pause_writing"]
        assert transport.get_write_buffer_size() > 1000
        read(loop, reader, MUCH)
        turn_until(loop, lambda: flow(protocol)[-1] == "resume_writing")
        assert transport.get_write_buffer_size() == 0


@pytest.mark.parametrize("method", ["close", "write_eof"])
@pytest.mark.parametrize("size", [10, MUCH])
def test_ending_sends_what_was_written(loop: asyncio.AbstractEventLoop, pipe: Pipe, method: str, size: int) -> None:
    """`close()` and `write_eof()` are one: all is sent, then the end; lost with None, not inside the call."""
    transport, protocol, reader = pipe
    assert transport.can_write_eof() is True
    transport.write(bytes(size))
    getattr(transport, method)()
    assert transport.is_closing()
    assert protocol.lost == []
    transport.write_eof()
    transport.close()
    assert len(read(loop, reader)) == size
    turn_until(loop, lambda: protocol.lost)
    turn(loop, A_FEW)
    assert protocol.lost == [None]


def test_aborting_drops_what_waits(loop: asyncio.AbstractEventLoop, pipe: Pipe) -> None:
    """`abort()`: what the kernel had not taken is gone; lost with None, and not inside the call."""
    transport, protocol, reader = pipe
    transport.write(bytes(MUCH))
    transport.abort()
    assert protocol.lost == []
    turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]
    assert transport.get_write_buffer_size() == 0
    assert len(read(loop, reader)) < MUCH


@pytest.mark.vitok_only
def test_aborted_twice(loop: asyncio.AbstractEventLoop, loop_name: str, pipe: Pipe) -> None:
    """Line "closed once": `abort()` again, before and after the end, does nothing; asyncio's own fails."""
    skip_asyncio(loop_name)
    transport, protocol, _ = pipe
    transport.abort()
    transport.abort()
    transport.close()
    turn_until(loop, lambda: protocol.lost)
    transport.abort()
    turn(loop, A_FEW)
    assert protocol.lost == [None]


def test_written_in_the_last_turn(loop: asyncio.AbstractEventLoop, pipe: Pipe) -> None:
    """Trap "What was batched is flushed when the loop stops": and outside of a run at once."""
    transport, _, reader = pipe

    def last_turn() -> None:
        transport.write(b"one ")
        transport.write(b"two")
        loop.stop()

    loop.call_soon(last_turn)
    loop.run_forever()
    assert os.read(reader, 100) == b"one two"
    transport.write(b"outside")
    assert os.read(reader, 100) == b"outside"


def test_written_after_the_end(loop: asyncio.AbstractEventLoop, pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    """`write()` to a closed pipe is dropped, and after five there is a warning."""
    caplog.set_level(logging.WARNING, "asyncio")
    transport, protocol, reader = pipe
    transport.close()
    for _ in range(6):
        transport.write(b"dropped")
    turn_until(loop, lambda: protocol.lost)
    for _ in range(3):
        transport.write(b"dropped")
    assert read(loop, reader) == b""
    assert GONE in [record.getMessage() for record in caplog.records]


def test_an_exception_while_reading(loop: asyncio.AbstractEventLoop, error_log: ErrorLog) -> None:
    """An exception in a reading protocol's `data_received` is reported, and the pipe is read on, as asyncio does."""
    reports = reports_of(loop)
    raised = LookupError("in the protocol")

    def fail(_: bytes) -> None:
        protocol.inside.clear()
        raise raised

    protocol = Recorder(data_received=fail)
    reading, writing = os.pipe()
    run(loop, loop.connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0)))
    os.write(writing, b"one")
    turn_until(loop, lambda: reports)
    os.write(writing, b"two")
    turn_until(loop, lambda: len(protocol.data) == 6 or protocol.lost)
    os.close(writing)
    turn_until(loop, lambda: protocol.lost)
    turn(loop)
    assert [report["exception"] for report in reports] == [raised]
    assert (protocol.data, protocol.lost) == (b"onetwo", [None])


def test_the_protocol_changes(loop: asyncio.AbstractEventLoop, pipe: Pipe) -> None:
    """`get_protocol`, `set_protocol`: of a writing transport, and of a reading one between two pieces."""
    transport, protocol, reader = pipe
    assert transport.get_protocol() is protocol
    first, second = Recorder(), Recorder()
    incoming, _ = run(loop, loop.connect_read_pipe(lambda: first, os.fdopen(os.dup(reader), "rb", 0)))
    transport.write(b"one")
    turn_until(loop, lambda: first.data)
    incoming.set_protocol(second)
    assert incoming.get_protocol() is second
    transport.write(b"two")
    turn_until(loop, lambda: second.data)
    incoming.close()
    turn_until(loop, lambda: second.lost)
    turn(loop)
    assert (first.data, second.data, first.lost) == (b"one", b"two", [])


def test_the_creators_context(loop: asyncio.AbstractEventLoop) -> None:
    """Line "the context of the protocol's callbacks": pipes are read in the context of their creator."""
    variable = contextvars.ContextVar("variable", default="nothing")
    seen: list[str] = []
    protocol = Recorder(data_received=lambda _: seen.append(variable.get()))
    reading, writing = os.pipe()

    async def main() -> None:
        variable.set("the creator's")
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb", 0))

    run(loop, main())
    os.write(writing, b"data")
    turn_until(loop, lambda: seen)
    os.close(writing)
    turn_until(loop, lambda: protocol.lost)
    turn(loop)
    assert seen == ["the creator's"]


def test_a_forgotten_transport_warns(loop: asyncio.AbstractEventLoop) -> None:
    """A transport that is garbage while open, here one that doesn't read, warns and closes its file object."""
    reading, writing = os.pipe()
    file = os.fdopen(reading, "rb", 0)
    transport, _ = run(loop, loop.connect_read_pipe(asyncio.Protocol, file))
    assert f"fd={reading}" in repr(transport)
    transport.pause_reading()
    with pytest.warns(ResourceWarning, match=rf"unclosed transport <\w+ .*fd={reading}"):
        del transport, _
        gc.collect()
    assert file.closed
    assert not is_open(reading)
    os.close(writing)


STANDARD_STREAMS = """
import asyncio, sys

async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    transport, _ = await loop.connect_write_pipe(asyncio.Protocol, sys.stdout)
    while line := await reader.readline():
        transport.write(line.upper())
    transport.close()
    await asyncio.sleep(0)

loop = new_loop()
loop.run_until_complete(main())
loop.close()
"""


def test_standard_streams(loop_name: str) -> None:
    """Issue "stdin and stdout": a filter of lines between two pipes, by asyncio's streams."""
    child = run_python("-c", script_for(loop_name, STANDARD_STREAMS), input="one\ntwo\n")
    assert (child.returncode, child.stdout, child.stderr) == (0, "ONE\nTWO\n", "")
