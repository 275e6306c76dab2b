"""Pipe transports on pipes, FIFOs, terminals, sockets and devices, for both ends.

Child processes, whose pipes have these transports as well, are not tested here.
"""

import asyncio
import fcntl
import gc
import os
import random
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    IDLE_SHARE_AT_MOST,
    reports_of,
    run,
    turns_share,
    unix_pair,
)
from support import turn, turn_until

PAGE = 4096
Ends = tuple[Any, Any]


def pipe_ends(path: Path) -> Ends:
    """An anonymous pipe with the least room that the kernel gives."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGE)
    return os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)


def fifo_ends(path: Path) -> Ends:
    """A named pipe."""
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGE)
    return os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)


def socket_ends(path: Path) -> Ends:
    """A pair of sockets."""
    reading, writing = unix_pair(send_buffer=PAGE)
    return reading, writing


def terminal_ends(path: Path) -> Ends:
    """A terminal that is written to by its user's side and read by the program's, without line editing."""
    master, slave = os.openpty()
    tty.setraw(slave)
    return os.fdopen(slave, "rb", 0), os.fdopen(master, "wb", 0)


KINDS: dict[str, Callable[[Path], Ends]] = {
    "pipe": pipe_ends,
    "fifo": fifo_ends,
    "socket": socket_ends,
    "terminal": terminal_ends,
}
# A terminal has its own idea of an end, and of how much it holds.
STREAMS = ["pipe", "fifo", "socket"]


@contextmanager
def reading(loop: asyncio.AbstractEventLoop, file: Any, protocol: Recorder | None = None) -> Iterator[Any]:
    """A transport that reads a file object, closed afterwards."""
    made = protocol or Recorder()
    transport, _ = run(loop, loop.connect_read_pipe(lambda: made, file))
    try:
        yield transport
    finally:
        if not made.lost:
            transport.close()
            turn_until(loop, lambda: made.lost)
        turn(loop)


@contextmanager
def writing(loop: asyncio.AbstractEventLoop, file: Any, protocol: Recorder | None = None) -> Iterator[Any]:
    """A transport that writes to a file object, aborted afterwards."""
    made = protocol or Recorder()
    transport, _ = run(loop, loop.connect_write_pipe(lambda: made, file))
    try:
        yield transport
    finally:
        # asyncio's own tells the protocol twice when it is aborted twice.
        if not transport.is_closing() or transport.get_write_buffer_size() > 0:
            transport.abort()
        turn_until(loop, lambda: made.lost)
        turn(loop)


def read_all(loop: asyncio.AbstractEventLoop, file: Any, count: int = -1) -> bytes:
    """So much from the bare end of a pipe, or everything to its end, with the loop turning meanwhile."""
    os.set_blocking(file.fileno(), False)
    got = bytearray()
    while count < 0 or len(got) < count:
        turn(loop)
        try:
            piece = os.read(file.fileno(), PAGE)
        except BlockingIOError:
            continue
        if not piece:
            break
        got += piece
    return bytes(got)


@pytest.mark.parametrize("kind", KINDS)
def test_from_end_to_end(loop: asyncio.AbstractEventLoop, loop_name: str, tmp_path: Path, kind: str) -> None:
    """Issue "FIFO, pipe, PTY, socket": a transport at each end, much data between them, whole and in order."""
    source, sink = KINDS[kind](tmp_path / "fifo")
    data = random.Random(2).randbytes(500_000)
    reader, writer = Recorder(), Recorder()
    # asyncio sets the flag, for everybody who shares the files.
    flags = [loop_name == "vitok" and os.get_blocking(file.fileno()) for file in (source, sink)]
    with reading(loop, source, reader) as incoming, writing(loop, sink, writer) as outgoing:
        assert incoming.get_extra_info("pipe") is source
        assert outgoing.get_extra_info("pipe") is sink
        assert [os.get_blocking(file.fileno()) for file in (source, sink)] == flags
        outgoing.write(data[:10])
        outgoing.writelines([data[10:20], data[20:]])
        turn_until(loop, lambda: len(reader.data) == len(data))
        assert reader.data == data
        assert outgoing.get_write_buffer_size() == 0
    assert reader.calls[0] == writer.calls[0] == "connection_made"
    assert reader.lost == writer.lost == [None]


@pytest.mark.parametrize("kind", STREAMS)
def test_the_end_of_file(loop: asyncio.AbstractEventLoop, tmp_path: Path, kind: str) -> None:
    """A reader whose writer closes: the data, then the end, then lost with None; `eof_received` keeps nothing open."""
    source, sink = KINDS[kind](tmp_path / "fifo")
    protocol = Recorder(eof_received=lambda: True)
    with reading(loop, source, protocol):
        sink_write(sink, b"the last words")
        sink.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
    assert protocol.data == b"the last words"
    assert protocol.lost == [None]


def sink_write(sink: Any, data: bytes) -> None:
    """Write to a bare end, whatever it is."""
    assert os.write(sink.fileno(), data) == len(data)


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("buffered", [False, True])
def test_the_reader_leaves(loop: asyncio.AbstractEventLoop, tmp_path: Path, kind: str, buffered: bool) -> None:
    """Trap "A FIFO's write end sees its reader close": at once, with None or, if data wait, BrokenPipeError."""
    source, sink = KINDS[kind](tmp_path / "fifo")
    protocol = Recorder()
    reports = reports_of(loop)
    with writing(loop, sink, protocol) as transport:
        if buffered:
            transport.write(bytes(500_000))
            turn(loop, A_FEW)
            assert transport.get_write_buffer_size() > 0
        turn(loop, A_FEW)
        assert protocol.lost == []
        source.close()
        turn_until(loop, lambda: protocol.lost)
    [lost] = protocol.lost
    assert isinstance(lost, BrokenPipeError) if buffered else lost is None
    assert reports == []


@pytest.mark.parametrize("kind", ["pipe", "fifo"])
def test_unread_data_are_no_reason_to_close(loop: asyncio.AbstractEventLoop, tmp_path: Path, kind: str) -> None:
    """Trap "A FIFO's write end": what lies unread in the pipe does not look like the reader's leaving."""
    source, sink = KINDS[kind](tmp_path / "fifo")
    protocol = Recorder()
    with source, writing(loop, sink, protocol) as transport:
        transport.write(b"unread")
        turn(loop, A_FEW)
        assert protocol.lost == []
        assert not transport.is_closing()
        assert turns_share(loop) < IDLE_SHARE_AT_MOST


def test_a_terminal_is_not_read_by_its_writer(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Trap "a PTY is not read by the writer": what comes the other way stays for whoever reads it."""
    source, sink = terminal_ends(tmp_path)
    protocol = Recorder()
    with source, writing(loop, sink, protocol) as transport:
        os.write(source.fileno(), b"typed by the program")
        turn(loop, A_FEW)
        assert protocol.lost == []
        transport.write(b"shown")
        assert read_all(loop, source, 5) == b"shown"
        assert os.read(sink.fileno(), 100) == b"typed by the program"


def test_a_terminals_user_leaves(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Issue "PTY": the hang-up, which is EIO to the reader, is an end and no report."""
    source, sink = terminal_ends(tmp_path)
    protocol = Recorder()
    reports = reports_of(loop)
    with reading(loop, source, protocol):
        sink.write(b"bye")
        turn_until(loop, lambda: protocol.data)
        sink.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.data == b"bye"
    assert reports == []


def test_both_ways_over_one_terminal(loop: asyncio.AbstractEventLoop) -> None:
    """Line "two of them on one pipe work": standard input and output, which are one terminal, by two file objects."""
    master, slave = os.openpty()
    tty.setraw(slave, termios.TCSANOW)
    protocol = Recorder(data_received=lambda data: outgoing.write(data.upper()))
    with (
        os.fdopen(master, "r+b", 0) as user,
        writing(loop, os.fdopen(os.dup(slave), "wb", 0)) as outgoing,
        reading(loop, os.fdopen(slave, "rb", 0), protocol),
    ):
        user.write(b"hello")
        assert read_all(loop, user, 5) == b"HELLO"


def test_the_number_is_anothers_by_the_second_closing(loop: asyncio.AbstractEventLoop) -> None:
    """Line "close the file object, not the number behind it": a closed transport keeps off who has it now."""
    ours, peer = unix_pair()
    number = ours.fileno()
    with peer, writing(loop, ours) as outgoing:
        outgoing.close()
        turn_until(loop, lambda: ours.fileno() == -1)
        again, other_peer = unix_pair()
        protocol = Recorder()
        with other_peer, reading(loop, again, protocol):
            assert again.fileno() == number
            outgoing.close()
            outgoing.write(b"dropped")
            other_peer.send(b"untouched")
            turn_until(loop, lambda: protocol.data)
            assert protocol.data == b"untouched"
            with pytest.raises(BlockingIOError):
                other_peer.recv(10)


class CountingFile:
    """A file object of somebody else's, which counts how often it is closed."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.closed = 0

    def fileno(self) -> int:
        """The number of the descriptor."""
        return self.descriptor

    def close(self) -> None:
        """Close it, and count."""
        self.closed += 1
        if self.closed == 1:
            os.close(self.descriptor)


@pytest.mark.parametrize("way", ["the reader closes", "the writer closes", "the writer aborts"])
def test_the_file_object_is_closed_once(loop: asyncio.AbstractEventLoop, way: str) -> None:
    """Line "One owner, closed once": by its `close()`, however the transport comes to its end."""
    source, sink = (CountingFile(number) for number in os.pipe())
    reader, writer = Recorder(), Recorder()
    with reading(loop, source, reader) as incoming, writing(loop, sink, writer) as outgoing:
        if way == "the reader closes":
            incoming.close()
        elif way == "the writer closes":
            outgoing.close()
        else:
            outgoing.abort()
        turn_until(loop, lambda: reader.lost and writer.lost)
    gc.collect()
    assert (source.closed, sink.closed) == (1, 1)


@pytest.mark.parametrize("method", ["connect_read_pipe", "connect_write_pipe"])
def test_a_regular_file_is_refused(loop: asyncio.AbstractEventLoop, tmp_path: Path, method: str) -> None:
    """A regular file is a ValueError, and stays its owner's, open."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("r+b", 0) as file:
        with pytest.raises(ValueError, match="Pipe transport is"):
            run(loop, getattr(loop, method)(Recorder, file))
        assert file.read() == b"content"


def test_a_device_that_is_always_ready(loop: asyncio.AbstractEventLoop) -> None:
    """Issue "stdin and stdout": /dev/null for output, which no poller takes, is written to all the same."""
    protocol = Recorder()
    with writing(loop, Path(os.devnull).open("wb", 0), protocol) as transport:
        transport.write(bytes(1_000_000))
        turn(loop, A_FEW)
        assert transport.get_write_buffer_size() == 0
        transport.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


def test_paused_and_resumed(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """`pause_reading`, `resume_reading`, `is_reading`: inside `connection_made`, inside data, twice, and closed."""
    source, sink = pipe_ends(tmp_path)
    protocol = Recorder(
        connection_made=lambda transport: transport.pause_reading(),
        data_received=lambda _: protocol.transport.pause_reading(),
    )
    sink.write(b"one")
    with sink, reading(loop, source, protocol) as transport:
        assert turns_share(loop) < IDLE_SHARE_AT_MOST
        assert protocol.data == b""
        assert transport.is_reading() is False
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading() is True
        turn_until(loop, lambda: protocol.data)
        sink.write(b"two")
        sink.close()
        turn(loop, A_FEW)
        assert (protocol.data, protocol.lost) == (b"one", [])
        transport.resume_reading()
        turn_until(loop, lambda: len(protocol.data) == 6)
        transport.close()
        transport.resume_reading()
        assert transport.is_reading() is False
    assert protocol.data == b"onetwo"
