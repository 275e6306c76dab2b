"""`add_reader`, `add_writer` and their removal: what is watched, when callbacks run, and when they stop.

Of transports only the ownership of descriptors is tested here, and of the poller nothing. Bad descriptors are tested in
test_bad_descriptors.py.
"""

import asyncio
import contextvars
import os
import socket
from collections.abc import Iterator

import pytest
from support import private, turn, turn_until

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a connection: ours, which is watched, and the peer's."""
    ours, peer = socket.socketpair()
    with ours, peer:
        ours.setblocking(False)
        yield ours, peer


def test_a_reader_is_called_when_there_is_something(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "`add_reader`/`add_writer`": called with its arguments, not before there is something to read."""
    ours, peer = pair
    got: list[tuple[object, bytes]] = []
    loop.add_reader(ours, lambda *arguments: got.append((arguments, ours.recv(100))), 1, 2)
    turn(loop, 3)
    assert got == []
    peer.send(b"hello")
    turn_until(loop, lambda: got)
    assert got == [((1, 2), b"hello")]
    assert loop.remove_reader(ours) is True
    assert loop.remove_reader(ours) is False


def test_a_writer_is_called_while_there_is_room(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "`add_reader`/`add_writer`": called again and again while there is room, and not when there is none."""
    ours, peer = pair
    calls = 0

    def fill() -> None:
        nonlocal calls
        calls += 1
        try:
            while True:
                ours.send(bytes(65536))
        except BlockingIOError:
            pass

    loop.add_writer(ours, fill)
    turn_until(loop, lambda: calls == 1)
    turn(loop, 3)
    assert calls == 1
    loop.add_reader(peer, peer.recv, 65536)
    turn_until(loop, lambda: calls == 2)
    assert loop.remove_writer(ours) is True
    assert loop.remove_writer(ours) is False
    assert loop.remove_reader(peer) is True


@pytest.mark.parametrize("form", ["number", "object"])
def test_a_number_or_an_object(loop: asyncio.AbstractEventLoop, pair: Pair, form: str) -> None:
    """Line "take a number or anything with `fileno()`": and what was added as one is removed as the other."""

    class Owner:
        def fileno(self) -> int:
            return pair[0].fileno()

    added, removed = (pair[0].fileno(), Owner()) if form == "number" else (Owner(), pair[0].fileno())
    ran: list[str] = []
    loop.add_reader(added, lambda: ran.append("read"))
    loop.add_writer(added, lambda: ran.append("write"))
    pair[1].send(b"x")
    turn_until(loop, lambda: {"read", "write"} <= set(ran))
    assert loop.remove_reader(removed) is True
    assert loop.remove_writer(removed) is True


def test_a_reader_wakes_a_sleeping_loop(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "`add_reader`/`add_writer`": an event on a descriptor ends the sleep of a loop that has nothing else."""
    ours, peer = pair

    def stop() -> None:
        ours.recv(1)
        loop.stop()

    loop.add_reader(ours, stop)
    loop.call_soon(peer.send, b"x")
    loop.run_forever()
    loop.remove_reader(ours)


def test_readable_and_writable_in_one_event(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "Both on one descriptor ... readable and writable in one event": both run, the reader first."""
    ours, peer = pair
    ran: list[str] = []
    peer.send(b"x")
    loop.add_writer(ours, ran.append, "write")
    loop.add_reader(ours, ran.append, "read")
    turn_until(loop, lambda: len(ran) >= 4)
    assert ran[:4] == ["read", "write", "read", "write"]
    loop.remove_reader(ours)
    loop.remove_writer(ours)


def test_one_direction_goes_and_the_other_stays(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "Both on one descriptor": removing the writer leaves the reader, and the other way round."""
    ours, peer = pair
    ran: list[str] = []
    peer.send(b"x")
    loop.add_reader(ours, ran.append, "read")
    loop.add_writer(ours, ran.append, "write")
    assert loop.remove_writer(ours) is True
    turn_until(loop, lambda: len(ran) >= 2)
    assert set(ran) == {"read"}
    ran.clear()
    loop.add_writer(ours, ran.append, "write")
    assert loop.remove_reader(ours) is True
    turn_until(loop, lambda: len(ran) >= 2)
    assert set(ran) == {"write"}
    loop.remove_writer(ours)


def test_twice_on_one_descriptor_replaces_the_callback(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "twice on one descriptor": the second takes the first's place, and one removal removes it."""
    ours, peer = pair
    ran: list[str] = []
    peer.send(b"x")
    for add, remove in ((loop.add_reader, loop.remove_reader), (loop.add_writer, loop.remove_writer)):
        add(ours, ran.append, "first")
        add(ours, ran.append, "second")
        turn_until(loop, lambda: len(ran) >= 2)
        assert set(ran) == {"second"}
        assert remove(ours) is True
        assert remove(ours) is False
        ran.clear()


def test_replaced_within_its_own_callback(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "twice on one descriptor": a callback puts another in its own place, which then runs."""
    ours, peer = pair
    ran: list[str] = []

    def first() -> None:
        ran.append("first")
        loop.add_reader(ours, ran.append, "second")

    peer.send(b"x")
    loop.add_reader(ours, first)
    turn_until(loop, lambda: len(ran) >= 3)
    assert ran[:3] == ["first", "second", "second"]
    loop.remove_reader(ours)


def test_a_callback_that_removes_itself(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "`add_reader`/`add_writer`": it runs once and never again, though there is still something to read."""
    ours, peer = pair
    ran: list[bool] = []
    peer.send(b"x")
    loop.add_reader(ours, lambda: ran.append(loop.remove_reader(ours)))
    turn_until(loop, lambda: ran)
    turn(loop, 5)
    assert ran == [True]


def test_a_reader_removes_the_writer_of_the_same_event(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "readable and writable in one event": what the reader removes does not run any more."""
    ours, peer = pair
    ran: list[str] = []

    def read() -> None:
        ran.append("read")
        loop.remove_writer(ours)

    peer.send(b"x")
    loop.add_reader(ours, read)
    loop.add_writer(ours, ran.append, "never")
    turn_until(loop, lambda: len(ran) >= 3)
    assert set(ran) == {"read"}
    loop.remove_reader(ours)


def test_a_callback_removes_another_descriptor_of_the_same_event(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A watched descriptor closed elsewhere": of two that are ready, the first removes and closes the other."""
    pairs = [socket.socketpair(), socket.socketpair()]
    ran: list[int] = []

    def read(me: int) -> None:
        ran.append(me)
        if len(ran) == 1:
            loop.remove_reader(pairs[1 - me][0])
            pairs[1 - me][0].close()

    for number, (ours, peer) in enumerate(pairs):
        peer.send(b"x")
        loop.add_reader(ours, read, number)
    turn_until(loop, lambda: ran)
    turn(loop, 3)
    assert len(set(ran)) == 1
    loop.remove_reader(pairs[ran[0]][0])
    for ours, peer in pairs:
        ours.close()
        peer.close()


def test_level_triggered(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Trap "An `add_reader` stays level-triggered whatever the poller does": one byte a call, until all are read."""
    ours, peer = pair
    got: list[bytes] = []
    peer.send(b"level")
    loop.add_reader(ours, lambda: got.append(ours.recv(1)))
    turn_until(loop, lambda: len(got) == 5)
    turn(loop, 3)
    assert got == [b"l", b"e", b"v", b"e", b"l"]
    loop.remove_reader(ours)


def test_added_when_there_is_something_already(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Trap "stays level-triggered": removed and added again, it is called for what was there all the time."""
    ours, peer = pair
    peer.send(b"x")
    for _ in range(3):
        ran: list[str] = []
        loop.add_reader(ours, ran.append, "read")
        turn_until(loop, lambda ran=ran: ran)  # type: ignore[misc]
        loop.remove_reader(ours)


def test_the_peer_left(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "`add_reader`/`add_writer`": the end of a stream is something to read, and an error something to write."""
    ours, peer = pair
    got: list[bytes] = []
    loop.add_reader(ours, lambda: got.append(ours.recv(1)))
    peer.close()
    turn_until(loop, lambda: got)
    assert got[0] == b""
    loop.remove_reader(ours)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, bytes(65536))
    ran: list[str] = []
    loop.add_writer(writing, ran.append, "broken")
    os.close(reading)
    turn_until(loop, lambda: ran)
    loop.remove_writer(writing)
    os.close(writing)


def test_runs_in_the_context_in_which_it_was_added(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Design, "The rooms": each call of user code runs in its contextvars context."""
    ours, peer = pair
    variable = contextvars.ContextVar("variable", default="outside")
    seen: list[str] = []
    token = variable.set("when added")
    loop.add_reader(ours, lambda: seen.append(variable.get()))
    variable.reset(token)
    peer.send(b"x")
    turn_until(loop, lambda: seen)
    assert seen[0] == "when added"
    loop.remove_reader(ours)


def test_adding_gives_nothing_back(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "Signatures": the public methods give None; only asyncio's private ones give a handle."""
    assert private(loop).add_reader(pair[0], int) is None
    assert private(loop).add_writer(pair[0], int) is None
    loop.remove_reader(pair[0])
    loop.remove_writer(pair[0])


def test_on_a_closed_loop(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "after close (RuntimeError)": adding is refused, removing finds nothing."""
    loop.close()
    for add in (loop.add_reader, loop.add_writer):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            add(pair[0], int)
    assert loop.remove_reader(pair[0]) is False
    assert loop.remove_writer(pair[0]) is False


def test_closing_the_loop_leaves_the_users_descriptors_open(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    """Line "One owner, closed once": a watched descriptor belongs to whoever had it watched."""
    loop.add_reader(pair[0], int)
    loop.add_writer(pair[0], int)
    loop.close()
    pair[1].send(b"still open")
    assert pair[0].recv(100) == b"still open"


def test_hundreds_of_descriptors_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """Design, "The rooms": more events than one poll can report are reported by the next."""
    pairs = [socket.socketpair() for _ in range(400)]
    seen: set[int] = set()
    calls = 0

    def read(number: int, ours: socket.socket) -> None:
        nonlocal calls
        calls += 1
        ours.recv(1)
        seen.add(number)

    for number, (ours, peer) in enumerate(pairs):
        loop.add_reader(ours, read, number, ours)
        peer.send(b"x")
    turn_until(loop, lambda: len(seen) == len(pairs))
    assert calls == len(pairs)
    for ours, peer in pairs:
        assert loop.remove_reader(ours) is True
        ours.close()
        peer.close()
