"""Reading by a stream transport: how much at a time, into which buffer, paused and resumed at any point.

The end of a connection is tested in test_streams_order.py.
"""

import asyncio
import random
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import (
    A_FEW,
    IDLE_SHARE_AT_MOST,
    connect,
    send_all,
    tcp_pair,
    turns_share,
    unix_pair,
    wired,
)
from support import turn, turn_until

# asyncio's transports read that much at a time.
LARGEST_READ = 256 * 1024
RECORDERS = [Recorder, BufferedRecorder]


def reading(recorder: type[Any]) -> str:
    """The method that hands data to such a protocol."""
    return "data_received" if recorder is Recorder else "buffer_updated"


def random_bytes(count: int) -> bytes:
    """Data in which nothing can be lost or swapped unseen."""
    return random.Random(count).randbytes(count)


@pytest.mark.parametrize("recorder", RECORDERS)
@pytest.mark.parametrize("size", [1, 255, 256, 4096, 65536, 262144, 262145, 3_000_000])
def test_data_of_all_sizes(loop: asyncio.AbstractEventLoop, size: int, recorder: type[Any]) -> None:
    """Everything arrives, whole and in order, as `bytes` for a plain protocol, and never an empty piece."""
    kinds: set[type] = set()
    data = random_bytes(size)
    protocol = recorder(data_received=lambda piece: kinds.add(type(piece)))
    with wired(loop, protocol, pair=tcp_pair()) as (_, peer):
        send_all(loop, peer, data)
        turn_until(loop, lambda: len(protocol.data) >= size)
        assert protocol.data == data
        assert all(0 < piece <= LARGEST_READ for piece in protocol.sizes)
    assert kinds <= {bytes}


def test_one_reading_for_each_readiness(loop: asyncio.AbstractEventLoop) -> None:
    """Line "One read per readiness for `data_received`": ready callbacks get their turn between two pieces."""
    order: list[str] = []

    def received(_: bytes) -> None:
        order.append("data")
        loop.call_soon(order.append, "callback")

    protocol = Recorder(data_received=received, connection_made=lambda transport: transport.pause_reading())
    with wired(loop, protocol, pair=tcp_pair(receive_buffer=4 * LARGEST_READ)) as (transport, peer):
        # Several readings' worth lies ready in the kernel before the first.
        sent = 0
        while sent <= LARGEST_READ:
            sent += peer.send(bytes(LARGEST_READ))
        transport.resume_reading()
        turn_until(loop, lambda: len(protocol.data) == sent)
        turn(loop)
    assert len(protocol.sizes) > 1
    assert order == ["data", "callback"] * len(protocol.sizes)


def test_the_reading_of_one_does_not_starve_another(loop: asyncio.AbstractEventLoop) -> None:
    """Line "One read per readiness": a peer that always has more to send does not keep the others waiting."""
    flood, flooding = tcp_pair(receive_buffer=4 * LARGEST_READ)
    protocol = Recorder(data_received=lambda _: pour())

    def pour() -> None:
        try:
            while True:
                flooding.send(bytes(LARGEST_READ))
        except BlockingIOError:
            pass

    quiet = Recorder()
    with wired(loop, protocol, pair=(flood, flooding)), wired(loop, quiet) as (_, peer):
        pour()
        turn_until(loop, lambda: len(protocol.sizes) > A_FEW)
        peer.send(b"me too")
        before = len(protocol.sizes)
        turn_until(loop, lambda: quiet.data)
        # One turn in which it was sent, one in which it was seen, and some for the kernel.
        assert len(protocol.sizes) - before <= A_FEW


@pytest.mark.parametrize("recorder", RECORDERS)
def test_paused_inside_connection_made(loop: asyncio.AbstractEventLoop, recorder: type[Any]) -> None:
    """Trap "`pause_reading()` inside `connection_made` is obeyed", though there is something to read."""
    ours, peer = unix_pair()
    peer.send(b"waiting")
    protocol = recorder(connection_made=lambda transport: transport.pause_reading())
    with wired(loop, protocol, pair=(ours, peer)) as (transport, _):
        turn(loop, A_FEW)
        assert protocol.calls == ["connection_made"]
        assert not transport.is_reading()
        transport.resume_reading()
        turn_until(loop, lambda: protocol.data)
        assert protocol.data == b"waiting"


@pytest.mark.parametrize("recorder", RECORDERS)
def test_paused_and_resumed_inside_connection_made(loop: asyncio.AbstractEventLoop, recorder: type[Any]) -> None:
    """Trap "inside `connection_made`": resuming in the same call leaves a transport that reads, once."""

    def both(transport: Any) -> None:
        transport.pause_reading()
        transport.resume_reading()

    protocol = recorder(connection_made=both)
    with wired(loop, protocol) as (transport, peer):
        assert transport.is_reading()
        peer.send(b"data")
        turn_until(loop, lambda: protocol.data)
        turn(loop, A_FEW)
        assert protocol.data == b"data"


@pytest.mark.parametrize("recorder", RECORDERS)
def test_paused_inside_the_reading(loop: asyncio.AbstractEventLoop, recorder: type[Any]) -> None:
    """Trap "`pause` ... inside ... `data_received`": not another byte until it resumes, whatever the kernel has."""
    protocol = recorder(**{reading(recorder): lambda _: protocol.transport.pause_reading()})
    data = random_bytes(3 * LARGEST_READ)
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        rest = memoryview(data)
        while len(protocol.data) < len(data):
            try:
                rest = rest[peer.send(rest) :] if rest else rest
            except BlockingIOError:
                pass
            turn_until(loop, lambda: not transport.is_reading())
            readings = len(protocol.sizes)
            turn(loop, 2)
            assert len(protocol.sizes) == readings
            transport.resume_reading()
        assert protocol.data == data


def test_paused_inside_get_buffer(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "`pause` ... inside `get_buffer`": at most the reading that asked for it, and nothing is lost."""
    protocol = BufferedRecorder(4, get_buffer=lambda _: protocol.transport.pause_reading())
    with wired(loop, protocol) as (transport, peer):
        peer.send(b"four by four")
        for readings in (1, 2, 3):
            turn_until(loop, lambda readings=readings: protocol.calls.count("get_buffer") >= readings)  # type: ignore[misc]
            turn(loop, A_FEW)
            assert protocol.calls.count("get_buffer") <= readings
            transport.resume_reading()
        turn_until(loop, lambda: len(protocol.data) == 12)
    assert protocol.data == b"four by four"


def test_resumed_inside_resume_of_another(loop: asyncio.AbstractEventLoop) -> None:
    """A protocol that resumes another connection, and pauses its own, from inside `data_received`."""
    first, second = Recorder(), Recorder()
    with wired(loop, first) as (one, one_peer), wired(loop, second) as (two, two_peer):
        first.inside["data_received"] = lambda _: (one.pause_reading(), two.resume_reading())
        second.inside["data_received"] = lambda _: (two.pause_reading(), one.resume_reading())
        two.pause_reading()
        for number in range(20):
            one_peer.send(b"%d" % (number % 10))
            two_peer.send(b"%d" % (number % 10))
            turn_until(loop, lambda number=number: len(second.data) > number)  # type: ignore[misc]
        assert first.data == second.data == b"01234567890123456789"


def test_pausing_twice_and_when_closed(loop: asyncio.AbstractEventLoop) -> None:
    """Pausing and resuming again, or on a closing transport, is allowed and does nothing."""
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        for method, expected in (("pause_reading", False), ("resume_reading", True)):
            for _ in range(2):
                assert getattr(transport, method)() is None
                assert transport.is_reading() is expected
        transport.pause_reading()
        transport.close()
        peer.send(b"nobody listens")
        for method in ("resume_reading", "pause_reading", "resume_reading"):
            getattr(transport, method)()
            assert transport.is_reading() is False
        turn_until(loop, lambda: protocol.lost)
        transport.resume_reading()
        transport.pause_reading()
        assert transport.is_reading() is False
        turn(loop, A_FEW)
    assert protocol.data == b""


def test_paused_across_the_end_of_file(loop: asyncio.AbstractEventLoop) -> None:
    """While paused nothing is heard of data and end of file; resumed, they come in order."""
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        transport.pause_reading()
        peer.send(b"the last words")
        peer.close()
        turn(loop, A_FEW)
        assert protocol.calls == ["connection_made"]
        transport.resume_reading()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
    assert protocol.data == b"the last words"


@pytest.mark.parametrize("state", ["paused with data", "paused at the end", "kept open at the end", "waiting"])
def test_an_idle_transport_costs_nothing(loop: asyncio.AbstractEventLoop, state: str) -> None:
    """Trap "whatever the poller does": what a transport doesn't want to hear does not keep the loop awake."""
    protocol = Recorder(eof_received=lambda: True)
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        if state.startswith("paused"):
            transport.pause_reading()
            peer.send(b"data")
        if state.endswith("end"):
            peer.close()
        if state.startswith("kept"):
            turn_until(loop, lambda: "eof_received" in protocol.calls)
        assert turns_share(loop) < IDLE_SHARE_AT_MOST
        assert protocol.lost == []


def test_the_buffer_is_honoured_exactly(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`get_buffer` honoured exactly": filled to its size and no further, and asked for again for the rest."""
    backing = bytearray(b"." * 10)
    protocol = BufferedRecorder(get_buffer=lambda _: memoryview(backing)[2:7])
    seen: list[bytes] = []
    protocol.inside["buffer_updated"] = lambda count: seen.append(bytes(backing[2 : 2 + count]))
    with wired(loop, protocol) as (_, peer):
        peer.send(b"exactly five")
        turn_until(loop, lambda: sum(map(len, seen)) == 12)
        turn(loop, A_FEW)
    assert seen == [b"exact", b"ly fi", b"ve"]
    assert backing[:2] == b".."
    assert backing[7:] == b"..."
    assert protocol.calls.count("get_buffer") == protocol.calls.count("buffer_updated") == 3


def test_no_buffer_is_asked_for_in_vain(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`get_buffer` honoured exactly": not before there is something, and the hint is -1 or a size."""
    protocol = BufferedRecorder()
    with wired(loop, protocol) as (_, peer):
        turn(loop, A_FEW)
        assert protocol.calls == ["connection_made"]
        peer.send(b"data")
        turn_until(loop, lambda: protocol.data)
        turn(loop, A_FEW)
        assert protocol.calls == ["connection_made", "get_buffer", "buffer_updated"]
    assert all(hint == -1 or hint > 0 for hint in protocol.hints)


def test_the_buffer_is_let_go_of_before_the_protocol_hears(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`get_buffer` honoured exactly": inside `buffer_updated` the user may resize the buffer again."""

    def take(count: int) -> None:
        # Resizing is refused while anybody holds a view.
        protocol.buffer += b"x" * count
        del protocol.buffer[-count:]

    protocol = BufferedRecorder(8, buffer_updated=take)
    with wired(loop, protocol) as (_, peer):
        peer.send(b"resized at every time")
        turn_until(loop, lambda: len(protocol.data) == 21)
        protocol.buffer.clear()
    assert protocol.data == b"resized at every time"
    assert protocol.lost == [None]


@pytest.mark.parametrize("method", ["close", "abort"])
@pytest.mark.parametrize("inside", ["get_buffer", "buffer_updated"])
def test_ended_inside_a_buffered_protocol(loop: asyncio.AbstractEventLoop, inside: str, method: str) -> None:
    """Trap "`close`, `abort` ... inside `get_buffer`": no further reading, and one `connection_lost` with None."""
    protocol = BufferedRecorder(2, **{inside: lambda _: getattr(protocol.transport, method)()})
    with wired(loop, protocol) as (_, peer):
        peer.send(b"more than two")
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert protocol.lost == [None]
    assert protocol.calls.count("get_buffer") == 1
    assert len(protocol.data) <= 2


def test_many_connections_and_their_own_data(loop: asyncio.AbstractEventLoop) -> None:
    """Hot path "One receive buffer per loop": what one connection reads never shows up in another's data."""
    protocols = [(BufferedRecorder if number % 3 == 0 else Recorder)() for number in range(60)]
    pairs = [unix_pair() for _ in protocols]
    transports = [connect(loop, protocol, ours) for protocol, (ours, _) in zip(protocols, pairs, strict=True)]
    dice = random.Random(5)
    expected = [b""] * len(protocols)
    for _ in range(600):
        number = dice.randrange(len(protocols))
        piece = bytes([number]) * dice.choice([1, 50, 5000])
        send_all(loop, pairs[number][1], piece)
        expected[number] += piece
        if dice.random() < 0.2:
            turn(loop)
    turn_until(loop, lambda: all(len(p.data) == len(e) for p, e in zip(protocols, expected, strict=True)))
    assert [bytes(protocol.data) for protocol in protocols] == expected
    for transport, (_, peer) in zip(transports, pairs, strict=True):
        transport.close()
        peer.close()
    turn_until(loop, lambda: all(protocol.lost for protocol in protocols))
