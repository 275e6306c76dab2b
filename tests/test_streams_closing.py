"""Bytes sent and dropped near the end of a stream: `write_eof`, `close`, `abort`, a peer that has left.

The calls of the protocol are tested in test_streams_order.py.
"""

import asyncio
import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    MORE_THAN_THE_KERNEL_TAKES,
    PAIRS,
    SMALL_BUFFER,
    connect,
    fill,
    receive,
    receive_all,
    receive_now,
    reset,
    skip_asyncio,
    tcp_pair,
    unix_pair,
    wired,
)
from support import turn, turn_until

# asyncio and we log a warning from this write on to a connection that is gone.
WARNED_FROM = 5
GONE = "socket.send() raised exception."
SIZES = [10, MORE_THAN_THE_KERNEL_TAKES]


@pytest.mark.parametrize("kind", sorted(PAIRS))
@pytest.mark.parametrize("size", SIZES)
def test_write_eof_sends_what_was_written_first(loop: asyncio.AbstractEventLoop, kind: str, size: int) -> None:
    """Trap "flushed ... before EOF": the peer gets everything, then the end of file, and can still answer."""
    protocol = Recorder()
    with wired(loop, protocol, pair=PAIRS[kind]()) as (transport, peer):
        assert transport.can_write_eof() is True
        transport.write(bytes(size))
        assert transport.write_eof() is None
        assert receive_all(loop, peer) == bytes(size)
        assert not transport.is_closing()
        peer.send(b"an answer")
        turn_until(loop, lambda: protocol.data)
        assert protocol.data == b"an answer"
        assert protocol.lost == []


def test_write_eof_twice(loop: asyncio.AbstractEventLoop) -> None:
    """`write_eof()` again, and after `close()`, does nothing."""
    with wired(loop) as (transport, peer):
        transport.write_eof()
        transport.write_eof()
        assert receive_all(loop, peer) == b""
        transport.close()
        transport.write_eof()


@pytest.mark.parametrize("data", [b"data", b""])
@pytest.mark.parametrize("method", ["write", "writelines"])
@pytest.mark.parametrize("size", SIZES)
def test_write_after_write_eof(loop: asyncio.AbstractEventLoop, method: str, data: bytes, size: int) -> None:
    """Line "RuntimeError only after `write_eof()`": even of nothing, and while what was written is still on its way."""
    with wired(loop) as (transport, peer):
        transport.write(bytes(size))
        transport.write_eof()
        with pytest.raises(RuntimeError, match=r"Cannot call write(lines)?\(\) after write_eof\(\)"):
            getattr(transport, method)(data if method == "write" else [data])
        assert receive_all(loop, peer) == bytes(size)


def test_write_after_write_eof_and_close(loop: asyncio.AbstractEventLoop) -> None:
    """Line "RuntimeError only after `write_eof()`": closing afterwards does not change it."""
    with wired(loop) as (transport, _):
        transport.write_eof()
        transport.close()
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.write(b"data")


@pytest.mark.parametrize("size", SIZES)
def test_close_sends_what_was_written_first(loop: asyncio.AbstractEventLoop, size: int) -> None:
    """Trap "flushed ... before close": the peer gets everything, then the end of file."""
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        transport.write(bytes(size))
        transport.close()
        assert transport.is_closing()
        assert len(receive_all(loop, peer)) == size
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


def test_a_closing_transport_reads_no_more(loop: asyncio.AbstractEventLoop) -> None:
    """`close()` with data to send stops the reading at once, while the writing goes on."""
    protocol = Recorder()
    with wired(loop, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        fill(loop, transport)
        transport.close()
        assert not transport.is_reading()
        peer.send(b"nobody listens")
        turn(loop, A_FEW)
        receive(loop, peer, SMALL_BUFFER)
        turn(loop, A_FEW)
    assert protocol.data == b""


@pytest.mark.parametrize("method", ["write_eof", "close"])
def test_one_end_after_the_other_with_data_to_send(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """Line "in every order with close, `write_eof`": `write_eof()` and then `close()` lose nothing, nor do two."""
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        transport.write_eof()
        turn(loop, A_FEW)
        getattr(transport, method)()
        assert len(receive_all(loop, peer)) == MORE_THAN_THE_KERNEL_TAKES
        transport.close()
        turn_until(loop, lambda: protocol.lost)


def test_write_eof_when_the_peer_has_gone(loop: asyncio.AbstractEventLoop) -> None:
    """A shutdown that the kernel refuses is an OSError or silence, no more, and the connection ends once."""
    protocol = Recorder(eof_received=lambda: True)
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        transport.pause_reading()
        reset(peer)
        turn(loop, A_FEW)
        try:
            transport.write_eof()
        except OSError:
            pass
        turn(loop, A_FEW)
        transport.resume_reading()
        transport.abort()
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert len(protocol.lost) == 1


def write_and_stop(loop: asyncio.AbstractEventLoop, transport: Any) -> None:
    """The loop stops in the turn of the write."""
    loop.stop()


def write_and_close(loop: asyncio.AbstractEventLoop, transport: Any) -> None:
    """The transport closes in the turn of the write."""
    transport.close()


def write_and_end(loop: asyncio.AbstractEventLoop, transport: Any) -> None:
    """The stream ends in the turn of the write."""
    transport.write_eof()


def write_and_abort(loop: asyncio.AbstractEventLoop, transport: Any) -> None:
    """The transport aborts in the turn of the write: what the kernel could take is the kernel's."""
    transport.abort()


@pytest.mark.parametrize("ending", [write_and_stop, write_and_close, write_and_end, write_and_abort])
def test_written_in_the_last_turn(
    loop: asyncio.AbstractEventLoop, ending: Callable[[asyncio.AbstractEventLoop, Any], None]
) -> None:
    """Trap "What was batched is flushed when the loop stops, before EOF and before close": as if sent at once."""
    with wired(loop) as (transport, peer):

        def last_turn() -> None:
            transport.write(b"one ")
            transport.write(b"two")
            ending(loop, transport)
            loop.stop()

        loop.call_soon(last_turn)
        loop.run_forever()
        assert receive_now(peer) == b"one two"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_written_before_an_interrupt(loop: asyncio.AbstractEventLoop, error: type[BaseException]) -> None:
    """Trap "flushed when the loop stops": also when an exception ends the run in the turn of the write."""
    with wired(loop) as (transport, peer):

        def last_turn() -> None:
            transport.write(b"last words")
            raise error

        loop.call_soon(last_turn)
        with pytest.raises(error):
            loop.run_forever()
        assert receive_now(peer) == b"last words"


def test_written_when_the_loop_does_not_run(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "What was batched is flushed": outside of a run there is no turn to wait for, so it leaves at once."""
    with wired(loop) as (transport, peer):
        transport.write(b"one ")
        transport.writelines([b"two ", b"three"])
        assert receive_now(peer) == b"one two three"
        transport.write_eof()
        assert receive_now(peer) == b""


def test_written_and_the_loop_closed(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "flushed when the loop stops": a loop that is closed after the run has sent what was written in it."""
    ours, peer = unix_pair()
    with peer:
        protocol = Recorder()
        connect(loop, protocol, ours)

        async def main() -> None:
            protocol.transport.write(b"last words")

        loop.run_until_complete(main())
        loop.close()
        assert receive_now(peer) == b"last words"
        with pytest.warns(ResourceWarning, match="unclosed transport"):
            protocol.transport = None
            gc.collect()


@pytest.mark.parametrize("method", ["close", "abort"])
@pytest.mark.parametrize("settled", [False, True])
def test_write_after_the_end_is_dropped(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture, method: str, settled: bool
) -> None:
    """Line "`write()` after close ...: dropped, counted, a warning after five", before and after `connection_lost`."""
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        transport.write(b"sent")
        getattr(transport, method)()
        if settled:
            turn_until(loop, lambda: protocol.lost)
        warned = []
        for _ in range(WARNED_FROM + 1):
            transport.write(b"dropped")
            warned.append([record.getMessage() for record in caplog.records].count(GONE))
        transport.write(b"")
        assert warned == [0] * (WARNED_FROM - 1) + [1, 2]
        assert receive_all(loop, peer) == b"sent"
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


def test_write_after_the_peer_left_is_dropped(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    """Line "or after the peer left": no exception ever leaves `write()`, and the log hears of it after a while."""
    protocol = Recorder()
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        reset(peer)
        for _ in range(2 * WARNED_FROM):
            transport.write(b"dropped")
            turn(loop)
        turn_until(loop, lambda: protocol.lost)
        for _ in range(WARNED_FROM):
            transport.write(b"dropped")
    assert len(protocol.lost) == 1
    assert GONE in [record.getMessage() for record in caplog.records]


def test_writelines_after_the_end_is_dropped(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "`write()` after close": `writelines()` after `connection_lost` as well; 3.12's and 3.13's own fails."""
    skip_asyncio(loop_name, since=(3, 12), below=(3, 14))
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        transport.close()
        turn_until(loop, lambda: protocol.lost)
        assert receive_all(loop, peer) == b""
        transport.writelines([b"dropped", b"as well"])
        transport.writelines(iter([b"dropped"]))


def test_abort_drops_what_is_buffered(loop: asyncio.AbstractEventLoop) -> None:
    """`abort()` does not wait for the peer: what the kernel had not taken is gone, and the peer sees the end."""
    protocol = Recorder()
    with wired(loop, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        written = fill(loop, transport)
        left = transport.get_write_buffer_size()
        transport.abort()
        turn_until(loop, lambda: protocol.lost)
        assert transport.get_write_buffer_size() == 0
        assert len(receive_all(loop, peer)) == written - left
    assert protocol.lost == [None]


def test_a_blocked_writer_is_told_of_the_peer(loop: asyncio.AbstractEventLoop) -> None:
    """A full socket whose peer leaves: `connection_lost` with the OSError, though reading is paused."""
    protocol = Recorder()
    with wired(loop, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        transport.pause_reading()
        fill(loop, transport)
        peer.close()
        turn_until(loop, lambda: protocol.lost)
    assert isinstance(protocol.lost[0], OSError)


def test_half_closed_both_ways(loop: asyncio.AbstractEventLoop) -> None:
    """Our end of file and the peer's: with `eof_received` kept open, the transport stays until it is closed."""
    protocol = Recorder(eof_received=lambda: True)
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        transport.write_eof()
        assert receive_all(loop, peer) == b""
        peer.shutdown(socket.SHUT_WR)
        turn_until(loop, lambda: "eof_received" in protocol.calls)
        turn(loop, A_FEW)
        assert protocol.lost == []
        assert protocol.calls.count("eof_received") == 1
        transport.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


def test_a_request_and_an_answer_over_half_closed_ends(loop: asyncio.AbstractEventLoop) -> None:
    """What arrives after our own end of file is delivered, whole."""
    protocol = Recorder()
    with wired(loop, protocol, pair=tcp_pair()) as (transport, peer):
        transport.write(b"a request")
        transport.write_eof()
        assert receive(loop, peer, 9) == b"a request"
        assert receive_all(loop, peer) == b""
        peer.send(b"an answer")
        peer.close()
        turn_until(loop, lambda: protocol.lost)
    assert protocol.data == b"an answer"
    assert protocol.lost == [None]
