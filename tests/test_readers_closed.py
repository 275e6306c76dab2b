"""Watched sockets that were closed before they were removed: the registration is found by the object.

Closed numbers, which are not objects, are tested in test_bad_descriptors.py.
"""

import asyncio
import errno
import gc
import os
import socket
import weakref
from collections.abc import Iterator

import pytest
from support import private, turn

DIRECTIONS = ["reader", "writer"]


def add(loop: asyncio.AbstractEventLoop, direction: str, watched: object) -> None:
    """Watch something in one direction."""
    getattr(loop, f"add_{direction}")(watched, int)


def remove(loop: asyncio.AbstractEventLoop, direction: str, watched: object) -> object:
    """Cease to watch something in one direction; whether it was watched."""
    return getattr(loop, f"remove_{direction}")(watched)


@pytest.fixture
def ours() -> Iterator[socket.socket]:
    """One end of a pair of sockets, to be closed by the test."""
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    with peer, ours:
        yield ours


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_closed_socket_is_removed_once(loop: asyncio.AbstractEventLoop, ours: socket.socket, direction: str) -> None:
    """Line "A registration is found by the object that was registered": True, and then it is not there any more."""
    add(loop, direction, ours)
    ours.close()
    assert remove(loop, direction, ours) is True
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        remove(loop, direction, ours)


def test_nothing_of_it_stays_behind(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A registration is found by the object": socket, callback and registration go with the removal."""

    def callback() -> None:
        """Never called."""

    ours, peer = socket.socketpair()
    loop.add_reader(ours, callback)
    ours.close()
    assert private(loop)._selector.get_key(ours).fileobj is ours
    loop.remove_reader(ours)
    dead = [weakref.ref(ours), weakref.ref(callback)]
    del ours, callback
    gc.collect()
    assert [reference() for reference in dead] == [None, None]
    peer.close()


def test_a_detached_socket_is_found_too(loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
    """Line "A registration is found by the object": `detach()` leaves the object without a number as `close()` does."""
    loop.add_reader(ours, int)
    number = ours.detach()
    assert loop.remove_reader(ours) is True
    os.close(number)


def test_what_was_registered_by_number_is_not_found_by_object(
    loop: asyncio.AbstractEventLoop, ours: socket.socket
) -> None:
    """Line "A registration is found by the object that was registered": here that was a number."""
    number = ours.fileno()
    loop.add_reader(number, int)
    ours.close()
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        loop.remove_reader(ours)
    assert loop.remove_reader(number) is True


def test_its_number_still_finds_it(loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
    """Line "A registration is found by the object": and by the number under which it was registered."""
    number = ours.fileno()
    loop.add_reader(ours, int)
    ours.close()
    assert loop.remove_reader(number) is True
    assert loop.remove_reader(number) is False


def test_a_closed_socket_is_not_added(loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
    """Line "A registration is found by the object": a closed one that is not registered is a ValueError."""
    ours.close()
    private(loop)._ensure_fd_no_transport(ours)
    for direction in DIRECTIONS:
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            add(loop, direction, ours)
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            remove(loop, direction, ours)
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        private(loop)._selector.get_key(ours)


def test_a_closed_socket_is_added_again(loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
    """Line "A registration is found by the object": the same direction finds it, the other one is EBADF and ends it."""
    loop.add_reader(ours, int)
    ours.close()
    loop.add_reader(ours, int)
    with pytest.raises(OSError) as refusal:
        loop.add_writer(ours, int)
    assert refusal.value.errno == errno.EBADF
    with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
        loop.remove_reader(ours)


def test_its_number_is_used_again(loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
    """Line "A registration is found by the object": the file that has the number now is left alone."""
    ran: list[str] = []
    loop.add_reader(ours, ran.append, "old")
    number = ours.fileno()
    ours.close()
    again, peer = socket.socketpair()
    with again, peer:
        assert again.fileno() == number
        peer.send(b"x")
        assert loop.remove_reader(ours) is True
        loop.add_reader(again, ran.append, "new")
        turn(loop, 2)
        assert set(ran) == {"new"}
        assert loop.remove_reader(again) is True


@pytest.mark.vitok_only
def test_each_direction_of_a_closed_socket(ours: socket.socket) -> None:
    """Line "A registration is found by the object": both directions; asyncio raises EBADF for the first."""
    import vitok

    loop = vitok.Loop()
    for direction in DIRECTIONS:
        add(loop, direction, ours)
    ours.close()
    assert [remove(loop, direction, ours) for direction in DIRECTIONS] == [True, True]
    loop.close()


@pytest.mark.vitok_only
def test_removed_after_its_number_is_watched_again(ours: socket.socket) -> None:
    """Line "A registration is found by the object": whoever comes too late is no error; asyncio would watch neither."""
    import vitok

    loop = vitok.Loop()
    ran: list[str] = []
    loop.add_reader(ours, ran.append, "old")
    number = ours.fileno()
    ours.close()
    again, peer = socket.socketpair()
    with again, peer:
        assert again.fileno() == number
        loop.add_reader(again, ran.append, "new")
        assert loop.remove_reader(ours) is False
        peer.send(b"x")
        turn(loop, 2)
        assert set(ran) == {"new"}
        assert loop.remove_reader(again) is True
    loop.close()


@pytest.mark.vitok_only
def test_removed_after_its_number_is_waited_for(ours: socket.socket) -> None:
    """Line "A registration is found by the object": the same where a `sock_recv` has the number by now."""
    import vitok

    loop = vitok.Loop()
    loop.add_reader(ours, int)
    number = ours.fileno()
    ours.close()
    again, peer = socket.socketpair()
    again.setblocking(False)
    with again, peer:
        assert again.fileno() == number
        receiving = loop.create_task(loop.sock_recv(again, 10))
        turn(loop, 2)
        assert loop.remove_reader(ours) is False
        peer.send(b"for the new one")
        assert loop.run_until_complete(receiving) == b"for the new"[:10]
    loop.close()


def test_what_is_watched_is_shown_with_its_objects(loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
    """Line "A registration is found by the object": the view in the selector's place does so as well."""
    number = ours.fileno()
    loop.add_reader(ours, int)
    key = private(loop)._selector.get_key(ours)
    assert (key.fd, key.fileobj, key.events) == (number, ours, 1)
    loop.add_writer(number, int)
    watched = private(loop)._selector.get_map()
    assert ours in watched
    assert watched[number].events == 3
    assert watched[number].fileobj is ours
    ours.close()
    assert watched.get(ours).fd == number
