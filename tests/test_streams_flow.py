"""Flow control of writing to a stream: water marks, the protocol paused and resumed, and the counted bytes.

The pairs of sockets have the smallest buffer that the kernel allows, and stay full until the peer reads: so the test
decides how much is in the transport's buffer. Arriving data is tested in test_streams_writing.py.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    MORE_THAN_THE_KERNEL_TAKES,
    SMALL_BUFFER,
    fill,
    receive,
    receive_all,
    receive_now,
    skip_asyncio,
    unix_pair,
    wired,
)
from support import turn, turn_until

# asyncio's own marks, documented under `set_write_buffer_limits`.
DEFAULT_HIGH = 64 * 1024
DEFAULT_LOW = 16 * 1024
# Marks so high that they change nothing while a test fills the buffer.
OUT_OF_REACH = 1 << 30


@pytest.fixture
def protocol() -> Recorder:
    """The protocol of the full transport."""
    return Recorder()


@pytest.fixture
def full(loop: asyncio.AbstractEventLoop, protocol: Recorder) -> Iterator[tuple[Any, Any]]:
    """A transport whose socket is full, with some bytes in its own buffer and marks out of reach; and its peer."""
    with wired(loop, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        transport.set_write_buffer_limits(high=OUT_OF_REACH)
        fill(loop, transport)
        yield transport, peer


def flow(protocol: Recorder) -> list[str]:
    """The calls that belong to flow control, and the last one."""
    return [name for name in protocol.calls if name in ("pause_writing", "resume_writing", "connection_lost")]


def test_the_marks_of_a_new_transport(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Flow control": 64 KiB and a quarter of it, given as (low, high), and nothing is buffered."""
    with wired(loop) as (transport, _):
        assert transport.get_write_buffer_limits() == (DEFAULT_LOW, DEFAULT_HIGH)
        assert transport.get_write_buffer_size() == 0


@pytest.mark.parametrize(
    ("given", "marks"),
    [
        ({}, (DEFAULT_LOW, DEFAULT_HIGH)),
        ({"high": 1000}, (250, 1000)),
        ({"high": 1001}, (250, 1001)),
        ({"low": 1000}, (1000, 4000)),
        ({"low": 0}, (0, 0)),
        ({"high": 0}, (0, 0)),
        ({"high": 5, "low": 5}, (5, 5)),
        ({"high": OUT_OF_REACH * 1000, "low": 1}, (1, OUT_OF_REACH * 1000)),
    ],
)
def test_marks(loop: asyncio.AbstractEventLoop, given: dict[str, int], marks: tuple[int, int]) -> None:
    """`set_write_buffer_limits`: each mark follows from the other, and both from nothing; also by position."""
    with wired(loop) as (transport, _):
        transport.set_write_buffer_limits(1, 1)
        assert transport.get_write_buffer_limits() == (1, 1)
        transport.set_write_buffer_limits(**given)
        assert transport.get_write_buffer_limits() == marks
        transport.set_write_buffer_limits(None, None)
        assert transport.get_write_buffer_limits() == (DEFAULT_LOW, DEFAULT_HIGH)


@pytest.mark.parametrize("given", [{"high": 1, "low": 2}, {"high": -1}, {"low": -1}, {"high": 5, "low": -1}])
def test_bad_marks(loop: asyncio.AbstractEventLoop, given: dict[str, int]) -> None:
    """`set_write_buffer_limits`: marks in the wrong order or below nothing are a ValueError and change nothing."""
    with wired(loop) as (transport, _):
        with pytest.raises(ValueError, match="must be >= "):
            transport.set_write_buffer_limits(**given)
        assert transport.get_write_buffer_limits() == (DEFAULT_LOW, DEFAULT_HIGH)


@pytest.mark.parametrize("given", [{"high": "1"}, {"low": "1"}, {"high": [], "low": 1}])
def test_marks_that_are_no_numbers(loop: asyncio.AbstractEventLoop, given: dict[str, Any]) -> None:
    """`set_write_buffer_limits`: what cannot be compared is a TypeError."""
    with wired(loop) as (transport, _), pytest.raises(TypeError):
        transport.set_write_buffer_limits(**given)


def test_paused_beyond_the_high_mark_only(full: tuple[Any, Any], protocol: Recorder) -> None:
    """Line "pause/resume at the marks": exactly at the high mark nothing happens, one byte more pauses, once."""
    transport, _ = full
    size = transport.get_write_buffer_size()
    transport.set_write_buffer_limits(high=size + 100)
    transport.write(bytes(100))
    assert transport.get_write_buffer_size() == size + 100
    assert flow(protocol) == []
    transport.write(b"x")
    # Inside the call: `drain()` looks right behind `write()`.
    assert flow(protocol) == ["pause_writing"]
    transport.write(bytes(1000))
    transport.writelines([bytes(1000)])
    assert flow(protocol) == ["pause_writing"]
    assert transport.get_write_buffer_size() == size + 2101


def test_writelines_pauses_too(full: tuple[Any, Any], protocol: Recorder, loop_name: str) -> None:
    """Line "pause/resume at the marks": by `writelines()` as by `write()`; 3.12's and 3.13's own forgets it."""
    skip_asyncio(loop_name, since=(3, 12), below=(3, 14))
    transport, _ = full
    transport.set_write_buffer_limits(high=transport.get_write_buffer_size() + 99)
    transport.writelines([bytes(50), bytes(50)])
    assert flow(protocol) == ["pause_writing"]


def test_resumed_at_the_low_mark(loop: asyncio.AbstractEventLoop, full: tuple[Any, Any], protocol: Recorder) -> None:
    """Line "pause/resume at the marks": not before the buffer is down to the low mark, once, and then again."""
    transport, peer = full
    sizes: list[int] = []
    protocol.inside["resume_writing"] = lambda: sizes.append(transport.get_write_buffer_size())
    low = transport.get_write_buffer_size()
    transport.set_write_buffer_limits(high=low + 10 * SMALL_BUFFER, low=low)
    for round_number in (1, 2):
        while flow(protocol)[-1:] != ["pause_writing"]:
            transport.write(bytes(SMALL_BUFFER))
        while len(sizes) < round_number:
            assert transport.get_write_buffer_size() > low
            receive_now(peer, SMALL_BUFFER)
            turn(loop)
    assert all(size <= low for size in sizes)
    assert flow(protocol) == ["pause_writing", "resume_writing"] * 2


def test_what_the_kernel_takes_does_not_pause(loop: asyncio.AbstractEventLoop, protocol: Recorder) -> None:
    """Line "pause/resume at the marks": with a high mark of nothing, a write that fits into the socket is no reason."""
    with wired(loop, protocol) as (transport, peer):
        transport.set_write_buffer_limits(high=0)

        def write() -> None:
            for _ in range(3):
                transport.write(b"small")

        loop.call_soon(write)
        assert receive(loop, peer, 15) == b"small" * 3
        turn(loop, A_FEW)
        assert transport.get_write_buffer_size() == 0
    assert flow(protocol) == ["connection_lost"]


def test_a_huge_write_pauses_at_once(loop: asyncio.AbstractEventLoop, protocol: Recorder) -> None:
    """Line "pause/resume at the marks": inside the `write()` that goes beyond what the kernel takes, inside a run."""
    with wired(loop, protocol) as (transport, peer):
        inside: list[list[str]] = []

        def write() -> None:
            transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
            inside.append(flow(protocol))

        loop.call_soon(write)
        turn_until(loop, lambda: inside)
        assert inside == [["pause_writing"]]
        assert len(receive(loop, peer, MORE_THAN_THE_KERNEL_TAKES)) == MORE_THAN_THE_KERNEL_TAKES
        turn_until(loop, lambda: "resume_writing" in protocol.calls)
        assert transport.get_write_buffer_size() == 0


def test_lower_marks_pause_at_once(loop: asyncio.AbstractEventLoop, full: tuple[Any, Any], protocol: Recorder) -> None:
    """`set_write_buffer_limits` below what is buffered pauses inside the call; higher ones do not resume inside it."""
    transport, peer = full
    transport.set_write_buffer_limits(high=0)
    assert flow(protocol) == ["pause_writing"]
    transport.set_write_buffer_limits(high=OUT_OF_REACH)
    assert flow(protocol) == ["pause_writing"]
    transport.write_eof()
    receive_all(loop, peer)
    assert flow(protocol) == ["pause_writing", "resume_writing"]


def test_resumed_before_lost_when_closing(
    loop: asyncio.AbstractEventLoop, full: tuple[Any, Any], protocol: Recorder
) -> None:
    """Line "in every order with close": closed while paused, it resumes when the buffer is gone and is lost then."""
    transport, peer = full
    transport.set_write_buffer_limits(high=0)
    transport.close()
    receive_all(loop, peer)
    turn_until(loop, lambda: protocol.lost)
    assert flow(protocol) == ["pause_writing", "resume_writing", "connection_lost"]


def test_no_resume_after_abort(loop: asyncio.AbstractEventLoop, full: tuple[Any, Any], protocol: Recorder) -> None:
    """Line "in every order with close": aborted while paused, it is lost and never resumed."""
    transport, _ = full
    transport.set_write_buffer_limits(high=0)
    transport.abort()
    assert transport.get_write_buffer_size() == 0
    turn_until(loop, lambda: protocol.lost)
    turn(loop, A_FEW)
    assert flow(protocol) == ["pause_writing", "connection_lost"]


@pytest.mark.parametrize("first", ["close", "write_eof", "pause_reading"])
@pytest.mark.parametrize("second", ["close", "write_eof", "pause_reading"])
def test_every_order_while_paused(
    loop: asyncio.AbstractEventLoop, full: tuple[Any, Any], protocol: Recorder, first: str, second: str
) -> None:
    """Line "in every order with close, `write_eof` and `pause_reading`": all is sent, and resume comes once."""
    transport, peer = full
    transport.set_write_buffer_limits(high=0)
    getattr(transport, first)()
    turn(loop, A_FEW)
    getattr(transport, second)()
    transport.close()
    receive_all(loop, peer)
    turn_until(loop, lambda: protocol.lost)
    assert flow(protocol) == ["pause_writing", "resume_writing", "connection_lost"]


@pytest.mark.parametrize("method", ["close", "abort", "write_eof"])
@pytest.mark.parametrize("inside", ["pause_writing", "resume_writing"])
def test_ended_inside_flow_control(
    loop: asyncio.AbstractEventLoop,
    loop_name: str,
    full: tuple[Any, Any],
    protocol: Recorder,
    inside: str,
    method: str,
) -> None:
    """Trap "`close`, `abort` ... inside ... `pause_writing`": lost later, once, with None; to 3.14.7 asyncio twice."""
    if inside == "resume_writing":
        skip_asyncio(loop_name, below=(3, 14, 8))
    transport, peer = full
    lost_inside: list[list[Any]] = []

    def end() -> None:
        getattr(transport, method)()
        lost_inside.append(list(protocol.lost))

    protocol.inside[inside] = end
    transport.set_write_buffer_limits(high=0)
    while not lost_inside:
        receive_now(peer)
        turn(loop)
    if method == "abort":
        transport.write(b"dropped")
    elif method == "write_eof":
        transport.close()
    while not protocol.lost:
        receive_now(peer)
        turn(loop)
    turn(loop, A_FEW)
    assert lost_inside == [[]]
    assert protocol.lost == [None]


def test_written_inside_resume(loop: asyncio.AbstractEventLoop, full: tuple[Any, Any], protocol: Recorder) -> None:
    """Habit "code that user callbacks can re-enter": what `resume_writing` writes is sent, and may pause again."""
    transport, peer = full
    rounds = 0

    def write_more() -> None:
        nonlocal rounds
        rounds += 1
        if rounds < 4:
            transport.write(b"%d" % rounds * 20 * SMALL_BUFFER)
        else:
            transport.write_eof()

    protocol.inside["resume_writing"] = write_more
    transport.set_write_buffer_limits(high=0)
    got = receive_all(loop, peer)
    sent = [b"%d" % number * 20 * SMALL_BUFFER for number in (1, 2, 3)]
    assert got.endswith(b"".join(sent))
    assert flow(protocol) == ["pause_writing", "resume_writing"] * 4


def test_written_inside_pause(loop: asyncio.AbstractEventLoop, full: tuple[Any, Any], protocol: Recorder) -> None:
    """Habit "code that user callbacks can re-enter": `pause_writing` writes, and is not called again for that."""
    transport, peer = full
    protocol.inside["pause_writing"] = lambda: transport.write(b"from inside")
    transport.set_write_buffer_limits(high=transport.get_write_buffer_size())
    transport.write(b"beyond the mark,")
    transport.close()
    assert receive_all(loop, peer).endswith(b"beyond the mark,from inside")
    turn_until(loop, lambda: protocol.lost)
    assert flow(protocol) == ["pause_writing", "resume_writing", "connection_lost"]


def test_a_protocol_set_while_paused(loop: asyncio.AbstractEventLoop, full: tuple[Any, Any]) -> None:
    """`set_protocol` while the old one is paused: it is the new one that is resumed."""
    transport, peer = full
    transport.set_write_buffer_limits(high=0)
    successor = Recorder()
    transport.set_protocol(successor)
    transport.close()
    receive_all(loop, peer)
    turn_until(loop, lambda: successor.lost)
    assert flow(successor) == ["resume_writing", "connection_lost"]


@pytest.mark.vitok_only
def test_counters_do_not_count(loop_name: str, full: tuple[Any, Any]) -> None:
    """Line "counters are O(1)": the size of a long queue takes as long as that of a short one, unlike asyncio's."""
    skip_asyncio(loop_name)
    transport, _ = full

    def seconds_for_sizes() -> float:
        start = time.perf_counter()
        for _ in range(100):
            transport.get_write_buffer_size()
        return time.perf_counter() - start

    short = min(seconds_for_sizes() for _ in range(5))
    pieces = 100_000
    for _ in range(pieces):
        transport.write(b"xx")
    long = min(seconds_for_sizes() for _ in range(5))
    # Counting would take a hundred thousand steps where there were one or two; a hundred of noise is a lot.
    assert long < 100 * short
