"""Descriptors that can't be watched, or are closed or replaced while they are: an error or nothing.

Watching good descriptors is tested in test_readers.py.
"""

import asyncio
import errno
import os
import socket
from pathlib import Path

import pytest
from support import private, turn, turn_until

METHODS = ["add_reader", "add_writer"]


@pytest.mark.parametrize("method", METHODS)
def test_a_regular_file_is_refused(loop: asyncio.AbstractEventLoop, tmp_path: Path, method: str) -> None:
    """Trap "a descriptor of a regular file is refused with a clear error (EPERM)"; nothing is left of the attempt."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        with pytest.raises(PermissionError) as refusal:
            getattr(loop, method)(file, int)
        assert refusal.value.errno == errno.EPERM
        assert loop.remove_reader(file) is False
        assert loop.remove_writer(file) is False
    turn(loop, 2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [-1, "text", None, 1.5, object()])
def test_what_is_no_descriptor_is_refused(loop: asyncio.AbstractEventLoop, method: str, bad: object) -> None:
    """Line "take a number or anything with `fileno()`": everything else is a ValueError, as asyncio's is."""
    with pytest.raises(ValueError):
        getattr(loop, method)(private(bad), int)


@pytest.mark.parametrize("method", METHODS)
def test_a_number_that_is_not_open_is_refused(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Line "A watched descriptor closed elsewhere": watching a closed number is EBADF."""
    ours, peer = socket.socketpair()
    number = ours.fileno()
    ours.close()
    peer.close()
    with pytest.raises(OSError) as refusal:
        getattr(loop, method)(number, int)
    assert refusal.value.errno == errno.EBADF
    with pytest.raises(ValueError):
        getattr(loop, method)(ours, int)


def test_a_transports_own_descriptor_is_refused(loop: asyncio.AbstractEventLoop) -> None:
    """Line "on a transport's own descriptor: RuntimeError": for all four methods, by number and by object."""
    ours, peer = socket.socketpair()

    async def main() -> None:
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        for descriptor in (ours, ours.fileno()):
            for name in ("add_reader", "add_writer"):
                with pytest.raises(RuntimeError, match="is used by transport"):
                    getattr(loop, name)(descriptor, int)
            for name in ("remove_reader", "remove_writer"):
                with pytest.raises(RuntimeError, match="is used by transport"):
                    getattr(loop, name)(descriptor)
        transport.close()
        await asyncio.sleep(0)

    with peer:
        loop.run_until_complete(main())


def test_closed_elsewhere_and_used_again(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A watched descriptor closed elsewhere, then re-used": OSError or silence, never another's data."""
    ran: list[str] = []
    ours, peer = socket.socketpair()
    number = ours.fileno()
    loop.add_reader(number, ran.append, "of the old one")
    ours.close()
    again, other_peer = socket.socketpair()
    with peer, again, other_peer:
        assert again.fileno() == number
        other_peer.send(b"for the new one")
        turn(loop, 5)
        assert ran == []
        try:
            loop.add_reader(again, ran.append, "of the new one")
        except OSError:
            pass
        turn(loop, 5)
        assert "of the old one" not in ran
        loop.remove_reader(again)


def test_closed_elsewhere_used_again_and_changed(loop: asyncio.AbstractEventLoop) -> None:
    """Line "closed elsewhere, then re-used or re-armed": asking for the other direction is OSError or works."""
    ran: list[str] = []
    ours, peer = socket.socketpair()
    loop.add_reader(ours.fileno(), ran.append, "of the old one")
    number = ours.detach()
    os.close(number)
    again, other_peer = socket.socketpair()
    with peer, again, other_peer:
        assert again.fileno() == number
        try:
            loop.add_writer(again, ran.append, "write")
        except OSError:
            pass
        turn(loop, 5)
        other_peer.send(b"for the new one")
        turn(loop, 5)
        loop.remove_reader(again)
        loop.remove_writer(again)


def test_one_direction_removed_after_its_number_is_used_again(loop: asyncio.AbstractEventLoop) -> None:
    """Line "closed elsewhere, then re-used": what is left of the old registration is not called for the new file."""
    ran: list[str] = []
    ours, peer = socket.socketpair()
    number = ours.fileno()
    loop.add_reader(number, ran.append, "reader of the old one")
    loop.add_writer(number, ran.append, "writer of the old one")
    ours.close()
    again, other_peer = socket.socketpair()
    with peer, again, other_peer:
        assert again.fileno() == number
        try:
            loop.remove_reader(number)
        except OSError:
            pass
        turn(loop, 5)
        assert ran == []
        loop.remove_writer(number)


@pytest.mark.parametrize("reused", [False, True])
def test_removed_after_it_was_closed(loop: asyncio.AbstractEventLoop, reused: bool) -> None:
    """Line "A watched descriptor closed elsewhere": removing it late works or is OSError; the number is free."""
    ours, peer = socket.socketpair()
    number = ours.fileno()
    loop.add_reader(number, int)
    ours.close()
    peer.close()
    pair = socket.socketpair() if reused else ()
    try:
        loop.remove_reader(number)
    except OSError:
        pass
    assert loop.remove_reader(number) is False
    ran: list[str] = []
    ours, peer = pair or socket.socketpair()
    with ours, peer:
        assert ours.fileno() == number
        peer.send(b"x")
        loop.add_reader(ours, ran.append, "works")
        turn_until(loop, lambda: ran)
        loop.remove_reader(ours)


def test_closed_in_its_own_callback(loop: asyncio.AbstractEventLoop) -> None:
    """Line "One owner, closed once": a callback removes its watcher and closes; the number is used again."""
    ran: list[int] = []

    def read_once(ours: socket.socket) -> None:
        loop.remove_reader(ours)
        ran.append(ours.fileno())
        ours.close()

    for _ in range(5):
        ours, peer = socket.socketpair()
        peer.send(b"x")
        loop.add_reader(ours, read_once, ours)
        expected = len(ran) + 1
        turn_until(loop, lambda expected=expected: len(ran) == expected)  # type: ignore[misc]
        peer.close()
    assert len(ran) == 5


def test_a_loop_closes_cleanly_though_its_watched_descriptors_are_gone(loop: asyncio.AbstractEventLoop) -> None:
    """Line "One owner, closed once": closing the loop closes nothing that another may own by now."""
    ours, peer = socket.socketpair()
    number = ours.fileno()
    loop.add_reader(number, int)
    ours.close()
    again, other_peer = socket.socketpair()
    with peer, again, other_peer:
        assert again.fileno() == number
        loop.close()
        other_peer.send(b"still open")
        assert again.recv(100) == b"still open"
