"""The native `sock_*` calls: the awaited object, registrations that stay, sockets closed during a call.

asyncio's rules for these calls are tested on both loops in test_sock_calls.py and test_sock_calls_waiting.py.
"""

import asyncio
import errno
import gc
import inspect
import os
import re
import socket
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vitok
from net_support import IDLE_SHARE_AT_MOST, run, turns_share, unix_pair
from support import private, turn

pytestmark = pytest.mark.vitok_only

# A socket that is closed under an operation is noticed within a second, on a machine that may be busy.
NOTICED_SECONDS = 10


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop of ours."""
    loop = vitok.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    ours, peer = unix_pair()
    yield ours, peer
    ours.close()
    peer.close()


def waiting(loop: asyncio.AbstractEventLoop, coroutine: Any) -> asyncio.Task[Any]:
    """A task that has come to its wait."""
    task = loop.create_task(coroutine)
    turn(loop)
    assert not task.done()
    return task


def told_to_the_kernel(number: int) -> bool:
    """Whether any poller of this process watches a descriptor."""
    for folder in Path("/proc/self/fd").iterdir():
        try:
            if os.readlink(folder) != "anon_inode:[eventpoll]":
                continue
            text = Path("/proc/self/fdinfo", folder.name).read_text()
        except FileNotFoundError:
            continue
        if re.search(rf"^tfd:\s+{number} ", text, re.MULTILINE):
            return True
    return False


def test_registration_stays_between_waits(
    loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """The kernel goes on watching when a wait is over, and is not told to cease until an event finds nobody."""
    ours, peer = pair
    for _ in range(3):
        task = waiting(loop, loop.sock_recv(ours, 100))
        peer.send(b"again")
        assert loop.run_until_complete(task) == b"again"
        assert told_to_the_kernel(ours.fileno())
    assert private(loop)._watched() == []
    peer.send(b"unexpected")
    turn(loop, 2)
    assert not told_to_the_kernel(ours.fileno())
    assert run(loop, loop.sock_recv(ours, 100)) == b"unexpected"


def test_lingering_registration_does_not_spin(
    loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A peer that leaves while nobody waits costs one turn of the loop, not all of them."""
    ours, peer = pair
    task = waiting(loop, loop.sock_recv(ours, 100))
    peer.send(b"last")
    loop.run_until_complete(task)
    peer.close()
    assert turns_share(loop) < IDLE_SHARE_AT_MOST
    assert run(loop, loop.sock_recv(ours, 100)) == b""


def test_cancelled_wait_leaves_the_data(
    loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """What arrives between a cancellation and its delivery is there for the next read."""
    ours, peer = pair
    task = waiting(loop, loop.sock_recv(ours, 100))
    peer.send(b"data")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    assert run(loop, loop.sock_recv(ours, 100)) == b"data"


@pytest.mark.parametrize("method", ["sock_recv", "sock_recv_into", "sock_recvfrom", "sock_accept"])
def test_socket_closed_under_a_wait(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """It ends with EBADF within a second, where asyncio waits for ever; the loop sleeps meanwhile, and afterwards."""
    arguments: dict[str, list[Any]] = {"sock_recv_into": [bytearray(1)], "sock_accept": []}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours, peer = (listener, None) if method == "sock_accept" else unix_pair()
        ours.setblocking(False)
        task = waiting(loop, getattr(loop, method)(ours, *arguments.get(method, [1])))
        ours.close()
        with pytest.raises(OSError, match="Bad file descriptor") as raised:
            loop.run_until_complete(asyncio.wait_for(task, NOTICED_SECONDS))
        assert raised.value.errno == errno.EBADF
        if peer is not None:
            peer.close()
    assert turns_share(loop) < IDLE_SHARE_AT_MOST


@pytest.mark.parametrize("taken_by", ["sock_recv", "sock_sendall", "add_reader", "transport"])
def test_number_used_again_under_a_wait(loop: asyncio.AbstractEventLoop, taken_by: str) -> None:
    """Whatever takes the number of a closed socket, the old wait ends with EBADF and reads nothing of it."""
    ours, peer = unix_pair()
    task = waiting(loop, loop.sock_recv(ours, 100))
    number = ours.fileno()
    ours.close()
    fresh, other = unix_pair(send_buffer=4096)
    assert number in (fresh.fileno(), other.fileno())
    fresh, other = (fresh, other) if fresh.fileno() == number else (other, fresh)
    got: list[bytes] = []

    async def receive() -> None:
        if taken_by == "sock_sendall":
            sending = asyncio.ensure_future(loop.sock_sendall(fresh, bytes(1 << 20)))
            await asyncio.sleep(0)
            sending.cancel()
        if taken_by == "add_reader":
            event = asyncio.Event()
            loop.add_reader(fresh, event.set)
            other.send(b"mine")
            await event.wait()
            loop.remove_reader(fresh)
            got.append(fresh.recv(100))
        elif taken_by == "transport":
            reader, writer = await asyncio.open_connection(sock=fresh)
            other.send(b"mine")
            got.append(await reader.read(100))
            writer.close()
        else:
            reading = asyncio.ensure_future(loop.sock_recv(fresh, 100))
            await asyncio.sleep(0)
            other.send(b"mine")
            got.append(await reading)

    loop.run_until_complete(receive())
    assert got == [b"mine"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        loop.run_until_complete(asyncio.wait_for(task, NOTICED_SECONDS))
    for each in (peer, fresh, other):
        each.close()


def test_file_that_outlives_its_socket_is_no_busy_loop(loop: asyncio.AbstractEventLoop) -> None:
    """A duplicate keeps the closed file in the kernel's set; neither it nor the new owner of the number spins."""
    ours, peer = unix_pair()
    task = waiting(loop, loop.sock_recv(ours, 100))
    duplicate = os.dup(ours.fileno())
    ours.close()
    fresh, other = unix_pair()
    peer.send(b"for the duplicate")
    waits = [waiting(loop, loop.sock_recv(each, 100)) for each in (fresh, other)]
    assert turns_share(loop, 0.3) < IDLE_SHARE_AT_MOST
    with pytest.raises(OSError, match="Bad file descriptor"):
        loop.run_until_complete(asyncio.wait_for(task, NOTICED_SECONDS))
    other.send(b"mine")
    assert loop.run_until_complete(waits[0]) == b"mine"
    waits[1].cancel()
    turn(loop)
    os.close(duplicate)
    for each in (peer, fresh, other):
        each.close()


def test_blocking_socket_does_not_block_the_loop(
    loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """docs/differences.md: such a socket is waited for natively; debug mode refuses it, as in asyncio."""
    ours, peer = pair
    ours.setblocking(True)
    task = waiting(loop, loop.sock_recv(ours, 100))
    peer.send(b"late")
    assert loop.run_until_complete(task) == b"late"
    loop.set_debug(True)
    with pytest.raises(ValueError, match="must be non-blocking"):
        run(loop, loop.sock_recv(ours, 100))


def test_operation_is_a_coroutine(loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    """What a coroutine of `async def` answers to `send`, `throw`, `close` and a second `await`."""
    ours, peer = pair
    operation: Any = loop.sock_recv(ours, 100)
    assert asyncio.iscoroutine(operation)
    assert inspect.isawaitable(operation)
    assert (operation.__name__, operation.cr_running) == ("sock_recv", False)
    with pytest.raises(TypeError, match="just-started"):
        operation.send(1)
    future = operation.send(None)
    assert future.get_loop() is loop
    with pytest.raises(RuntimeError, match="await wasn't used with future"):
        operation.send(None)
    with pytest.raises(KeyError, match="thrown"):
        operation.throw(KeyError("thrown"))
    with pytest.raises(RuntimeError, match="already awaited"):
        operation.send(None)
    assert private(loop)._watched() == []
    peer.send(b"data")
    with pytest.raises(StopIteration) as stopped:
        loop.sock_recv(ours, 100).send(None)
    assert stopped.value.value == b"data"
    private(loop.sock_recv(ours, 100)).close()


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [((KeyError,), KeyError), ((KeyError, "text"), KeyError), ((KeyError, KeyError(1)), KeyError), ((1,), TypeError)],
)
def test_throw_takes_what_coroutines_take(
    loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket], arguments: Any, kind: type[Exception]
) -> None:
    """A class, a class with a value, an instance; anything else is a TypeError."""
    operation: Any = loop.sock_recv(pair[0], 1)
    with pytest.raises(kind):
        operation.throw(*arguments)
    operation.close()


def test_operation_that_nobody_awaits(
    loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """The warning of coroutines, and none for one that was closed."""
    with pytest.warns(RuntimeWarning, match=r"coroutine 'Loop.sock_recv' was never awaited"):
        loop.sock_recv(pair[0], 1)  # type: ignore[unused-coroutine]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        private(loop.sock_recv(pair[0], 1)).close()


def test_task_of_an_operation(loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]) -> None:
    """A task may run it without a coroutine around it, and says so."""
    ours, peer = pair
    task = waiting(loop, loop.sock_recv(ours, 100))
    assert "coro=<Loop.sock_recv()>" in repr(task)
    assert task.get_stack() == []
    peer.send(b"data")
    assert loop.run_until_complete(task) == b"data"


def test_add_reader_and_a_wait_displace_each_other(
    loop: asyncio.AbstractEventLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    """As in asyncio, the later one gets the events, and the earlier one none."""
    ours, peer = pair
    called: list[bytes] = []

    def read() -> None:
        called.append(ours.recv(100))

    first = waiting(loop, loop.sock_recv(ours, 100))
    loop.add_reader(ours, read)
    peer.send(b"one")
    turn(loop, 2)
    assert (called, first.done()) == ([b"one"], False)
    second = waiting(loop, loop.sock_recv(ours, 100))
    peer.send(b"two")
    assert loop.run_until_complete(second) == b"two"
    third = waiting(loop, loop.sock_recv(ours, 100))
    assert loop.remove_reader(ours) is True
    peer.send(b"three")
    turn(loop, 2)
    assert (called, third.done()) == ([b"one"], False)
    for task in (first, third):
        task.cancel()
    turn(loop)


def test_waits_of_a_lost_loop_are_collected(pair: tuple[socket.socket, socket.socket]) -> None:
    """A loop, its pending operation and the task around it are one cycle, which the collector takes apart."""
    loop = vitok.new_event_loop()
    task = waiting(loop, loop.sock_recv(pair[0], 100))
    private(task)._log_destroy_pending = False
    gone = weakref.ref(task)
    loop.close()
    del loop, task
    gc.collect()
    assert gone() is None
