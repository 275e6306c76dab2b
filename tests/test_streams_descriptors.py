"""Stream transports and their descriptors: one owner, closed once, and no descriptor of another owner used.

Watchers of users are tested in test_bad_descriptors.py, cancelling in test_cancel_anywhere.py.
"""

import asyncio
import os
import random
import socket
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import (
    A_FEW,
    Pair,
    connect,
    receive_now,
    serving,
    unix_pair,
    wired,
)
from support import turn, turn_until


def taken_over(number: int) -> Pair:
    """A pair of which one end has this number, which must be free."""
    pair = unix_pair()
    if pair[1].fileno() == number:
        pair = pair[1], pair[0]
    assert pair[0].fileno() == number
    return pair


@pytest.mark.parametrize("recorder", [Recorder, BufferedRecorder])
@pytest.mark.parametrize("ending", ["write", "close", "abort", "write_eof"])
def test_closed_under_a_transport_and_used_again(
    loop: asyncio.AbstractEventLoop, ending: str, recorder: type[Any]
) -> None:
    """Line "closed elsewhere, then re-used ... OSError or silence": nobody reads, writes or closes the other."""
    ours, peer = unix_pair()
    number = ours.fileno()
    protocol = recorder()
    transport = connect(loop, protocol, ours)
    ours.close()
    again, other_peer = taken_over(number)
    with peer, again, other_peer:
        other_peer.send(b"another's")
        turn(loop, A_FEW)
        assert protocol.data == b""
        try:
            if ending == "write":
                transport.write(b"not for you")
            else:
                getattr(transport, ending)()
        except OSError:
            pass
        turn(loop, A_FEW)
        if not protocol.lost:
            transport.abort()
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
        assert receive_now(other_peer) is None
        assert os.fstat(number).st_ino == os.fstat(again.fileno()).st_ino
        assert again.recv(100) == b"another's"


def test_a_number_that_comes_back_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """Line "One owner, closed once": a hundred connections, one after the other, over one number."""
    numbers = set()
    for round_number in range(100):
        protocol = Recorder()
        ours, peer = unix_pair()
        numbers.add(ours.fileno())
        with wired(loop, protocol, pair=(ours, peer)) as (transport, _):
            peer.send(b"%d" % round_number)
            turn_until(loop, lambda protocol=protocol: protocol.data)  # type: ignore[misc]
            assert protocol.data == b"%d" % round_number
            transport.close()
            peer.send(b"too late")
    assert len(numbers) == 1


def test_used_again_inside_connection_lost(loop: asyncio.AbstractEventLoop) -> None:
    """Line "re-used": a connection is made when another is lost, as reconnecting clients do, often with its number."""
    made: list[Recorder] = []
    peers: list[socket.socket] = []
    tasks: list[asyncio.Task[Any]] = []

    def reconnect(_: object = None) -> None:
        if len(made) == 20:
            return
        ours, peer = unix_pair()
        peers.append(peer)
        made.append(Recorder(data_received=lambda _: peer.close(), connection_lost=reconnect))
        peer.send(b"%d" % len(made))
        tasks.append(loop.create_task(loop.create_connection(lambda: made[-1], sock=ours)))

    reconnect()
    turn_until(loop, lambda: len(made) == 20 and made[-1].lost)
    turn(loop)
    assert [bytes(protocol.data) for protocol in made] == [b"%d" % number for number in range(1, 21)]
    assert all(task.done() for task in tasks)


def test_one_ends_another_in_the_same_poll(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "closed elsewhere": of several that are ready, the first closes the others, whose data reach nobody."""
    protocols: list[Recorder] = []

    def end_the_others(_: bytes) -> None:
        for protocol in protocols:
            if not protocol.data:
                protocol.transport.abort()

    pairs = [unix_pair() for _ in range(4)]
    protocols.extend(Recorder(data_received=end_the_others) for _ in pairs)
    for protocol, (ours, _) in zip(protocols, pairs, strict=True):
        connect(loop, protocol, ours)
    for _, peer in pairs:
        peer.send(b"data")
    turn_until(loop, lambda: sum(len(protocol.lost) for protocol in protocols) == 3)
    turn(loop, A_FEW)
    assert sorted(bytes(protocol.data) for protocol in protocols) == [b"", b"", b"", b"data"]
    for protocol, (_, peer) in zip(protocols, pairs, strict=True):
        peer.close()
        turn_until(loop, lambda protocol=protocol: protocol.lost)  # type: ignore[misc]
    turn(loop)


def test_coming_and_going(loop: asyncio.AbstractEventLoop) -> None:
    """Line "never another's data": connections come and go at random, by either end, and each hears only its own."""
    dice = random.Random(17)
    alive: list[tuple[Recorder, socket.socket, bytes]] = []
    for step in range(500):
        if len(alive) < 10 or dice.random() < 0.4:
            protocol: Any = dice.choice([Recorder, BufferedRecorder])()
            ours, peer = unix_pair()
            connect(loop, protocol, ours)
            alive.append((protocol, peer, b"<%d>" % step))
        protocol, peer, token = alive[dice.randrange(len(alive))]
        peer.send(token)
        if dice.random() < 0.3:
            alive.remove((protocol, peer, token))
            ending = dice.choice(["close", "abort", "peer"])
            if ending == "peer":
                peer.close()
            else:
                getattr(protocol.transport, ending)()
            turn_until(loop, lambda protocol=protocol: protocol.lost)  # type: ignore[misc]
            turn(loop)
            peer.close()
            assert not protocol.data.replace(token, b"")
        turn(loop, dice.randrange(2))
    for protocol, peer, token in alive:
        peer.close()
        turn_until(loop, lambda protocol=protocol: protocol.lost)  # type: ignore[misc]
        assert not protocol.data.replace(token, b"")
    turn(loop)


def test_an_accepted_number_that_comes_back(loop: asyncio.AbstractEventLoop) -> None:
    """Line "One owner, closed once": clients of a server that come one after the other, ended by either side."""
    with serving(loop) as served:
        for round_number in range(40):
            peer = served.connect()
            protocol = served.protocols[-1]
            peer.send(b"%d" % round_number)
            turn_until(loop, lambda protocol=protocol: protocol.data)  # type: ignore[misc]
            if round_number % 2:
                peer.close()
            else:
                protocol.transport.abort()
            turn_until(loop, lambda protocol=protocol: protocol.lost)  # type: ignore[misc]
            assert protocol.data == b"%d" % round_number
            peer.close()


def test_a_descriptor_is_watched_after_its_transport(loop: asyncio.AbstractEventLoop) -> None:
    """Line "add_reader ... on a transport's own descriptor: RuntimeError": allowed again when the transport is gone."""
    protocol = Recorder()
    ours, peer = unix_pair()
    number = ours.fileno()
    with wired(loop, protocol, pair=(ours, peer)) as (transport, _):
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(number, int)
        transport.abort()
        turn_until(loop, lambda: ours.fileno() == -1)
        again, other_peer = taken_over(number)
        with again, other_peer:
            ran: list[str] = []
            loop.add_reader(number, ran.append, "read")
            other_peer.send(b"data")
            turn_until(loop, lambda: ran)
            assert loop.remove_reader(number) is True
