"""Receiving in native datagram endpoints: several per call, cached addresses, datagrams held back.

Properties shared with asyncio's endpoints are tested elsewhere, on both loops.
"""

import asyncio
import gc
import socket
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vitok
from datagram_support import LOCAL, Recorder, end, endpoint, numbers
from support import private, turn, turn_until


@pytest.fixture
def loop() -> Iterator[vitok.Loop]:
    """A loop of ours that is closed afterwards."""
    loop = vitok.Loop()
    yield loop
    loop.close()


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    """A socket that sends to an endpoint."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOCAL, 0))
        sock.settimeout(10)
        yield sock


def test_class(loop: vitok.Loop) -> None:
    """It is both of what asyncio's own class is from Python 3.12 on."""
    protocol = Recorder()
    endpoint(loop, protocol)
    assert type(protocol.transport).__name__ == "DatagramTransport"
    assert isinstance(protocol.transport, asyncio.DatagramTransport)
    assert isinstance(protocol.transport, asyncio.Transport)
    end(loop, protocol)


def test_many_at_once_come_in_order_and_in_few_turns(loop: vitok.Loop, peer: socket.socket) -> None:
    """Datagrams that wait together come by one call for 32 of them, at most two calls to a readiness."""
    protocol = Recorder()
    address = endpoint(loop, protocol)
    for data in numbers(100):
        peer.sendto(data, address)
    turn(loop)
    assert 32 <= len(protocol.data) <= 64
    turn_until(loop, lambda: len(protocol.data) == 100)
    assert protocol.data == numbers(100)
    end(loop, protocol)


def test_a_flood_makes_one_address(loop: vitok.Loop, peer: socket.socket) -> None:
    """Every datagram of one peer comes with the same tuple, however it was received."""
    protocol = Recorder()
    address = endpoint(loop, protocol)
    for data in numbers(50):
        peer.sendto(data, address)
    turn_until(loop, lambda: len(protocol.data) == 50)
    peer.sendto(b"alone", address)
    turn_until(loop, lambda: len(protocol.data) == 51)
    assert {id(sender) for sender in protocol.senders} == {id(protocol.senders[0])}
    assert protocol.senders[0] == peer.getsockname()
    end(loop, protocol)


def test_more_peers_than_are_kept(loop: vitok.Loop) -> None:
    """With hundreds of peers every datagram still comes with its own sender, and answers reach whom they are for."""
    protocol = Recorder(lambda protocol: protocol.transport.sendto(protocol.data[-1], protocol.senders[-1]))
    address = endpoint(loop, protocol)
    peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(200)]
    for _ in range(2):
        for number, sock in enumerate(peers):
            sock.sendto(b"%d" % number, address)
            if number % 50 == 49:
                seen = len(protocol.data) // 200 * 200 + number + 1
                turn_until(loop, lambda seen=seen: len(protocol.data) >= seen)  # type: ignore[misc]
    for number, sock in enumerate(peers):
        sock.settimeout(10)
        assert [sock.recv(100), sock.recv(100)] == [b"%d" % number] * 2
        sock.close()
    end(loop, protocol)


@pytest.mark.parametrize("stop_after", [1, 5, 31, 32, 40])
def test_pause_inside_a_batch_loses_nothing(loop: vitok.Loop, peer: socket.socket, stop_after: int) -> None:
    """What the kernel has given already when the protocol pauses comes after `resume_reading()`, in order."""

    def pause(protocol: Recorder) -> None:
        if len(protocol.data) == stop_after:
            protocol.transport.pause_reading()

    protocol = Recorder(pause)
    address = endpoint(loop, protocol)
    for data in numbers(60):
        peer.sendto(data, address)
    turn(loop, 5)
    assert protocol.data == numbers(stop_after)
    assert not protocol.transport.is_reading()
    protocol.transport.resume_reading()
    assert len(protocol.data) == stop_after, "nothing is delivered inside resume_reading()"
    turn_until(loop, lambda: len(protocol.data) == 60)
    assert protocol.data == numbers(60)
    end(loop, protocol)


def test_pause_again_at_each_datagram(loop: vitok.Loop, peer: socket.socket) -> None:
    """Pausing in each callback takes datagrams out one by one, and new ones come behind those that are held."""
    protocol = Recorder(lambda protocol: protocol.transport.pause_reading())
    address = endpoint(loop, protocol)
    for data in numbers(20):
        peer.sendto(data, address)
    turn(loop, 3)
    peer.sendto(b"20", address)
    for count in range(1, 22):
        turn_until(loop, lambda count=count: len(protocol.data) == count)  # type: ignore[misc]
        turn(loop, 2)
        assert len(protocol.data) == count
        protocol.transport.resume_reading()
    assert protocol.data == numbers(21)
    end(loop, protocol)


@pytest.mark.parametrize("ending", ["close", "abort"])
def test_close_inside_a_batch_ends_the_callbacks(loop: vitok.Loop, peer: socket.socket, ending: str) -> None:
    """What was received with the datagram in whose callback the endpoint is closed is dropped."""

    def close(protocol: Recorder) -> None:
        if len(protocol.data) == 3:
            getattr(protocol.transport, ending)()

    protocol = Recorder(close)
    address = endpoint(loop, protocol)
    for data in numbers(20):
        peer.sendto(data, address)
    turn_until(loop, lambda: protocol.calls)
    turn(loop, 3)
    assert protocol.data == numbers(3)
    assert protocol.calls == ["connection_lost(None)"]


def test_close_while_datagrams_are_held_drops_them(loop: vitok.Loop, peer: socket.socket) -> None:
    """A paused endpoint that is closed delivers nothing more."""
    protocol = Recorder(lambda protocol: protocol.transport.pause_reading())
    address = endpoint(loop, protocol)
    for data in numbers(5):
        peer.sendto(data, address)
    turn(loop, 3)
    protocol.transport.resume_reading()
    protocol.transport.close()
    turn(loop, 3)
    assert protocol.data == numbers(1)
    assert protocol.calls == ["connection_lost(None)"]


def test_another_protocol_gets_the_rest_of_a_batch(loop: vitok.Loop, peer: socket.socket) -> None:
    """`set_protocol` inside a callback holds for the next datagram."""
    second = Recorder()

    def hand_on(protocol: Recorder) -> None:
        protocol.transport.set_protocol(second)

    first = Recorder(hand_on)
    address = endpoint(loop, first)
    for data in numbers(4):
        peer.sendto(data, address)
    turn_until(loop, lambda: len(first.data) + len(second.data) == 4)
    assert (first.data, second.data) == (numbers(4)[:1], numbers(4)[1:])
    second.transport = first.transport
    end(loop, second)


def test_what_leaves_the_loop_costs_no_datagram(loop: vitok.Loop, peer: socket.socket) -> None:
    """KeyboardInterrupt out of a callback ends the run; the rest of the batch comes in the next one."""

    def interrupt(protocol: Recorder) -> None:
        if len(protocol.data) == 2:
            raise KeyboardInterrupt

    protocol = Recorder(interrupt)
    address = endpoint(loop, protocol)
    for data in numbers(6):
        peer.sendto(data, address)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    turn_until(loop, lambda: len(protocol.data) == 6)
    assert protocol.data == numbers(6)
    end(loop, protocol)


def test_an_exception_inside_a_batch_is_reported_and_the_endpoint_lives(loop: vitok.Loop, peer: socket.socket) -> None:
    """Each exception reaches the handler, with the transport and the protocol."""
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    def fail(protocol: Recorder) -> None:
        raise RuntimeError(protocol.data[-1])

    protocol = Recorder(fail)
    address = endpoint(loop, protocol)
    for data in numbers(3):
        peer.sendto(data, address)
    turn_until(loop, lambda: len(reports) == 3)
    assert [str(report["exception"]) for report in reports] == [str(data) for data in numbers(3)]
    assert all(report["transport"] is protocol.transport for report in reports)
    assert not protocol.transport.is_closing()
    end(loop, protocol)


def test_the_largest_datagrams_come_whole(loop: vitok.Loop, peer: socket.socket) -> None:
    """UDP's largest, alone and several together."""
    protocol = Recorder()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((LOCAL, 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
    sock.setblocking(False)
    address = endpoint(loop, protocol, sock)
    largest = [bytes([number]) * 65507 for number in range(2)]
    for data in largest:
        peer.sendto(data, address)
    turn_until(loop, lambda: len(protocol.data) == 2)
    assert protocol.data == largest
    end(loop, protocol)


def test_a_unix_datagram_longer_than_udp_has(loop: vitok.Loop, tmp_path: Path) -> None:
    """A Unix socket carries what its buffer holds; the sender's path is the address, and an answer reaches it."""
    protocol = Recorder(lambda protocol: protocol.transport.sendto(b"answer", protocol.senders[-1]))
    here, there = str(tmp_path / "here"), str(tmp_path / "there")
    loop.run_until_complete(
        loop.create_datagram_endpoint(lambda: protocol, local_addr=here, family=socket.AF_UNIX)  # type: ignore[arg-type]
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(there)
        peer.settimeout(10)
        for count, length in enumerate((100_000, 0, 3), start=1):
            peer.sendto(b"x" * length, here)
            turn_until(loop, lambda count=count: len(protocol.data) == count)  # type: ignore[misc]
        assert [len(data) for data in protocol.data] == [100_000, 0, 3]
        assert protocol.senders == [there] * 3
        assert peer.recv(100) == b"answer"
    end(loop, protocol)


def test_its_descriptor_is_its_own(loop: vitok.Loop) -> None:
    """`add_reader` on the socket of an open endpoint is refused, as in asyncio."""
    protocol = Recorder()
    endpoint(loop, protocol)
    sock = protocol.transport.get_extra_info("socket")
    with pytest.raises(RuntimeError, match="is used by transport"):
        loop.add_reader(sock.fileno(), print)
    end(loop, protocol)


@pytest.mark.parametrize("is_cyclic", [False, True])
def test_a_forgotten_endpoint_warns_and_is_collected(loop: vitok.Loop, is_cyclic: bool) -> None:
    """A paused endpoint is its user's alone; so it is garbage when its user forgets it, with a warning."""
    protocol = Recorder()
    endpoint(loop, protocol)
    turn(loop)
    number = private(protocol.transport)._sock_fd
    protocol.transport.pause_reading()
    seen = weakref.ref(protocol.transport)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if not is_cyclic:
            protocol.transport = None
        del protocol
        gc.collect()
    texts = [str(warning.message) for warning in caught]
    # The record of a warning refers to its source.
    caught.clear()
    assert seen() is None
    # In a cycle the interpreter may finalize the socket first, which then warns as well, as with asyncio's transports.
    expected = f"unclosed transport <DatagramTransport fd={number} read=idle write=<idle, bufsize=0>>"
    assert expected in texts
