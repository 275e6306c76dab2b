"""The native transports of pipes: their files, their two halves, and the time at which bytes are written.

asyncio's rules for either end are tested in test_native_pipe_ends.py; where a test here runs on both loops, asyncio is
the reference.
"""

import asyncio
import contextlib
import errno
import gc
import io
import os
import select
import tty
import weakref
from pathlib import Path
from typing import Any

import pytest
from net_support import MORE_THAN_THE_KERNEL_TAKES, Recorder, is_open, reports_of, run
from pipe_support import drain, pipe_ends, read_now, reading, terminal_ends, unbuffered, writing
from support import loop_factory, turn, turn_until

A_FEW = 5


@pytest.mark.vitok_only
def test_what_one_turn_writes_leaves_by_one_call() -> None:
    """A pipe that keeps the limits of writes (O_DIRECT) has one packet of it."""
    loop = loop_factory("vitok")()
    reader, writer = os.pipe2(os.O_DIRECT)
    theirs, ours = unbuffered(reader, "rb"), unbuffered(writer, "wb")
    seen: list[bytes | None] = []
    with contextlib.closing(loop), writing(loop, Recorder(), ours, theirs) as transport:

        def write() -> None:
            for _ in range(A_FEW):
                transport.write(b"a line\n")
            seen.append(read_now(theirs))

        loop.call_soon(write)
        turn(loop)
        assert seen == [None]
        assert read_now(theirs) == b"a line\n" * A_FEW


def test_what_is_written_to_a_terminal_leaves_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """So it keeps its place among what `print` writes there."""
    theirs, ours = terminal_ends()
    with writing(loop, Recorder(), ours, theirs) as transport:

        def write() -> None:
            transport.write(b"first ")
            os.write(ours.fileno(), b"second")

        loop.call_soon(write)
        turn(loop)
        # The kernel carries what is written to the other side of a terminal in its own time.
        assert drain(loop, theirs, 12) == b"first second"


def test_a_terminal_is_not_read_by_its_writer(loop: asyncio.AbstractEventLoop) -> None:
    """What is typed is there for whoever reads, and the writer stays open."""
    protocol = Recorder()
    theirs, ours = terminal_ends()
    with writing(loop, protocol, ours, theirs):
        master = os.dup(theirs.fileno())
        os.write(master, b"typed")
        os.close(master)
        select.select([ours], [], [])
        turn(loop, A_FEW)
        assert protocol.lost == []
        assert os.read(ours.fileno(), 10) == b"typed"


def test_one_file_is_read_and_written(loop: asyncio.AbstractEventLoop) -> None:
    """The master of a terminal with a transport for each direction, under one number."""
    master, slave = os.openpty()
    tty.setraw(slave)
    file = unbuffered(master, "rb+")
    reader, writer = Recorder(), Recorder()
    incoming, _ = run(loop, loop.connect_read_pipe(lambda: reader, file))
    outgoing, _ = run(loop, loop.connect_write_pipe(lambda: writer, file))
    os.set_blocking(slave, False)
    os.write(slave, b"from the slave")
    turn_until(loop, lambda: reader.data)
    outgoing.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
    os.write(slave, b", still")
    turn_until(loop, lambda: len(reader.data) == 21)
    got = 0
    while got < MORE_THAN_THE_KERNEL_TAKES:
        turn(loop)
        with contextlib.suppress(BlockingIOError):
            got += len(os.read(slave, 1 << 20))
    outgoing.close()
    incoming.close()
    turn_until(loop, lambda: reader.lost and writer.lost)
    assert (bytes(reader.data), reader.lost, writer.lost) == (b"from the slave, still", [None], [None])
    os.close(slave)


@pytest.mark.vitok_only
@pytest.mark.parametrize("first", ["reader", "writer"])
def test_a_half_whose_file_the_other_closed_is_lost(first: str) -> None:
    """It must not read or write whatever gets the number next."""
    loop = loop_factory("vitok")()
    master, slave = os.openpty()
    file = unbuffered(master, "rb+")
    reader, writer = Recorder(), Recorder()
    incoming, _ = run(loop, loop.connect_read_pipe(lambda: reader, file))
    outgoing, _ = run(loop, loop.connect_write_pipe(lambda: writer, file))
    (incoming if first == "reader" else outgoing).close()
    turn_until(loop, lambda: reader.lost and writer.lost)
    kept, lost = (reader, writer) if first == "reader" else (writer, reader)
    assert kept.lost == [None]
    assert isinstance(lost.lost[0], OSError)
    assert lost.lost[0].errno == errno.EBADF
    os.close(slave)
    loop.close()


def test_two_files_on_one_pipe(loop: asyncio.AbstractEventLoop) -> None:
    """Each transport closes its own file object, and a descriptor that a file does not own stays open."""
    master, slave = os.openpty()
    tty.setraw(slave)
    reader, writer = Recorder(), Recorder()
    incoming, _ = run(loop, loop.connect_read_pipe(lambda: reader, unbuffered(master, "rb", closefd=False)))
    outgoing, _ = run(loop, loop.connect_write_pipe(lambda: writer, unbuffered(master, "wb", closefd=False)))
    incoming.close()
    turn_until(loop, lambda: reader.lost)
    turn(loop, A_FEW)
    assert writer.lost == []
    outgoing.write(b"still open")
    turn(loop, A_FEW)
    assert os.read(slave, 100) == b"still open"
    outgoing.close()
    turn_until(loop, lambda: writer.lost)
    assert is_open(master)
    os.close(master)
    os.close(slave)


@pytest.mark.vitok_only
def test_a_number_that_is_used_again_has_a_transport_of_its_own() -> None:
    """A file closed behind its transport's back, and its number given to the next one, which asyncio leaves deaf."""
    loop = loop_factory("vitok")()
    old, new = Recorder(), Recorder()
    first, other = pipe_ends()
    number = first.fileno()
    stale, _ = run(loop, loop.connect_read_pipe(lambda: old, first))
    first.close()
    second, theirs = pipe_ends()
    assert second.fileno() == number
    with reading(loop, new, second, theirs):
        theirs.write(b"for the new one")
        turn_until(loop, lambda: new.data)
    other.close()
    assert old.data == b""
    stale.close()
    turn_until(loop, lambda: old.lost)
    loop.close()


@pytest.mark.parametrize("connect", ["connect_read_pipe", "connect_write_pipe"])
def test_a_file_of_another_kind_is_refused_and_stays_open(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, connect: str
) -> None:
    """ValueError for a regular file, which is its caller's as before."""
    with (tmp_path / "file").open("wb+") as file:
        with pytest.raises(ValueError, match="pipe"):
            run(loop, getattr(loop, connect)(Recorder, file))
        assert not file.closed
        assert os.get_blocking(file.fileno())


def test_writing_to_a_device_that_cannot_be_waited_for(loop: asyncio.AbstractEventLoop) -> None:
    """/dev/null takes everything."""
    protocol = Recorder()
    file = unbuffered(os.open(os.devnull, os.O_RDWR), "wb")
    with writing(loop, protocol, file, io.BytesIO()) as transport:
        transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        assert transport.get_write_buffer_size() == 0
        transport.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


@pytest.mark.vitok_only
def test_reading_from_a_device_that_cannot_be_waited_for() -> None:
    """It is reported, as by asyncio, and the transport is lost to it, where asyncio's hangs for ever."""
    loop = loop_factory("vitok")()
    reports = reports_of(loop)
    protocol = Recorder()
    file = unbuffered(os.open(os.devnull, os.O_RDWR), "rb")
    with reading(loop, protocol, file, io.BytesIO()):
        turn_until(loop, lambda: protocol.lost)
    assert [type(report["exception"]) for report in reports] == [PermissionError]
    assert isinstance(protocol.lost[0], PermissionError)
    loop.close()


@pytest.mark.vitok_only
def test_who_waits_for_a_pipe_is_woken_though_its_refusal_leaves_the_loop() -> None:
    """An exception handler may raise SystemExit when the poller refuses a device; the next run ends the wait."""

    def leave(_: object, context: dict[str, Any]) -> None:
        raise SystemExit(type(context["exception"]).__name__)

    loop = loop_factory("vitok")()
    protocol = Recorder()
    file = unbuffered(os.open(os.devnull, os.O_RDWR), "rb")
    task = loop.create_task(loop.connect_read_pipe(lambda: protocol, file))
    loop.set_exception_handler(leave)
    with pytest.raises(SystemExit, match="PermissionError"):
        turn_until(loop, task.done)
    turn_until(loop, task.done)
    task.result()[0].close()
    turn_until(loop, lambda: protocol.lost)
    loop.close()


@pytest.mark.parametrize("connect", ["connect_read_pipe", "connect_write_pipe"])
def test_a_forgotten_transport_warns_and_closes_its_file(loop: asyncio.AbstractEventLoop, connect: str) -> None:
    """A reader that is paused, or the writer of a terminal, is nobody's but its user's."""
    other, ours = terminal_ends()
    transport, protocol = run(loop, getattr(loop, connect)(Recorder, ours))
    if connect == "connect_read_pipe":
        transport.pause_reading()
    turn(loop)
    gone = weakref.ref(transport)
    with pytest.warns(ResourceWarning, match="unclosed transport <"):
        del transport, protocol
        gc.collect()
    assert gone() is None
    assert ours.closed
    other.close()


@pytest.mark.parametrize(("connect", "place"), [("connect_read_pipe", 0), ("connect_write_pipe", 1)])
def test_a_cancelled_connection_is_closed(loop: asyncio.AbstractEventLoop, connect: str, place: int) -> None:
    """Whoever cancels it while it waits gets the file closed."""
    protocol = Recorder()
    ends = pipe_ends()
    task = loop.create_task(getattr(loop, connect)(lambda: protocol, ends[place]))
    loop.call_soon(task.cancel)
    turn_until(loop, lambda: protocol.lost)
    assert task.cancelled()
    assert protocol.calls == ["connection_made", "connection_lost"]
    assert ends[place].closed
    ends[1 - place].close()


def test_what_a_transport_says_of_itself(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Facts, classes, limits, and the representation in each state."""
    ours, theirs = pipe_ends()
    number, other = ours.fileno(), theirs.fileno()
    prefix = "_Unix" if loop_name == "asyncio" else ""
    reader, writer = Recorder(), Recorder()
    incoming, _ = run(loop, loop.connect_read_pipe(lambda: reader, ours))
    outgoing, _ = run(loop, loop.connect_write_pipe(lambda: writer, theirs))
    assert isinstance(incoming, asyncio.ReadTransport)
    assert isinstance(outgoing, asyncio.WriteTransport)
    assert incoming.get_extra_info("pipe") is ours
    assert outgoing.get_extra_info("pipe") is theirs
    assert outgoing.get_extra_info("socket", "none") == "none"
    assert incoming.get_protocol() is reader
    turn(loop)
    assert repr(incoming) == f"<{prefix}ReadPipeTransport fd={number} polling>"
    assert repr(outgoing) == f"<{prefix}WritePipeTransport fd={other} idle bufsize=0>"
    outgoing.set_write_buffer_limits(high=100, low=10)
    assert outgoing.get_write_buffer_limits() == (10, 100)
    with pytest.raises(ValueError, match="must be >="):
        outgoing.set_write_buffer_limits(high=1, low=10)
    assert outgoing.can_write_eof()
    incoming.pause_reading()
    assert repr(incoming) == f"<{prefix}ReadPipeTransport fd={number} idle>"
    incoming.close()
    outgoing.close()
    assert repr(incoming) == f"<{prefix}ReadPipeTransport closing fd={number} idle>"
    turn_until(loop, lambda: reader.lost and writer.lost)
    assert repr(incoming) == f"<{prefix}ReadPipeTransport closed fd={number} closed>"
    assert repr(outgoing) == f"<{prefix}WritePipeTransport closed fd={other} closed>"
    assert incoming.get_protocol() is None
    incoming.close()
