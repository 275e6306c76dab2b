"""Sending in native datagram endpoints: literal addresses, and datagrams that wait for the kernel.

Properties shared with asyncio's endpoints are tested elsewhere, on both loops.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import vitok
from datagram_support import Recorder, end, endpoint, numbers
from support import turn, turn_until


@pytest.fixture
def loop() -> Iterator[vitok.Loop]:
    """A loop of ours that is closed afterwards."""
    loop = vitok.Loop()
    yield loop
    loop.close()


def full_endpoint(loop: vitok.Loop, tmp_path: Path) -> tuple[Recorder, socket.socket, str]:
    """An endpoint whose peer takes nothing more: the endpoint, the peer, and its address."""
    protocol = Recorder()
    there = str(tmp_path / "there")
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    peer.bind(there)
    peer.settimeout(10)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.setblocking(False)
    loop.run_until_complete(loop.create_datagram_endpoint(lambda: protocol, sock=sock))
    for number in range(100_000):
        if protocol.transport.get_write_buffer_size():
            break
        protocol.transport.sendto(b"filling %d" % number, there)
    return protocol, peer, there


def drain(loop: vitok.Loop, protocol: Recorder, peer: socket.socket) -> list[bytes]:
    """Everything that reaches the peer until nothing waits."""
    received = []
    while protocol.transport.get_write_buffer_size():
        received.append(peer.recv(65536))
        turn(loop)
    peer.setblocking(False)
    while True:
        try:
            received.append(peer.recv(65536))
        except BlockingIOError:
            return received


def test_what_waits_is_sent_in_order(loop: vitok.Loop, tmp_path: Path) -> None:
    """Native addresses, and one that only the socket object can read, keep their order; mutable data is copied."""

    class Path2(str):
        """A subclass is left to the socket object."""

    protocol, peer, there = full_endpoint(loop, tmp_path)
    before = protocol.transport.get_write_buffer_size()
    changing = bytearray(b"0")
    for number in range(80):
        changing[:] = b"%d" % number
        protocol.transport.sendto(changing, Path2(there) if number % 7 == 3 else there)
    grown = sum(8 + len(data) for data in numbers(80))
    assert protocol.transport.get_write_buffer_size() == before + grown
    assert drain(loop, protocol, peer)[-80:] == numbers(80)
    assert not protocol.errors
    peer.close()
    end(loop, protocol)


def test_flow_control_counts_headers(loop: vitok.Loop, tmp_path: Path) -> None:
    """Empty datagrams count 8 bytes each: a flood of them pauses the protocol, and it resumes."""
    protocol, peer, there = full_endpoint(loop, tmp_path)
    protocol.transport.set_write_buffer_limits(high=400)
    for _ in range(60):
        protocol.transport.sendto(b"", there)
    assert protocol.calls == ["pause_writing"]
    drain(loop, protocol, peer)
    turn(loop)
    assert protocol.calls == ["pause_writing", "resume_writing"]
    peer.close()
    end(loop, protocol)


def test_close_sends_what_waits(loop: vitok.Loop, tmp_path: Path) -> None:
    """`connection_lost` comes after the last datagram has left."""
    protocol, peer, there = full_endpoint(loop, tmp_path)
    protocol.transport.sendto(b"last", there)
    protocol.transport.close()
    turn(loop, 3)
    assert not protocol.calls
    assert drain(loop, protocol, peer)[-1] == b"last"
    turn_until(loop, lambda: protocol.calls)
    assert protocol.calls == ["connection_lost(None)"]
    peer.close()


def test_an_error_among_those_that_wait(loop: vitok.Loop, tmp_path: Path) -> None:
    """A datagram whose peer is gone when there is room is reported, and those behind it are sent."""
    protocol, peer, there = full_endpoint(loop, tmp_path)
    protocol.transport.sendto(b"lost", str(tmp_path / "nobody"))
    protocol.transport.sendto(b"behind", there)
    assert drain(loop, protocol, peer)[-1] == b"behind"
    assert [type(error) for error in protocol.errors] == [FileNotFoundError]
    peer.close()
    end(loop, protocol)


@pytest.mark.parametrize(
    "address",
    [("localhost",), ("127.0.0.1", 70000), ("127.0.0.1", "80"), ["127.0.0.1", 80], 5, None, ("127.0.0.1", 80, 0)],
)
def test_a_wrong_address_is_refused_by_the_socket_object(loop: vitok.Loop, address: Any) -> None:
    """The exception is the one of `socket.sendto`, and is fatal, as in asyncio."""
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))
    protocol = Recorder()
    endpoint(loop, protocol)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(Exception) as expected:
        sock.sendto(b"x", address)
    protocol.transport.sendto(b"x", address)
    turn_until(loop, lambda: protocol.calls)
    assert [(type(report["exception"]), str(report["exception"])) for report in reports] == [
        (type(expected.value), str(expected.value))
    ]


def test_literals_of_both_families(loop: vitok.Loop) -> None:
    """IPv6 with and without flow and scope; an address of the other family is the socket object's to refuse."""
    protocol = Recorder()
    loop.run_until_complete(loop.create_datagram_endpoint(lambda: protocol, local_addr=("::1", 0)))
    host, port, *_ = protocol.transport.get_extra_info("sockname")
    for address in [("::1", port), ("::1", port, 0), ("::1", port, 0, 0), (host, port, 0xFFFFF, 0)]:
        protocol.transport.sendto(b"x", address)
    turn_until(loop, lambda: len(protocol.data) == 4)
    assert {sender[:2] for sender in protocol.senders} == {("::1", port)}
    assert all(len(sender) == 4 for sender in protocol.senders)
    protocol.transport.sendto(b"x", ("127.0.0.1", port))
    assert [type(error) for error in protocol.errors] == [socket.gaierror]
    end(loop, protocol)
