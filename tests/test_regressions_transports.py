"""Faults found by a review of the native transports, each with the program that showed it.

The cause is described beside the corrected code.
"""

import asyncio
import gc
import os
import socket
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import vitok
from net_protocols import BufferedRecorder, DatagramRecorder, Recorder
from net_support import A_FEW, bad, connect, endpoint, is_open, receive, reports_of, run, serving, unix_pair, wired
from support import ErrorLog, private, run_python, turn, turn_until

Loop = asyncio.AbstractEventLoop


@pytest.fixture
def own_loop(error_log: ErrorLog) -> Iterator[Loop]:
    """A loop of ours, for what asyncio is no oracle for."""
    loop = vitok.Loop()
    yield loop
    loop.close()


def test_marks_set_behind_a_gathered_write_do_not_pause_the_protocol_for_good(loop: Loop) -> None:
    """It was paused for bytes that the kernel had room for, and resuming it from within its own callback failed."""
    sizes: list[int] = []

    def write(_data: bytes) -> None:
        protocol.transport.write(b"abcdef")
        protocol.transport.set_write_buffer_limits(high=2)
        sizes.append(protocol.transport.get_write_buffer_size())

    protocol = Recorder(data_received=write)
    with wired(loop, protocol) as (_, peer):
        peer.send(b"go")
        assert receive(loop, peer, 6) == b"abcdef"
        assert sizes == [0]
        assert "pause_writing" not in protocol.calls


def test_marks_set_behind_a_gathered_write_to_a_pipe_do_not_pause_its_protocol(loop: Loop) -> None:
    """The same of the transport that writes to a pipe."""
    reading, writing = os.pipe()
    protocol = Recorder()
    file = os.fdopen(writing, "wb", 0)
    transport, _ = run(loop, loop.connect_write_pipe(lambda: protocol, file))

    async def write() -> None:
        transport.write(b"abcdef")
        transport.set_write_buffer_limits(high=2)

    run(loop, write())
    assert os.read(reading, 10) == b"abcdef"
    assert "pause_writing" not in protocol.calls
    transport.close()
    turn_until(loop, lambda: file.closed)
    os.close(reading)


def test_a_write_from_another_thread_goes_on_when_the_kernel_has_room(loop: Loop) -> None:
    """The loop slept on without watching for the room."""
    size = 4_000_000
    ours, peer = unix_pair()
    with wired(loop, pair=(ours, peer)) as (transport, _):
        done = loop.create_future()
        peer.setblocking(True)
        peer.settimeout(10)

        def write_and_read() -> None:
            transport.write(b"x" * size)
            got = 0
            while got < size and (piece := peer.recv(1 << 20)):
                got += len(piece)
            loop.call_soon_threadsafe(done.set_result, got)

        thread = threading.Thread(target=write_and_read)
        loop.call_later(0.05, thread.start)
        # Nothing else wakes the loop meanwhile.
        loop.call_later(0.06, lambda: None)
        assert run(loop, asyncio.wait_for(done, 10)) == size
        thread.join()


def test_reading_that_another_thread_resumes_goes_on(loop: Loop) -> None:
    """The loop slept on without watching for what came in."""
    came = loop.create_future()
    protocol = Recorder(data_received=came.set_result)
    with wired(loop, protocol) as (transport, peer):
        transport.pause_reading()
        peer.send(b"hello")
        timer = threading.Timer(0.1, transport.resume_reading)
        timer.start()
        assert run(loop, asyncio.wait_for(came, 10)) == b"hello"
        timer.join()


def test_an_endpoint_whose_socket_was_closed_sends_through_nobody_elses(loop: Loop) -> None:
    """Datagrams went out through whatever socket had the number by then, and were read from it."""
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind(("127.0.0.1", 0))
    protocol = DatagramRecorder()
    with endpoint(loop, protocol, sock=ours) as (transport, _), socket.socket(type=socket.SOCK_DGRAM) as target:
        target.bind(("127.0.0.1", 0))
        target.setblocking(False)
        number = ours.fileno()
        ours.close()
        with socket.socket(type=socket.SOCK_DGRAM) as other:
            assert other.fileno() == number
            other.bind(("127.0.0.1", 0))
            transport.sendto(b"another's", target.getsockname())
            turn(loop, A_FEW)
            with pytest.raises(BlockingIOError):
                target.recv(10)
            transport.close()
            turn_until(loop, lambda: protocol.lost)
            assert is_open(number)


@pytest.mark.vitok_only
def test_an_interrupt_while_the_socket_object_is_made_leaves_the_connection_open(own_loop: Loop) -> None:
    """The half-made object closed the descriptor, and the transport closed the number once more, whose-ever it was."""

    def interrupt(frame: Any, event: str, _argument: object) -> Any:
        if frame.f_code.co_name != "socket_of":
            return None
        if event == "line" and "sock" in frame.f_locals and frame.f_locals["sock"].fileno() != -1:
            raise KeyboardInterrupt
        return interrupt

    before = sys.gettrace()
    with serving(own_loop, clients=1) as served:
        transport = served.protocols[0].transport
        number = private(transport)._sock_fd
        sys.settrace(interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                transport.get_extra_info("socket")
        finally:
            sys.settrace(before)
        assert is_open(number)
        assert transport.get_extra_info("socket").fileno() == number
        served.peers[0].send(b"still there")
        turn_until(own_loop, lambda: served.protocols[0].data == b"still there")


@pytest.mark.parametrize("way", ["pause_reading", "nothing"])
def test_a_transport_that_was_paused_from_the_start_and_forgotten_is_closed(loop: Loop, way: str) -> None:
    """The loop went on holding it, with its descriptor, although it watched it for nothing."""
    ours, peer = unix_pair()
    with peer:
        protocol = Recorder(connection_made=lambda transport: transport.pause_reading())
        transport = connect(loop, protocol, ours)
        if way == "nothing":
            transport.resume_reading()
            transport.pause_reading()
        protocol.transport = None
        number = ours.fileno()
        del ours
        with pytest.warns(ResourceWarning, match="unclosed"):
            del transport, protocol
            gc.collect()
        assert not is_open(number)


@pytest.mark.vitok_only
def test_an_endpoint_that_was_paused_from_the_start_and_forgotten_is_closed(own_loop: Loop) -> None:
    """The same of datagrams, which asyncio's endpoint cannot pause."""

    def factory() -> DatagramRecorder:
        return DatagramRecorder(connection_made=lambda transport: transport.pause_reading())

    made = run(own_loop, own_loop.create_datagram_endpoint(factory, local_addr=("127.0.0.1", 0)))
    made[1].transport = None
    number = private(made[0])._sock_fd
    assert is_open(number)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del made
        gc.collect()
    assert not is_open(number)


def interrupt(*_arguments: object) -> None:
    """What Ctrl-C does inside a callback."""
    raise KeyboardInterrupt


Opener = Callable[[Loop, Callable[[], Any]], Coroutine[Any, Any, Any]]


def open_stream(loop: Loop, factory: Callable[[], Any]) -> Coroutine[Any, Any, Any]:
    """Connect to a listener that never accepts."""
    listener = socket.create_server(("127.0.0.1", 0))

    async def open_it() -> Any:
        with listener:
            return await loop.create_connection(factory, *listener.getsockname())

    return open_it()


def open_endpoint(loop: Loop, factory: Callable[[], Any]) -> Coroutine[Any, Any, Any]:
    """A datagram endpoint."""
    return loop.create_datagram_endpoint(factory, local_addr=("127.0.0.1", 0))


@pytest.mark.parametrize("opener", [open_stream, open_endpoint])
def test_an_interrupt_in_connection_made_leaves_nobody_waiting(loop: Loop, opener: Opener) -> None:
    """Whoever had asked for the connection waited for ever in the next run."""
    recorder = Recorder if opener is open_stream else DatagramRecorder
    opening = loop.create_task(opener(loop, lambda: recorder(connection_made=interrupt)))
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(opening)
    transport, protocol = run(loop, asyncio.wait_for(opening, 10))
    transport.close()
    turn_until(loop, lambda: protocol.lost)


async def factory_of_coroutines() -> None:
    """A factory that is `async` by mistake."""


@pytest.mark.parametrize("opener", [open_stream, open_endpoint])
@pytest.mark.parametrize("factory", [object, factory_of_coroutines, lambda: None])
@pytest.mark.filterwarnings("ignore:coroutine 'factory_of_coroutines'", "ignore:unclosed")
def test_what_is_no_protocol_is_refused(loop: Loop, opener: Opener, factory: Any) -> None:
    """Whoever had asked for the connection waited for ever."""
    with pytest.raises(AttributeError, match="connection_made"):
        run(loop, asyncio.wait_for(opener(loop, factory), 10))
    gc.collect()


@pytest.mark.filterwarnings("ignore:unclosed")
def test_what_is_no_protocol_is_refused_by_pipes(loop: Loop) -> None:
    """The transport was made, and failed at each of its callbacks."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as file, pytest.raises(AttributeError, match="connection_made"):
        run(loop, loop.connect_read_pipe(bad(object), file))
    os.close(writing)


@pytest.mark.vitok_only
def test_a_server_closes_a_connection_for_which_its_factory_makes_no_protocol(own_loop: Loop) -> None:
    """It stayed open, and its client waited. In asyncio it lives on until the garbage is collected."""

    async def ask() -> bytes:
        server = await own_loop.create_server(bad(object), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            answer = await asyncio.wait_for(reader.read(), 10)
            writer.close()
            await writer.wait_closed()
            return answer

    assert run(own_loop, ask()) == b""


@pytest.mark.parametrize("limit", [1e5, 7.5])
def test_a_reader_whose_limit_is_no_whole_number_is_fed(loop: Loop, limit: float) -> None:
    """The connection was lost to a TypeError."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"line\n" * 10)
        writer.close()

    async def ask() -> bytes:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            reader, writer = await asyncio.open_connection(*address, limit=bad(limit))
            got = await reader.readexactly(50)
            writer.close()
            await writer.wait_closed()
            return got

    assert run(loop, ask()) == b"line\n" * 10


@pytest.mark.vitok_only
def test_a_socket_that_get_buffer_closed_is_not_read_by_its_number(own_loop: Loop) -> None:
    """The number was taken before the protocol was asked for its buffer, and was another file's afterwards."""
    ours, peer = unix_pair()
    others: list[socket.socket] = []

    def swap(_hint: int) -> None:
        number = ours.fileno()
        ours.close()
        others.extend(socket.socketpair())
        if others[0].fileno() != number:
            others.reverse()
        assert others[0].fileno() == number
        others[1].send(b"another's")

    protocol = BufferedRecorder(get_buffer=swap)
    connect(own_loop, protocol, ours)
    with peer:
        peer.send(b"x")
        turn_until(own_loop, lambda: protocol.lost)
    assert protocol.data == b""
    assert others[0].recv(20) == b"another's"
    for other in others:
        other.close()


@pytest.mark.vitok_only
def test_a_server_hears_of_a_connection_whose_descriptor_was_closed(own_loop: Loop) -> None:
    """It was called with the exception of closing still set, and the exception became a SystemError."""
    reports = reports_of(own_loop)
    with serving(own_loop, clients=1) as served:
        protocol = served.protocols[0]
        os.close(private(protocol.transport)._sock_fd)
        protocol.transport.abort()
        turn_until(own_loop, lambda: protocol.lost)
        turn(own_loop, A_FEW)
        [report] = reports
        assert isinstance(report["exception"], OSError)
        served.server.close()
        run(own_loop, asyncio.wait_for(served.server.wait_closed(), 10))


@pytest.mark.vitok_only
def test_events_that_an_exception_left_undelivered_keep_nothing_alive() -> None:
    """They stood in a list that neither the collector nor `close()` knew: loop and connection were held for ever."""
    loop = vitok.Loop()
    ours, peer = unix_pair()
    protocol = Recorder()
    connect(loop, protocol, ours)
    gone = [weakref.ref(loop), weakref.ref(protocol)]
    peer.send(b"unread")
    # A timer has the clock asked between the poll and the delivery of its events.
    loop.call_later(100, interrupt)
    loop.call_soon(bool)
    private(loop).time = interrupt
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    del private(loop).time
    peer.close()
    with pytest.warns(ResourceWarning, match="unclosed"):
        loop.close()
        del loop, protocol, ours
        gc.collect()
    assert [reference() for reference in gone] == [None, None]


DAEMON_AT_EXIT = """
import asyncio, socket, sys, threading, time, vitok
busy = threading.Event()
def stay():
    busy.set()
    while True:
        time.sleep(0.001)
class Fails(asyncio.Protocol):
    def data_received(self, data):
        raise ValueError
def factory():
    if sys.argv[1] == "factory":
        stay()
    return Fails()
def run():
    loop = vitok.Loop()
    loop.set_exception_handler(lambda loop, context: stay())
    async def main():
        server = await loop.create_server(factory, "127.0.0.1", 0)
        client = socket.create_connection(server.sockets[0].getsockname())
        client.send(b"x")
        await asyncio.sleep(10)
    loop.run_until_complete(main())
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.1)
sys.modules["slow"] = keep = Slow()
threading.Thread(target=run, daemon=True).start()
busy.wait()
"""


@pytest.mark.vitok_only
@pytest.mark.parametrize("place", ["factory", "handler"])
def test_a_daemon_thread_in_a_factory_or_a_handler_does_not_abort_the_process(place: str) -> None:
    """Below 3.14 such a thread is ended by a forced unwind out of a call into Python."""
    child = run_python("-c", DAEMON_AT_EXIT, place)
    assert child.returncode == 0, child.stderr
