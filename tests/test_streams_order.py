"""The order in which a stream transport calls its protocol, and the end of a connection: once, with its reason.

Exceptions in the protocol's methods are tested in test_streams_errors.py; sizes of reads and writes are not tested
here.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import (
    A_FEW,
    MORE_THAN_THE_KERNEL_TAKES,
    PAIRS,
    connect,
    fill,
    receive_all,
    reports_of,
    reset,
    skip_asyncio,
    tcp_pair,
    unix_pair,
    wired,
)
from support import turn, turn_until

KINDS = sorted(PAIRS)
RECORDERS = [Recorder, BufferedRecorder]


@pytest.mark.parametrize("kind", KINDS)
def test_the_life_of_a_connection(loop: asyncio.AbstractEventLoop, kind: str) -> None:
    """Order: made, data, end of file, lost; and all data comes before the end of file that was sent right behind."""
    protocol = Recorder()
    with wired(loop, protocol, pair=PAIRS[kind]()) as (_, peer):
        peer.send(b"the last words")
        peer.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
    assert protocol.data == b"the last words"
    assert protocol.lost == [None]


def test_the_life_of_a_buffered_connection(loop: asyncio.AbstractEventLoop) -> None:
    """Order with a BufferedProtocol: each `buffer_updated` behind its `get_buffer`, and none for the end of file."""
    protocol = BufferedRecorder()
    with wired(loop, protocol) as (_, peer):
        peer.send(b"the last words")
        peer.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.data == b"the last words"
    calls = [name for name in protocol.calls if name != "get_buffer"]
    assert calls == ["connection_made", "buffer_updated", "eof_received", "connection_lost"]
    assert protocol.calls.index("get_buffer") < protocol.calls.index("buffer_updated")


def test_made_comes_before_data_that_was_there_already(loop: asyncio.AbstractEventLoop) -> None:
    """Order: data and end of file that wait in the kernel do not overtake `connection_made`, nor does the creator."""
    ours, peer = unix_pair()
    peer.send(b"early")
    peer.close()
    seen: list[str] = []
    protocol = Recorder(connection_made=lambda _: seen.append("made"))

    async def main() -> None:
        await loop.create_connection(lambda: protocol, sock=ours)
        seen.append("returned")

    loop.run_until_complete(main())
    turn_until(loop, lambda: protocol.lost)
    assert seen == ["made", "returned"]
    assert protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]


def test_made_runs_when_create_connection_has_left_the_factory(loop: asyncio.AbstractEventLoop) -> None:
    """Order: `connection_made` does not run inside the factory or the transport's constructor, but in a later turn."""
    ours, peer = unix_pair()
    order: list[str] = []

    def factory() -> Recorder:
        loop.call_soon(order.append, "a callback made in the factory")
        return Recorder(connection_made=lambda _: order.append("made"))

    with peer:
        transport, _ = loop.run_until_complete(loop.create_connection(factory, sock=ours))
        assert order == ["a callback made in the factory", "made"]
        transport.close()
        turn(loop)


def end_by_close(transport: Any, peer: Any) -> None:
    """Our end closes."""
    transport.close()


def end_by_abort(transport: Any, peer: Any) -> None:
    """Our end gives up."""
    transport.abort()


def end_by_peer(transport: Any, peer: Any) -> None:
    """The peer closes."""
    peer.close()


def end_by_reset(transport: Any, peer: Any) -> None:
    """The peer resets."""
    reset(peer)


ENDS: list[tuple[Callable[[Any, Any], None], type[BaseException] | None]] = [
    (end_by_close, None),
    (end_by_abort, None),
    (end_by_peer, None),
    (end_by_reset, ConnectionResetError),
]


@pytest.mark.parametrize("recorder", RECORDERS)
@pytest.mark.parametrize(("end", "reason"), ENDS)
def test_lost_once_and_for_the_right_reason(
    loop: asyncio.AbstractEventLoop,
    end: Callable[[Any, Any], None],
    reason: type[BaseException] | None,
    recorder: type[Any],
) -> None:
    """`connection_lost` comes exactly once: with None or with the OSError, and no OSError is reported besides."""
    reports = reports_of(loop)
    protocol = recorder()
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        end(transport, peer)
        turn_until(loop, lambda: protocol.lost)
        transport.close()
        transport.abort()
        turn(loop, A_FEW)
    [lost] = protocol.lost
    assert type(lost) is (type(None) if reason is None else reason)
    assert protocol.calls[-1] == "connection_lost"
    assert ("eof_received" in protocol.calls) == (end is end_by_peer)
    assert reports == []


@pytest.mark.parametrize("first", ["close", "abort", "write_eof"])
@pytest.mark.parametrize("second", ["close", "abort", "write_eof"])
@pytest.mark.parametrize("buffered", [False, True])
def test_two_ways_to_end_in_every_order(
    loop: asyncio.AbstractEventLoop, first: str, second: str, buffered: bool
) -> None:
    """Line "in every order with close": two endings, with and without data to send, make one `connection_lost`."""
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        if buffered:
            transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        getattr(transport, first)()
        getattr(transport, second)()
        assert protocol.lost == []
        if "abort" not in (first, second):
            receive_all(loop, peer)
        if "close" not in (first, second) and "abort" not in (first, second):
            peer.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert protocol.lost == [None]


@pytest.mark.parametrize("method", ["close", "abort"])
@pytest.mark.parametrize("inside", ["connection_made", "data_received", "eof_received"])
def test_lost_never_runs_inside_the_call_that_caused_it(
    loop: asyncio.AbstractEventLoop, inside: str, method: str
) -> None:
    """Trap "`connection_lost` never runs inside the call that caused it", from every method of the protocol."""
    lost_when_it_returned: list[list[Any]] = []

    def end(*_: object) -> None:
        getattr(protocol.transport, method)()
        lost_when_it_returned.append(list(protocol.lost))

    protocol = Recorder(**{inside: end})
    ours, peer = unix_pair()
    peer.send(b"data")
    peer.close()
    with wired(loop, protocol, pair=(ours, peer)):
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert lost_when_it_returned == [[]]
    assert protocol.lost == [None]
    assert protocol.calls[-2:] == [inside, "connection_lost"]


def test_callbacks_made_before_the_end_run_before_lost(loop: asyncio.AbstractEventLoop) -> None:
    """Order: `connection_lost` stands in line behind what was made ready before `close()`."""
    order: list[str] = []
    protocol = Recorder(connection_lost=lambda _: order.append("lost"))
    with wired(loop, protocol) as (transport, _):

        def end() -> None:
            loop.call_soon(order.append, "before")
            transport.close()
            loop.call_soon(order.append, "behind")

        loop.call_soon(end)
        turn_until(loop, lambda: len(order) == 3)
    assert order == ["before", "lost", "behind"]


@pytest.mark.parametrize("recorder", RECORDERS)
@pytest.mark.parametrize("method", ["close", "abort"])
def test_no_data_after_close(loop: asyncio.AbstractEventLoop, method: str, recorder: type[Any]) -> None:
    """Order: what arrives after `close()` or `abort()` reaches nobody, though it was in the kernel before."""
    protocol = recorder()
    with wired(loop, protocol) as (transport, peer):
        peer.send(b"too late")
        getattr(transport, method)()
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert protocol.data == b""
    assert protocol.calls == ["connection_made", "connection_lost"]


def test_close_inside_data_received_ends_the_data(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "`close` ... inside ... `data_received`": more data and the end of file are waiting and reach nobody."""
    protocol = Recorder(data_received=lambda _: protocol.transport.close())
    with wired(loop, protocol) as (_, peer):
        # As much as the kernel takes, which need not fit into one reading.
        assert peer.send(bytes(MORE_THAN_THE_KERNEL_TAKES)) > 0
        peer.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert protocol.calls == ["connection_made", "data_received", "connection_lost"]


def test_the_end_of_file_keeps_the_connection_when_asked_to(loop: asyncio.AbstractEventLoop) -> None:
    """`eof_received` returning True: still open for writing, until somebody closes it."""
    protocol = Recorder(eof_received=lambda: True)
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        peer.shutdown(1)
        turn_until(loop, lambda: "eof_received" in protocol.calls)
        turn(loop, A_FEW)
        assert protocol.lost == []
        assert not transport.is_closing()
        transport.write(b"an answer")
        transport.close()
        assert receive_all(loop, peer) == b"an answer"
        turn_until(loop, lambda: protocol.lost)
    assert protocol.calls == ["connection_made", "eof_received", "connection_lost"]
    assert protocol.lost == [None]


@pytest.mark.parametrize("result", [None, False, 0, ""])
def test_the_end_of_file_closes_otherwise(loop: asyncio.AbstractEventLoop, result: object) -> None:
    """`eof_received` returning what is false: the transport closes itself, after it sent what was written."""
    protocol = Recorder(
        data_received=lambda _: protocol.transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES)),
        eof_received=lambda: result,
    )
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        peer.send(b"a request")
        peer.shutdown(1)
        turn_until(loop, lambda: "eof_received" in protocol.calls)
        assert transport.is_closing()
        assert len(receive_all(loop, peer)) == MORE_THAN_THE_KERNEL_TAKES
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


def test_lost_when_the_peer_resets_what_is_being_written(loop: asyncio.AbstractEventLoop) -> None:
    """A reset with data still to send: the OSError, once, and the buffer is let go."""
    protocol = Recorder()
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        transport.pause_reading()
        transport.write(bytes(2 * MORE_THAN_THE_KERNEL_TAKES))
        turn(loop, A_FEW)
        assert transport.get_write_buffer_size() > 0
        reset(peer)
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
        assert transport.get_write_buffer_size() == 0
    [lost] = protocol.lost
    assert isinstance(lost, ConnectionError)


@pytest.mark.parametrize("kind", KINDS)
def test_writing_to_a_peer_that_left(loop: asyncio.AbstractEventLoop, kind: str) -> None:
    """The kernel's refusal of a write is an OSError in `connection_lost`, never out of `write()`."""
    protocol = Recorder(eof_received=lambda: True)
    reports = reports_of(loop)
    with wired(loop, protocol, pair=PAIRS[kind]()) as (transport, peer):
        peer.close()
        turn_until(loop, lambda: "eof_received" in protocol.calls)
        while not protocol.lost:
            transport.write(b"is anybody there?")
            assert protocol.lost == []
            turn(loop)
        turn(loop, A_FEW)
    [lost] = protocol.lost
    assert isinstance(lost, BrokenPipeError | ConnectionResetError)
    assert reports == []


def test_closed_with_data_that_the_peer_never_reads(loop: asyncio.AbstractEventLoop) -> None:
    """`close()` with a full buffer waits for the peer; when that leaves, the connection is lost with the OSError."""
    protocol = Recorder()
    with wired(loop, protocol, pair=unix_pair(send_buffer=4096)) as (transport, peer):
        fill(loop, transport)
        transport.close()
        turn(loop, A_FEW)
        assert protocol.lost == []
        peer.close()
        turn_until(loop, lambda: protocol.lost)
    [lost] = protocol.lost
    assert isinstance(lost, ConnectionError)


def test_the_socket_closes_with_the_connection(loop: asyncio.AbstractEventLoop) -> None:
    """Line "One owner, closed once": open inside `connection_lost`, closed when it has returned, number and object."""
    open_inside: list[int] = []
    ours, peer = unix_pair()
    number = ours.fileno()
    protocol = Recorder(connection_lost=lambda _: open_inside.append(ours.fileno()))
    with peer:
        connect(loop, protocol, ours).close()
        turn_until(loop, lambda: protocol.lost)
        assert open_inside == [number]
        assert ours.fileno() == -1
        assert receive_all(loop, peer) == b""


@pytest.mark.vitok_only
@pytest.mark.parametrize("method", ["close", "abort", "write_eof", "pause_reading", "resume_reading"])
def test_a_closed_transport_takes_every_call(loop: asyncio.AbstractEventLoop, loop_name: str, method: str) -> None:
    """Any method of a transport that is through with closing is a no-op; asyncio's `abort()` fails after a flush."""
    skip_asyncio(loop_name)
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        transport.close()
        receive_all(loop, peer)
        turn_until(loop, lambda: protocol.lost)
        getattr(transport, method)()
        turn(loop, A_FEW)
    assert protocol.lost == [None]


def test_a_reset_while_paused_waits_for_resume(loop: asyncio.AbstractEventLoop) -> None:
    """A paused transport hears of nothing, not even of a reset, until it resumes."""
    protocol = Recorder(connection_made=lambda transport: transport.pause_reading())
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        reset(peer)
        turn(loop, A_FEW)
        assert protocol.lost == []
        transport.resume_reading()
        turn_until(loop, lambda: protocol.lost)
    [lost] = protocol.lost
    assert isinstance(lost, ConnectionResetError)
