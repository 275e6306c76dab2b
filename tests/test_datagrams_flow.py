"""Datagram endpoints under load: full queues and their marks, errors, pausing, closing, exceptions.

Queues are filled over Unix datagrams, whose receiver's queue holds some hundred and then makes the sender wait. Making
endpoints and their addresses are tested in test_datagrams.py.
"""

import asyncio
import errno
import itertools
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from net_protocols import DatagramRecorder
from net_support import (
    A_FEW,
    IDLE_SHARE_AT_MOST,
    datagram_peer,
    endpoint,
    receive_datagram,
    reports_of,
    skip_asyncio,
    turns_share,
)
from support import turn, turn_until

LOCAL = ("127.0.0.1", 0)
# Counted for each datagram beside its bytes, as asyncio does from 3.13 on: the size of UDP's header.
HEADER = 8
Full = tuple[Any, DatagramRecorder, socket.socket, int]


@pytest.fixture
def full(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[Full]:
    """An endpoint, its protocol and its peer, whose queue is full; and how many datagrams it holds."""
    path = str(tmp_path / "peer")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(path)
        peer.setblocking(False)
        with endpoint(loop, remote_addr=path, family=socket.AF_UNIX) as (transport, protocol):
            transport.set_write_buffer_limits(high=1 << 30)
            sent = 0
            while transport.get_write_buffer_size() == 0:
                transport.sendto(b"%d" % sent)
                sent += 1
                turn(loop)
            yield transport, protocol, peer, sent


def drain(loop: asyncio.AbstractEventLoop, peer: socket.socket, count: int) -> list[bytes]:
    """So many datagrams from a bare peer."""
    return [receive_datagram(loop, peer)[0] for _ in range(count)]


def flow(protocol: DatagramRecorder) -> list[str]:
    """The calls that belong to flow control, and the last one."""
    return [name for name in protocol.calls if name in ("pause_writing", "resume_writing", "connection_lost")]


def test_a_full_queue_loses_nothing(loop: asyncio.AbstractEventLoop, full: Full) -> None:
    """What the kernel does not take waits, in order, whole, and unchanged though its buffer is."""
    transport, _, peer, sent = full
    buffer = bytearray(b"mutable")
    transport.sendto(buffer)
    buffer[:] = b"changed"
    transport.sendto(memoryview(b"view"))
    got = drain(loop, peer, sent + 2)
    assert got == [b"%d" % number for number in range(sent)] + [b"mutable", b"view"]


def test_the_buffer_is_counted_with_its_header(loop: asyncio.AbstractEventLoop, loop_name: str, full: Full) -> None:
    """Line "the buffer is counted with its header and resumes": eight bytes for each; asyncio's own from 3.14 on."""
    skip_asyncio(loop_name, below=(3, 14))
    transport, _, peer, sent = full
    before = transport.get_write_buffer_size()
    transport.sendto(b"12345")
    transport.sendto(b"1")
    assert transport.get_write_buffer_size() - before == 6 + 2 * HEADER
    drain(loop, peer, sent + 2)
    turn(loop, A_FEW)
    assert transport.get_write_buffer_size() == 0


def test_empty_datagrams_count(loop: asyncio.AbstractEventLoop, loop_name: str, full: Full) -> None:
    """Line "empty datagrams; ... the buffer is counted with its header": a flood of nothing pauses as well."""
    skip_asyncio(loop_name, below=(3, 14))
    transport, protocol, peer, sent = full
    transport.set_write_buffer_limits(high=transport.get_write_buffer_size() + 10 * HEADER)
    for _ in range(11):
        assert flow(protocol) == []
        transport.sendto(b"")
    assert flow(protocol) == ["pause_writing"]
    assert drain(loop, peer, sent + 11)[sent:] == [b""] * 11


def test_paused_and_resumed(loop: asyncio.AbstractEventLoop, loop_name: str, full: Full) -> None:
    """Line "and resumes": paused inside the `sendto()` beyond the mark, resumed when the peer has read, and again."""
    skip_asyncio(loop_name, since=(3, 13), below=(3, 14))
    transport, protocol, peer, sent = full
    transport.set_write_buffer_limits(high=100, low=0)
    for round_number in (1, 2):
        extra = 0
        while flow(protocol)[-1:] != ["pause_writing"]:
            transport.sendto(b"0123456789")
            extra += 1
            turn(loop)
        drain(loop, peer, sent + extra)
        turn_until(loop, lambda: flow(protocol)[-1:] == ["resume_writing"])
        assert flow(protocol) == ["pause_writing", "resume_writing"] * round_number
        assert transport.get_write_buffer_size() == 0
        sent = 0


def test_closing_sends_what_waits(loop: asyncio.AbstractEventLoop, full: Full) -> None:
    """`close()`: the queue is sent first, then the end is told, with None."""
    transport, protocol, peer, sent = full
    transport.sendto(b"the last")
    transport.close()
    assert transport.is_closing()
    turn(loop, A_FEW)
    assert protocol.lost == []
    assert drain(loop, peer, sent + 1)[-1] == b"the last"
    turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


def test_aborting_drops_what_waits(loop: asyncio.AbstractEventLoop, full: Full) -> None:
    """`abort()`: the queue is dropped, the end told with None, and never inside the call."""
    transport, protocol, peer, sent = full
    transport.sendto(b"dropped")
    transport.abort()
    assert protocol.lost == []
    turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]
    # All but the one that made the queue full had been taken.
    assert drain(loop, peer, sent - 1) == [b"%d" % number for number in range(sent - 1)]
    with pytest.raises(BlockingIOError):
        peer.recv(10)


@pytest.mark.vitok_only
def test_the_receiver_leaves(loop: asyncio.AbstractEventLoop, loop_name: str, full: Full) -> None:
    """Line "OSError reaches `error_received` and the endpoint lives": with a full queue; asyncio's own spins then."""
    skip_asyncio(loop_name)
    transport, protocol, peer, _ = full
    peer.close()
    turn_until(loop, lambda: protocol.errors)
    assert all(isinstance(error, OSError) for error in protocol.errors)
    assert protocol.lost == []
    assert not transport.is_closing()
    assert turns_share(loop) < IDLE_SHARE_AT_MOST


@pytest.mark.parametrize("turns", [0, 1])
def test_written_in_the_last_turn(loop: asyncio.AbstractEventLoop, turns: int) -> None:
    """Trap "What was batched is flushed": sent before the loop stops, before `close()` and before `abort()`."""
    for ending in ("stop", "close", "abort"):
        with datagram_peer() as peer, endpoint(loop, remote_addr=peer.getsockname()) as (transport, _):

            def last_turn(transport: Any = transport, ending: str = ending) -> None:
                transport.sendto(b"one")
                transport.sendto(b"two")
                if ending != "stop":
                    getattr(transport, ending)()
                loop.stop()

            loop.call_soon(last_turn)
            loop.run_forever()
            turn(loop, turns)
            assert [peer.recv(10), peer.recv(10)] == [b"one", b"two"]


def test_sent_when_the_loop_does_not_run(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "What was batched is flushed": outside of a run there is no turn to wait for."""
    with datagram_peer() as peer, endpoint(loop, remote_addr=peer.getsockname()) as (transport, _):
        transport.sendto(b"at once")
        assert peer.recv(10) == b"at once"


def test_a_refusal_is_no_end(loop: asyncio.AbstractEventLoop) -> None:
    """Line "OSError reaches `error_received` and the endpoint lives": ICMP's refusal, and then somebody is there."""
    with datagram_peer() as gone:
        name = gone.getsockname()
    with endpoint(loop, remote_addr=name) as (transport, protocol):
        while not protocol.errors:
            transport.sendto(b"is anybody there?")
            turn(loop)
        assert {type(error) for error in protocol.errors} == {ConnectionRefusedError}
        assert protocol.errors[0].errno == errno.ECONNREFUSED  # type: ignore[attr-defined]
        with socket.socket(type=socket.SOCK_DGRAM) as peer:
            peer.bind(name)
            peer.setblocking(False)
            # A refusal that was still to come may take the place of the first.
            transport.sendto(b"now")
            turn(loop, A_FEW)
            transport.sendto(b"and again")
            while receive_datagram(loop, peer)[0] != b"and again":
                """The next one is it."""
            peer.sendto(b"welcome", transport.get_extra_info("sockname"))
            turn_until(loop, lambda: protocol.got)
        assert protocol.lost == []


def test_refusals_between_datagrams(loop: asyncio.AbstractEventLoop) -> None:
    """Line "OSError reaches `error_received`": of an unconnected endpoint's batch only what cannot be sent fails."""
    with datagram_peer() as peer, endpoint(loop, local_addr=LOCAL) as (transport, protocol):

        def batch() -> None:
            for data in (b"one", b"x" * 100_000, b"two", b"x" * 70_000, b"three"):
                transport.sendto(data, peer.getsockname())

        loop.call_soon(batch)
        assert drain(loop, peer, 3) == [b"one", b"two", b"three"]
        turn(loop, A_FEW)
        assert [getattr(error, "errno", None) for error in protocol.errors] == [errno.EMSGSIZE] * 2
        assert protocol.lost == []


def test_no_address_at_all(loop: asyncio.AbstractEventLoop) -> None:
    """`sendto()` of an unconnected endpoint without an address is never silent: it is refused, reported or the end."""
    reports = reports_of(loop)
    with endpoint(loop, local_addr=LOCAL) as (transport, protocol):
        try:
            transport.sendto(b"to whom?")
        except (TypeError, ValueError):
            return
        turn_until(loop, lambda: protocol.lost or protocol.errors or reports)
    assert len(reports) <= 1


@pytest.mark.parametrize("method", ["close", "abort"])
def test_nothing_after_the_end(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Trap "callbacks stop after close": of a burst that the kernel has, nothing more is delivered."""
    protocol = DatagramRecorder(datagram_received=lambda *_: getattr(protocol.transport, method)())
    with endpoint(loop, protocol, local_addr=LOCAL) as (transport, _), datagram_peer() as peer:
        for number in range(20):
            peer.sendto(b"%d" % number, transport.get_extra_info("sockname"))
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert [data for data, _ in protocol.got] == [b"0"]
    assert protocol.calls == ["connection_made", "datagram_received", "connection_lost"]
    assert protocol.lost == [None]


def test_paused_in_a_burst(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`pause_reading` on UDP": inside a burst nothing more comes until it resumes, and then all, in order."""
    protocol = DatagramRecorder(datagram_received=lambda *_: protocol.transport.pause_reading())
    with endpoint(loop, protocol, local_addr=LOCAL) as (transport, _), datagram_peer() as peer:
        for number in range(20):
            peer.sendto(b"%d" % number, transport.get_extra_info("sockname"))
        for count in range(1, 21):
            turn_until(loop, lambda count=count: len(protocol.got) == count)  # type: ignore[misc]
            turn(loop, A_FEW)
            assert len(protocol.got) == count
            assert transport.is_reading() is False
            transport.resume_reading()
            assert transport.is_reading() is True
        assert [data for data, _ in protocol.got] == [b"%d" % number for number in range(20)]


def test_paused_in_connection_made(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`pause_reading` on UDP": inside `connection_made`; and it costs nothing while datagrams wait."""
    protocol = DatagramRecorder(connection_made=lambda transport: transport.pause_reading())
    with endpoint(loop, protocol, local_addr=LOCAL) as (transport, _), datagram_peer() as peer:
        peer.sendto(b"data", transport.get_extra_info("sockname"))
        assert turns_share(loop) < IDLE_SHARE_AT_MOST
        assert protocol.got == []
        transport.resume_reading()
        turn_until(loop, lambda: protocol.got)


@pytest.mark.parametrize("method", ["datagram_received", "error_received"])
def test_an_exception_is_reported(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """An exception in `datagram_received` or `error_received` is reported, and the endpoint lives."""
    reports = reports_of(loop)
    raised = LookupError("in the protocol")

    def fail(*_: object) -> None:
        protocol.inside.clear()
        raise raised

    protocol = DatagramRecorder(**{method: fail})
    with endpoint(loop, protocol, local_addr=LOCAL) as (transport, _), datagram_peer() as peer:
        address = transport.get_extra_info("sockname")
        try:
            if method == "error_received":
                transport.sendto(b"x" * 100_000, peer.getsockname())
        except LookupError:
            # asyncio's own sends at once, and so its caller gets what the protocol throws.
            reports.append({"exception": raised})
        peer.sendto(b"one", address)
        turn_until(loop, lambda: reports and protocol.got)
        peer.sendto(b"two", address)
        turn_until(loop, lambda: len(protocol.got) == 2)
        assert protocol.lost == []
    assert [report["exception"] for report in reports] == [raised]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_the_loop(loop: asyncio.AbstractEventLoop, error: type[BaseException]) -> None:
    """KeyboardInterrupt leaves the run from inside a burst, and the rest of the burst comes in the next."""

    def interrupt(*_: object) -> None:
        protocol.inside.clear()
        raise error

    protocol = DatagramRecorder(datagram_received=interrupt)
    with endpoint(loop, protocol, local_addr=LOCAL) as (transport, _), datagram_peer() as peer:
        for number in range(10):
            peer.sendto(b"%d" % number, transport.get_extra_info("sockname"))
        with pytest.raises(error):
            loop.run_forever()
        turn_until(loop, lambda: len(protocol.got) == 10)
        assert [data for data, _ in protocol.got] == [b"%d" % number for number in range(10)]


def test_a_flood_starves_nobody(loop: asyncio.AbstractEventLoop) -> None:
    """Hot path "I/O and other threads never starve": an endpoint that always has something more lets callbacks run."""
    ran: list[int] = []
    protocol = DatagramRecorder()

    def more(data: bytes, address: Any) -> None:
        for _ in range(2 if len(protocol.got) < 100 else 1):
            peer.sendto(data, protocol.transport.get_extra_info("sockname"))
        loop.call_soon(ran.append, len(protocol.got))

    protocol.inside["datagram_received"] = more
    with endpoint(loop, protocol, local_addr=LOCAL) as (transport, _), datagram_peer() as peer:
        peer.sendto(b"x", transport.get_extra_info("sockname"))
        turn_until(loop, lambda: len(ran) > 500)
        # A batch is bounded: each callback ran not much later than it was made.
        assert all(later - earlier <= 64 for earlier, later in itertools.pairwise(ran))


def test_sendto_after_the_end(loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    """`sendto()` of a connected endpoint that is closed is dropped, and a warning comes after five."""
    caplog.set_level(logging.WARNING, "asyncio")
    with datagram_peer() as peer, endpoint(loop, remote_addr=peer.getsockname()) as (transport, protocol):
        transport.close()
        for _ in range(6):
            transport.sendto(b"dropped")
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
        with pytest.raises(BlockingIOError):
            peer.recv(10)
    assert "socket.send() raised exception." in [record.getMessage() for record in caplog.records]
