"""Waits of the `sock_*` coroutines: cancelled, many at once, and on descriptors that are closed and reused.

Such waits are registered by number, so the tests make sure that a number is reused. The result of each call is tested
in test_sock_calls.py.
"""

import asyncio
import random
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from net_support import (
    A_FEW,
    IDLE_SHARE_AT_MOST,
    MORE_THAN_THE_KERNEL_TAKES,
    SMALL_BUFFER,
    Pair,
    receive_now,
    run,
    skip_asyncio,
    turns_share,
    unix_pair,
)
from support import pending, result, turn, turn_until

# Long enough for a loop that looks after its waits now and then, and short enough to be a test.
SECONDS_AT_MOST = 5


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a Unix stream with little room, non-blocking."""
    ours, peer = unix_pair(send_buffer=SMALL_BUFFER)
    with ours, peer:
        yield ours, peer


def cancel(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> None:
    """Cancel a task that waits, and see it end by that."""
    task.cancel()
    turn_until(loop, task.done)
    assert task.cancelled()


def failure(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> BaseException | None:
    """The exception by which a task ends within the time that it has; one that doesn't end is cancelled."""

    async def wait() -> None:
        await asyncio.wait([task], timeout=SECONDS_AT_MOST)

    run(loop, wait())
    if not task.done():
        cancel(loop, task)
        pytest.fail("it waits for ever")
    return task.exception()


def fill_socket(sock: socket.socket) -> int:
    """Send until the kernel takes no more."""
    sent = 0
    try:
        while True:
            sent += sock.send(bytes(SMALL_BUFFER))
    except BlockingIOError:
        return sent


READS: dict[str, Callable[[Any, socket.socket], Any]] = {
    "sock_recv": lambda loop, sock: loop.sock_recv(sock, 10),
    "sock_recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(10)),
    "sock_recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 10),
    "sock_recvfrom_into": lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(10)),
}


@pytest.mark.parametrize("name", READS)
def test_a_cancelled_read_takes_nothing(loop: asyncio.AbstractEventLoop, pair: Pair, name: str) -> None:
    """Cancelled while it waits: what comes later is still there for the next, of any kind, on the same socket."""
    ours, peer = pair
    for data in (b"first", b"second", b"third"):
        cancel(loop, pending(loop, READS[name](loop, ours)))
        peer.send(data)
        turn(loop, A_FEW)
        assert run(loop, loop.sock_recv(ours, 100)) == data
        task = pending(loop, loop.sock_recv(ours, 100))
        peer.send(data)
        assert result(loop, task) == data


def test_a_cancelled_send_sends_no_more(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Cancelled while it waits: what the kernel took is sent, nothing of the rest, and the socket goes on."""
    ours, peer = pair
    task = pending(loop, loop.sock_sendall(ours, b"x" * MORE_THAN_THE_KERNEL_TAKES))
    cancel(loop, task)
    got = bytearray()
    while (piece := receive_now(peer)) is not None:
        got += piece
        turn(loop)
    assert 0 < len(got) < MORE_THAN_THE_KERNEL_TAKES
    run(loop, loop.sock_sendall(ours, b"the next"))
    assert peer.recv(100) == b"the next"


def test_a_cancelled_accept_takes_nobody(loop: asyncio.AbstractEventLoop) -> None:
    """Cancelled while it waits: the client that comes later is the next accept's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        listener.setblocking(False)
        cancel(loop, pending(loop, loop.sock_accept(listener)))
        with socket.create_connection(listener.getsockname()) as client:
            turn(loop, A_FEW)
            accepted, address = run(loop, loop.sock_accept(listener))
            accepted.close()
            assert address == client.getsockname()


def test_cancelled_when_the_data_has_come(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Cancelled in the turn before the one that would see the data: either it has them or they are still there."""
    ours, peer = pair
    task = pending(loop, loop.sock_recv(ours, 100))
    peer.send(b"data")
    task.cancel()
    turn_until(loop, task.done)
    assert task.cancelled()
    assert run(loop, loop.sock_recv(ours, 100)) == b"data"


def test_a_timeout_and_on(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """`wait_for` that runs out, again and again: no wait is left behind, and the loop sleeps meanwhile."""
    ours, peer = pair

    async def main() -> bytes:
        for _ in range(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(loop.sock_recv(ours, 100), 0.001)
        loop.call_soon(peer.send, b"data")
        return await loop.sock_recv(ours, 100)

    assert run(loop, main()) == b"data"
    peer.send(b"nobody waits for this")
    assert turns_share(loop) < IDLE_SHARE_AT_MOST


def test_nobody_waits_any_more(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """A socket that was waited on once costs nothing afterwards, though it is readable and writable all the time."""
    ours, peer = pair
    task = pending(loop, loop.sock_recv(ours, 1))
    peer.send(b"12345")
    assert result(loop, task) == b"1"
    fill_socket(peer)
    assert turns_share(loop) < IDLE_SHARE_AT_MOST
    peer.close()
    assert turns_share(loop) < IDLE_SHARE_AT_MOST


def test_sending_and_receiving_at_once(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "Both on one descriptor": a send and a receive that wait on one socket don't disturb each other."""
    ours, peer = pair
    data = bytes(range(256)) * 4096
    sending = pending(loop, loop.sock_sendall(ours, data))
    receiving = pending(loop, loop.sock_recv(ours, 100))
    peer.send(b"from the peer")
    assert result(loop, receiving) == b"from the peer"
    receiving = pending(loop, loop.sock_recv(ours, 100))
    cancel(loop, receiving)
    got = bytearray()
    while len(got) < len(data):
        got += run(loop, loop.sock_recv(peer, 65536))
    assert got == data
    assert result(loop, sending) is None


def test_many_waits_in_sequence(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """A thousand round trips over one pair, each of which waits at both ends."""
    ours, peer = pair

    async def echo() -> None:
        while data := await loop.sock_recv(peer, 100):
            await loop.sock_sendall(peer, data)

    async def main() -> None:
        task = loop.create_task(echo())
        for number in range(1000):
            await loop.sock_sendall(ours, b"%d" % number)
            assert await loop.sock_recv(ours, 100) == b"%d" % number
        ours.shutdown(socket.SHUT_WR)
        await task

    run(loop, main())


def test_mixed_with_add_reader(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """A wait, then a watcher of the user's, then a wait again, on one descriptor: each is served in its time."""
    ours, peer = pair
    for _ in range(3):
        task = pending(loop, loop.sock_recv(ours, 100))
        peer.send(b"waited for")
        assert result(loop, task) == b"waited for"
        got: list[bytes] = []
        loop.add_reader(ours, lambda got=got: got.append(ours.recv(100)))  # type: ignore[misc]
        peer.send(b"watched")
        turn_until(loop, lambda got=got: got)  # type: ignore[misc]
        assert got == [b"watched"]
        assert loop.remove_reader(ours) is True


def test_a_socket_becomes_a_transport(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """A wait, then a transport over the same socket: everything arrives, and the wait is forgotten."""
    ours, peer = pair
    task = pending(loop, loop.sock_recv(ours, 3))
    peer.send(b"onetwo")
    assert result(loop, task) == b"one"

    async def main() -> bytes:
        reader, writer = await asyncio.open_connection(sock=ours)
        data = await reader.readexactly(3)
        writer.close()
        await writer.wait_closed()
        return data

    assert run(loop, main()) == b"two"


def test_one_number_after_the_other(loop: asyncio.AbstractEventLoop) -> None:
    """Line "closed elsewhere, then re-used": sockets that get one number one after the other, each waited on."""
    numbers = set()
    for round_number in range(20):
        ours, peer = unix_pair()
        with ours, peer:
            numbers.add(ours.fileno())
            task = pending(loop, loop.sock_recv(ours, 100))
            peer.send(b"%d" % round_number)
            assert result(loop, task) == b"%d" % round_number
    assert len(numbers) == 1


@pytest.mark.parametrize("direction", ["read", "write"])
def test_cancelled_closed_and_used_again(loop: asyncio.AbstractEventLoop, direction: str) -> None:
    """Line "closed elsewhere, then re-used ... never another's data": the wait cancelled, the number another's."""
    for _ in range(10):
        ours, peer = unix_pair(send_buffer=SMALL_BUFFER)
        number = ours.fileno()
        if direction == "read":
            task = pending(loop, loop.sock_recv(ours, 100))
        else:
            task = pending(loop, loop.sock_sendall(ours, bytes(MORE_THAN_THE_KERNEL_TAKES)))
        cancel(loop, task)
        ours.close()
        peer.close()
        again, other_peer = unix_pair()
        with again, other_peer:
            assert again.fileno() == number
            other_peer.send(b"another's")
            turn(loop, A_FEW)
            assert receive_now(other_peer) is None
            waiting = loop.create_task(loop.sock_recv(again, 100))
            assert result(loop, waiting) == b"another's"
            waiting = pending(loop, loop.sock_recv(again, 100))
            other_peer.send(b"and again")
            assert result(loop, waiting) == b"and again"


@pytest.mark.vitok_only
@pytest.mark.parametrize("shut", [False, True])
def test_closed_while_waited_on(loop: asyncio.AbstractEventLoop, loop_name: str, shut: bool) -> None:
    """Trap "a socket closed under a pending `sock_recv` ... does not hang it for ever": an error ends the wait."""
    skip_asyncio(loop_name)
    ours, peer = unix_pair()
    with peer:
        task = pending(loop, loop.sock_recv(ours, 100))
        if shut:
            ours.shutdown(socket.SHUT_RD)
        ours.close()
        error = failure(loop, task)
        # A wait that is told of the end before the socket closes may give it as such.
        assert isinstance(error, OSError) or (shut and task.result() == b"")


@pytest.mark.vitok_only
def test_closed_while_waited_on_and_used_again(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Trap "never another's data": the number is another's, which waits as well; only that one gets what comes."""
    skip_asyncio(loop_name)
    ours, peer = unix_pair()
    number = ours.fileno()
    old = pending(loop, loop.sock_recv(ours, 100))
    ours.close()
    again, other_peer = unix_pair()
    with peer, again, other_peer:
        assert again.fileno() == number
        new = loop.create_task(loop.sock_recv(again, 100))
        turn(loop, A_FEW)
        other_peer.send(b"another's")
        assert result(loop, new) == b"another's"
        assert isinstance(failure(loop, old), OSError)


@pytest.mark.vitok_only
def test_closed_while_connecting(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Trap "closed under a pending ... `sock_connect`": an error ends the wait for a host that does not answer."""
    skip_asyncio(loop_name)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # A backlog of nothing is full with one client; what the next ones send to the kernel is dropped.
        listener.listen(0)
        clients = [socket.socket() for _ in range(3)]
        for client in clients:
            client.setblocking(False)
        tasks = [loop.create_task(loop.sock_connect(client, listener.getsockname())) for client in clients]
        turn(loop, A_FEW)
        for client in clients:
            client.close()
        errors = [failure(loop, task) for task in tasks]
        assert isinstance(errors[-1], OSError)


def test_the_loop_ends_with_waits(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """A loop that is closed while something waits closes nothing of the user's."""
    ours, peer = pair
    waiting = loop.sock_recv(ours, 100)
    loop.call_soon(waiting.send, None)
    turn(loop, 2)
    loop.close()
    waiting.close()
    peer.send(b"still open")
    assert ours.recv(100) == b"still open"


def test_random_waits_over_many_sockets(loop: asyncio.AbstractEventLoop) -> None:
    """Line "never another's data": sockets come and go at random, waits are cancelled, no byte goes astray."""
    dice = random.Random(11)
    open_pairs: list[tuple[socket.socket, socket.socket, asyncio.Task[bytes], bytes]] = []
    for step in range(400):
        if len(open_pairs) < 8 or dice.random() < 0.3:
            ours, peer = unix_pair()
            open_pairs.append((ours, peer, loop.create_task(loop.sock_recv(ours, 100)), b"%d" % step))
        else:
            ours, peer, task, token = open_pairs.pop(dice.randrange(len(open_pairs)))
            if dice.random() < 0.5:
                peer.send(token)
                assert result(loop, task) == token
            else:
                cancel(loop, task)
            ours.close()
            peer.close()
        turn(loop, dice.randrange(2))
    for ours, peer, task, _ in open_pairs:
        cancel(loop, task)
        ours.close()
        peer.close()
