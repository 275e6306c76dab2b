"""The user's code, which the loop calls, closes a socket, and another file gets its descriptor number at once.

Such code runs between the decision to read and the system call: `get_buffer()`, `__buffer__`, an attribute of a
protocol, a task factory. The loop must not read, write, end or watch the other file. Sockets that are closed before the
call are in test_streams_descriptors.py.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
from net_protocols import BufferedRecorder, DatagramRecorder, Recorder
from net_support import A_FEW, connect, receive_now, run, unix_pair
from support import private, turn, turn_until
from swap_support import Exporter, ExportingBytearray, Swap, needs_buffer_method, swapping, udp_pair

# More than is copied before it is offered to the kernel.
LONG = 64 * 1024


def end(loop: asyncio.AbstractEventLoop, transport: Any, protocol: Any) -> None:
    """Wait until a transport whose socket is gone has ended, by itself or by `abort()`."""
    turn(loop, A_FEW)
    if not protocol.lost:
        transport.abort()
    turn_until(loop, lambda: protocol.lost)
    turn(loop)


@pytest.mark.parametrize("place", ["get_buffer", pytest.param("__buffer__", marks=needs_buffer_method)])
def test_swapped_while_a_buffer_is_asked_for(loop: asyncio.AbstractEventLoop, place: str) -> None:
    """The protocol's buffer is asked for before the read."""
    ours, peer = unix_pair()
    with swapping(ours) as (swap, other), peer:
        content = bytearray(100)
        hook: Callable[..., Any] = swap
        if place == "__buffer__":
            exporter = Exporter(content, swap)

            def hook(_: int) -> Any:
                return exporter

        protocol = BufferedRecorder(get_buffer=hook)
        transport = connect(loop, protocol, ours)
        swap.is_armed = True
        peer.send(b"ours")
        turn_until(loop, lambda: swap.is_done)
        turn(loop, A_FEW)
        assert content == bytes(100)
        assert protocol.data == b""
        end(loop, transport, protocol)
        other.assert_untouched()


def test_swapped_while_a_stream_reader_is_looked_up(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool has put a descriptor of its own in the place of `data_received`."""
    ours, peer = unix_pair()
    inherited = asyncio.StreamReaderProtocol.data_received
    with swapping(ours) as (swap, other), peer:

        class Watching:
            def __get__(self, instance: Any, owner: Any = None) -> Any:
                swap()
                return inherited.__get__(instance, owner)

        monkeypatch.setattr(asyncio.StreamReaderProtocol, "data_received", Watching())
        reader, writer = run(loop, asyncio.open_connection(sock=ours))
        swap.is_armed = True
        peer.send(b"ours")
        turn_until(loop, lambda: swap.is_done)
        turn(loop, A_FEW)
        assert b"another" not in private(reader)._buffer
        writer.transport.abort()
        turn(loop, A_FEW)
        other.assert_untouched()


@needs_buffer_method
@pytest.mark.parametrize("size", [10, LONG])
def test_swapped_while_it_is_written(loop: asyncio.AbstractEventLoop, size: int) -> None:
    """`transport.write()` of an object that is asked for its bytes."""
    ours, peer = unix_pair()
    protocol = Recorder()
    with swapping(ours) as (swap, other), peer:
        transport = connect(loop, protocol, ours)
        data = ExportingBytearray(size)
        data.hook = swap
        swap.is_armed = True
        transport.write(data)
        assert swap.is_done
        end(loop, transport, protocol)
        other.assert_untouched()


def test_swapped_before_the_write_side_is_ended(loop: asyncio.AbstractEventLoop) -> None:
    """The future of a `sendfile` is told that the queue is sent; behind that comes the end of the write side."""
    ours, peer = unix_pair(send_buffer=4096)
    with swapping(ours) as (swap, other), peer:

        class Waiter(asyncio.Future[None]):
            def set_result(self, result: None, /) -> None:
                swap()
                super().set_result(result)

        # asyncio's own code fails in an event's callback.
        loop.set_exception_handler(lambda *_: None)
        protocol = Recorder()
        transport = connect(loop, protocol, ours)
        while transport.get_write_buffer_size() == 0:
            transport.write(bytes(LONG))
            turn(loop)
        private(loop).create_future = lambda: Waiter(loop=loop)
        private(transport)._make_empty_waiter()
        del private(loop).create_future
        transport.write_eof()
        swap.is_armed = True
        while not swap.is_done:
            receive_now(peer)
            turn(loop)
        end(loop, transport, protocol)
        other.assert_untouched()


@needs_buffer_method
def test_swapped_while_a_datagram_is_sent(loop: asyncio.AbstractEventLoop) -> None:
    """`transport.sendto()` of an object that is asked for its bytes."""
    ours, peer = udp_pair()
    protocol = DatagramRecorder()
    with swapping(ours, udp_pair()) as (swap, other), peer:
        transport, _ = run(loop, loop.create_datagram_endpoint(lambda: protocol, sock=ours))
        data = ExportingBytearray(b"not for you")
        data.hook = swap
        swap.is_armed = True
        transport.sendto(data)
        assert swap.is_done
        end(loop, transport, protocol)
        other.assert_untouched()
        assert receive_now(peer) is None


@needs_buffer_method
def test_a_datagram_behind_one_that_was_sent_inside(loop: asyncio.AbstractEventLoop) -> None:
    """`close()` inside of `__buffer__`: the datagram is dropped or sent, and the endpoint ends as usual."""
    ours, peer = udp_pair()
    protocol = DatagramRecorder()
    with peer:
        transport, _ = run(loop, loop.create_datagram_endpoint(lambda: protocol, sock=ours))
        data = ExportingBytearray(b"outer")
        data.hook = lambda: transport.sendto(b"inner")
        transport.sendto(data)
        assert receive_now(peer) == b"inner"
        assert receive_now(peer) == b"outer"
        transport.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)


def test_swapped_between_two_accepts(loop: asyncio.AbstractEventLoop) -> None:
    """Two clients wait; the task of the first is made by a factory that swaps the listening socket."""
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, details: reports.append(details))
    protocols: list[Recorder] = []

    def factory() -> Recorder:
        protocols.append(Recorder())
        return protocols[-1]

    listener = socket.create_server(("127.0.0.1", 0))
    another = socket.create_server(("127.0.0.1", 0))
    clients = [socket.create_connection(listener.getsockname()) for _ in range(2)]
    foreign = socket.create_connection(another.getsockname())
    another.setblocking(False)
    server = run(loop, loop.create_server(factory, sock=listener, start_serving=False))
    swap = Swap(listener.close, listener.fileno(), another.fileno())

    def make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        if "accept" in coroutine.__qualname__:
            swap()
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(make_task)
    swap.is_armed = True
    run(loop, server.start_serving())
    turn_until(loop, lambda: swap.is_done)
    turn(loop, A_FEW)
    loop.set_task_factory(None)
    accepted, address = another.accept()
    assert [type(report["exception"]) for report in reports] == [OSError]
    assert address == foreign.getsockname()
    for protocol in protocols:
        protocol.transport.abort()
    turn_until(loop, lambda: all(protocol.lost for protocol in protocols))
    turn(loop)
    swap.undo()
    for sock in (*clients, foreign, accepted, another):
        sock.close()
