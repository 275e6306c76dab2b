"""Cancellation at every await: connecting, waiting and serving leave no descriptor open, and close none twice.

This is a property, not a list of cases: each operation is run again and again, cancelled at its first await, its
second, and so on until it completes; at once when it waits, and a turn or two later. Meanwhile other files are opened
on every number that becomes free, each with data of its own. A descriptor that is closed twice is one of these, and
data read from the wrong descriptor is missing in one. The purpose of the operations is not tested here.
"""

import asyncio
import itertools
import os
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    Pair,
    full_listener,
    receive_now,
    run,
    skip_asyncio,
    unix_pair,
)
from support import open_descriptors, turn, turn_until

# Turns between the await at which the operation stands and its cancellation.
DELAYS = (0, 1, 2)
# No operation here has so many awaits; one that never runs to its end is a failure, not a hang.
AWAITS_AT_MOST = 50
# How long a look-up that nobody waits for may take on a busy machine.
PATIENCE_SECONDS = 5.0


@pytest.fixture
def loop(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """A loop that has all the descriptors which it opens for itself: some are opened by its first run."""
    turn(loop)
    return loop


class Bystanders:
    """Pairs of sockets with data in them, opened on whatever numbers are free."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Pair, bytes, tuple[Any, Any]]] = []

    def add(self, count: int = 2) -> None:
        """Open some more."""
        for _ in range(count):
            pair = unix_pair()
            token = b"of bystander %d" % len(self.pairs)
            for end in pair:
                end.send(token)
            self.pairs.append((pair, token, self.identity(pair)))

    @staticmethod
    def identity(pair: Pair) -> tuple[Any, Any]:
        """Which files the numbers stand for."""
        first, second = (os.fstat(end.fileno()) for end in pair)
        return (first.st_dev, first.st_ino), (second.st_dev, second.st_ino)

    def end(self) -> None:
        """See that nobody touched them, and close them."""
        for pair, token, identity in self.pairs:
            assert self.identity(pair) == identity, "closed by somebody else"
            for end in pair:
                assert receive_now(end) == token, "read by somebody else"
                assert receive_now(end) is None, "written or closed by somebody else"
            for end in pair:
                end.close()
        self.pairs.clear()


class Steps(Awaitable[Any]):
    """Runs a coroutine and calls back at every await at which it stands."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at_await: Callable[[int], None]) -> None:
        self.coroutine = coroutine
        self.at_await = at_await

    def __await__(self) -> Generator[Any, Any, Any]:
        """Hand everything through, in both directions."""
        steps = self.coroutine
        thrown: BaseException | None = None
        for number in itertools.count():
            try:
                awaited = steps.send(None) if thrown is None else steps.throw(thrown)
            except StopIteration as end:
                return end.value
            self.at_await(number)
            thrown = None
            try:
                yield awaited
            except BaseException as error:
                thrown = error
        raise AssertionError("unreachable")


def cancel_at(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any],
    where: int,
    *,
    delay: int,
    bystanders: Bystanders,
) -> Any:
    """Run a coroutine and cancel it so many turns after it came to its await of this number.

    Gives what it comes to, or None if it was cancelled before that.
    """

    def at_await(number: int) -> None:
        bystanders.add(1)
        if number == where:
            wait_and_cancel(delay)

    def wait_and_cancel(turns: int) -> None:
        loop.call_soon(task.cancel) if turns == 0 else loop.call_soon(wait_and_cancel, turns - 1)

    async def main() -> Any:
        return await Steps(coroutine, at_await)

    task = loop.create_task(main())
    turn_until(loop, task.done)
    bystanders.add()
    turn(loop, A_FEW)
    return None if task.cancelled() else task.result()


@contextmanager
def same_descriptors() -> Iterator[None]:
    """Nothing is open afterwards that was not before, and the other way round.

    A thread that looks a name up, for an operation that was cancelled meanwhile, has files of the resolver's open for a
    moment longer.
    """
    before = open_descriptors()
    yield
    patience = time.monotonic() + PATIENCE_SECONDS
    while open_descriptors() != before and time.monotonic() < patience:
        time.sleep(0.01)
    assert open_descriptors() == before


def at_every_await(
    loop: asyncio.AbstractEventLoop,
    operation: Callable[[], Coroutine[Any, Any, Any]],
    undo: Callable[[Any], None],
) -> int:
    """Cancel an operation at each of its awaits, until it comes to its end; what it then gives is undone.

    Gives the number of cancellations that took effect.
    """
    cancelled = 0
    for delay in DELAYS:
        for where in range(AWAITS_AT_MOST):
            bystanders = Bystanders()
            with same_descriptors():
                result = cancel_at(loop, operation(), where, delay=delay, bystanders=bystanders)
                if result is not None:
                    undo(result)
                turn(loop, A_FEW)
                bystanders.end()
            if result is not None:
                break
            cancelled += 1
        else:
            pytest.fail("it never came to its end")
    return cancelled


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A bare listening socket with room for every client of a test."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1000)
        listening.setblocking(False)
        yield listening


def drop_clients(listener: socket.socket) -> None:
    """Accept and close whoever waits."""
    try:
        while True:
            listener.accept()[0].close()
    except BlockingIOError:
        return


def close_transport(loop: asyncio.AbstractEventLoop, transport: Any) -> None:
    """Close a transport and see its descriptor go."""
    sock = transport.get_extra_info("socket")
    transport.abort()
    turn_until(loop, lambda: sock.fileno() == -1)


HOSTS: list[dict[str, Any]] = [
    {"host": "127.0.0.1"},
    {"host": "localhost", "family": socket.AF_INET},
    {"host": "127.0.0.1", "local_addr": ("127.0.0.1", 0)},
    {"host": "localhost", "family": socket.AF_INET, "local_addr": ("localhost", 0)},
]


@pytest.mark.parametrize("options", HOSTS, ids=str)
def test_create_connection(loop: asyncio.AbstractEventLoop, listener: socket.socket, options: dict[str, Any]) -> None:
    """Line "A cancelled `create_connection` ... at any await leaves no descriptor open and closes none twice"."""

    async def operation() -> Any:
        transport, _ = await loop.create_connection(Recorder, port=listener.getsockname()[1], **options)
        return transport

    start_executor(loop)
    assert at_every_await(loop, operation, lambda transport: close_transport(loop, transport)) > 0
    drop_clients(listener)


def start_executor(loop: asyncio.AbstractEventLoop) -> None:
    """Start as many threads as look-ups can ever need here: a thread may keep descriptors of its own."""

    async def look_up() -> None:
        await asyncio.gather(*(loop.getaddrinfo("localhost", 1) for _ in range(8)))

    run(loop, look_up())


def test_open_connection(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    """Line "A cancelled `create_connection`": through asyncio's streams, whose reader and protocol are dropped too."""

    async def operation() -> Any:
        _, writer = await asyncio.open_connection(*listener.getsockname())
        return writer

    assert at_every_await(loop, operation, lambda writer: close_transport(loop, writer.transport)) > 0
    drop_clients(listener)


def test_create_unix_connection(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A cancelled `create_connection`": to a Unix address."""
    name = f"\0vitok-cancel-{os.getpid()}"

    async def operation() -> Any:
        transport, _ = await loop.create_unix_connection(Recorder, name)
        return transport

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        listening.listen(1000)
        listening.setblocking(False)
        assert at_every_await(loop, operation, lambda transport: close_transport(loop, transport)) > 0
        drop_clients(listening)


def test_a_given_socket(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A cancelled `create_connection`": with `sock=`, which is closed with the transport that was to be."""
    peers: list[socket.socket] = []

    async def operation() -> Any:
        ours, peer = unix_pair()
        peers.append(peer)
        try:
            transport, _ = await loop.create_connection(Recorder, sock=ours)
        except asyncio.CancelledError:
            peers.pop().close()
            raise
        return transport

    def undo(transport: Any) -> None:
        close_transport(loop, transport)
        peers.pop().close()

    assert at_every_await(loop, operation, undo) > 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_sock_connect(loop: asyncio.AbstractEventLoop, listener: socket.socket, host: str) -> None:
    """Line "or `sock_connect` at any await": the socket stays the caller's, who closes it once."""

    async def operation() -> bool:
        with socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, (host, listener.getsockname()[1]))
        return True

    start_executor(loop)
    at_every_await(loop, operation, lambda _: None)
    drop_clients(listener)


def test_sock_connect_to_a_full_host(loop: asyncio.AbstractEventLoop) -> None:
    """Line "or `sock_connect` at any await": to a listener whose queue is full, where it waits for long."""
    with full_listener() as (full, _):

        async def operation() -> bool:
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, full.getsockname())
            return True

        for delay in DELAYS:
            bystanders = Bystanders()
            with same_descriptors():
                assert cancel_at(loop, operation(), 0, delay=delay, bystanders=bystanders) is None
                turn(loop, A_FEW)
                bystanders.end()


@pytest.mark.parametrize("name", ["sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into"])
@pytest.mark.parametrize("when", ["never", "before", "with", "behind"])
def test_receiving(loop: asyncio.AbstractEventLoop, name: str, when: str) -> None:
    """Issue "cancels ... `sock_recv`": data that come before, with or behind the cancellation are nobody else's."""

    def receiving(sock: socket.socket) -> Any:
        return getattr(loop, name)(sock, 100 if name in ("sock_recv", "sock_recvfrom") else bytearray(100))

    for delay, close_first in itertools.product(DELAYS, (False, True)):
        bystanders = Bystanders()
        with same_descriptors():
            ours, peer = unix_pair()
            task = loop.create_task(receiving(ours))
            turn(loop, 2)
            if when == "before":
                peer.send(b"data")
            loop.call_soon(task.cancel)
            if when == "with":
                loop.call_soon(send_if_open, peer)
            turn(loop, delay)
            if when == "behind":
                send_if_open(peer)
            if close_first:
                ours.close()
                bystanders.add()
            turn_until(loop, task.done)
            ours.close()
            bystanders.add()
            turn(loop, A_FEW)
            peer.close()
            bystanders.end()


def send_if_open(peer: socket.socket) -> None:
    """Send, if the other end is still there."""
    try:
        peer.send(b"data")
    except BrokenPipeError:
        pass


def test_create_server(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Issue "cancels ... `start_server`": no socket goes on listening; asyncio's own leaves one that nobody has."""
    skip_asyncio(loop_name)

    async def operation() -> Any:
        return await loop.create_server(Recorder, "127.0.0.1", 0)

    assert at_every_await(loop, operation, lambda server: server.close()) > 0


@pytest.mark.parametrize("hosts", ["localhost", ["127.0.0.1", "127.0.0.2"]], ids=str)
def test_start_server(loop: asyncio.AbstractEventLoop, loop_name: str, hosts: Any) -> None:
    """Issue "cancels ... `start_server`": through asyncio's streams, with a look-up and with several sockets."""
    skip_asyncio(loop_name)
    start_executor(loop)

    async def operation() -> Any:
        return await asyncio.start_server(lambda *_: None, hosts, 0, family=socket.AF_INET)

    assert at_every_await(loop, operation, lambda server: server.close()) > 0


def test_start_unix_server(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Issue "cancels ... `start_server`": at a Unix address, which is free again afterwards."""
    skip_asyncio(loop_name)
    name = f"\0vitok-cancel-{os.getpid()}"

    async def operation() -> Any:
        return await asyncio.start_unix_server(lambda *_: None, name)

    assert at_every_await(loop, operation, lambda server: server.close()) > 0
