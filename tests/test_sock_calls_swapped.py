"""`sock_*` calls that run user's code which closes the socket; another file gets its number at once.

Such code is a buffer's `__buffer__`, or a method of the loop that a subclass has overridden. The call ends with an
error, and the loop does not read, write or watch the other file. Sockets that are closed while a call waits are in
test_sock_calls_waiting.py.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from net_support import Pair, run, skip_asyncio, unix_pair
from support import private, turn
from swap_support import Exporter, Other, Swap, needs_buffer_method, swapping, udp_pair

Make = Callable[[Any, Any, Exporter], Any]

RECEIVING: dict[str, Make] = {
    "sock_recv_into": lambda loop, sock, buffer: loop.sock_recv_into(sock, buffer),
    "sock_recvfrom_into": lambda loop, sock, buffer: loop.sock_recvfrom_into(sock, buffer),
}
SENDING: dict[str, Make] = {
    "sock_sendall": lambda loop, sock, data: loop.sock_sendall(sock, data),
    "sock_sendto": lambda loop, sock, data: loop.sock_sendto(sock, data, sock.getpeername()),
}
# How each says that it has to wait for a socket that is closed: asyncio watches the number -1.
FAILURES = (OSError, ValueError)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a Unix stream."""
    ours, peer = unix_pair()
    with ours, peer:
        yield ours, peer


@needs_buffer_method
@pytest.mark.parametrize("name", RECEIVING)
@pytest.mark.parametrize("is_there", [True, False])
def test_swapped_at_the_first_attempt(loop: asyncio.AbstractEventLoop, pair: Pair, name: str, is_there: bool) -> None:
    """The buffer is asked for before the first read, whether anything is there or not."""
    ours, peer = pair
    content = bytearray(100)
    with swapping(ours) as (swap, other):
        if is_there:
            peer.send(b"ours")
        swap.is_armed = True
        with pytest.raises(FAILURES):
            run(loop, RECEIVING[name](loop, ours, Exporter(content, swap)))
        assert content == bytes(100)
        other.assert_untouched()


@needs_buffer_method
@pytest.mark.parametrize("name", RECEIVING)
def test_swapped_at_a_later_attempt(loop: asyncio.AbstractEventLoop, pair: Pair, name: str) -> None:
    """The buffer is asked for again when there is something to read."""
    ours, peer = pair
    content = bytearray(100)
    with swapping(ours) as (swap, other):
        task = loop.create_task(RECEIVING[name](loop, ours, Exporter(content, swap)))
        turn(loop, 3)
        swap.is_armed = True
        peer.send(b"ours")
        with pytest.raises(FAILURES):
            run(loop, waited(task))
        assert content == bytes(100)
        other.assert_untouched()


@needs_buffer_method
def test_swapped_where_nothing_is_tried(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """A read behind one that left nothing waits at once; the buffer is asked for its length alone."""
    ours, peer = pair
    with swapping(ours, is_readable=False) as (swap, other):
        task = loop.create_task(loop.sock_recv(ours, 100))
        turn(loop, 3)
        peer.send(b"ours")
        assert run(loop, waited(task)) == b"ours"
        swap.is_armed = True
        receiving: Any = RECEIVING["sock_recv_into"](loop, ours, Exporter(bytearray(100), swap))
        with pytest.raises(FAILURES):
            run(loop, waited(loop.create_task(receiving)))
        assert_unwatched(loop, swap, other)


@needs_buffer_method
@pytest.mark.parametrize("name", SENDING)
def test_swapped_while_it_is_sent(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """The bytes are asked for before they are sent."""
    ours, peer = udp_pair()
    with peer, swapping(ours, udp_pair()) as (swap, other):
        sending = SENDING[name](loop, ours, Exporter(b"not for you", swap))
        swap.is_armed = True
        with pytest.raises(FAILURES):
            run(loop, sending)
        other.assert_untouched()


@pytest.mark.parametrize("method", ["create_future", "_ensure_fd_no_transport"])
def test_swapped_by_a_method_of_the_loop(
    loop_name: str, loop: asyncio.AbstractEventLoop, pair: Pair, method: str
) -> None:
    """Both are called between the first attempt and the wait. asyncio takes the number in front of the second."""
    if method != "create_future":
        skip_asyncio(loop_name)
    ours, _ = pair
    inherited = getattr(loop, method)
    with swapping(ours, is_readable=False) as (swap, other):

        def overridden(*arguments: Any) -> Any:
            if arguments:
                inherited(*arguments)
            swap()
            return None if arguments else inherited()

        async def receive() -> None:
            private(loop).__setattr__(method, overridden)
            try:
                await loop.sock_recv(ours, 100)
            finally:
                delattr(loop, method)

        task = loop.create_task(receive())
        swap.is_armed = True
        with pytest.raises(FAILURES):
            run(loop, waited(task))
        assert_unwatched(loop, swap, other)


def assert_unwatched(loop: asyncio.AbstractEventLoop, swap: Swap, other: Other) -> None:
    """Nobody waits for the other file."""
    assert swap.is_done
    assert loop.remove_reader(swap.number) is False
    other.assert_untouched()


async def waited(task: asyncio.Task[Any]) -> Any:
    """What a task comes to, within a few turns: nobody may have to look whether its socket is closed."""
    for _ in range(10):
        if task.done():
            return task.result()
        await asyncio.sleep(0)
    task.cancel()
    pytest.fail("it waits")
