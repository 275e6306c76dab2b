"""Pipes whose file other code closes and whose descriptor number another file gets at once.

A transport has a file object of any class, and asks it for its number before each system call. asyncio's own transports
keep the number that the file had at the beginning. The tests that they fail run on vitok alone.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, run, skip_asyncio
from pipe_support import ENDS, Ends, pipe_ends, read_now
from support import private, turn, turn_until
from swap_support import ExportingBytearray, needs_buffer_method, swapping


def end(loop: asyncio.AbstractEventLoop, transport: Any, protocol: Any) -> None:
    """Wait until a transport whose file is gone has ended, by itself or by its own method."""
    turn(loop, A_FEW)
    if not protocol.lost:
        private(transport).close()
    turn_until(loop, lambda: protocol.lost)
    turn(loop)


@pytest.mark.parametrize("make", ENDS.values(), ids=ENDS)
def test_swapped_behind_a_write(loop: asyncio.AbstractEventLoop, make: Callable[[], Ends]) -> None:
    """What was written goes to the pipe or nowhere: asyncio has written it by then."""
    reading, writing = make()
    protocol = Recorder()
    loop.set_exception_handler(lambda *_: None)
    with reading, swapping(writing, is_readable=False) as (swap, other):
        transport, _ = run(loop, loop.connect_write_pipe(lambda: protocol, writing))
        swap.is_armed = True
        loop.call_soon(transport.write, b"not for you")
        loop.call_soon(swap)
        turn(loop, A_FEW)
        other.assert_untouched()
        end(loop, transport, protocol)


@needs_buffer_method
def test_swapped_while_it_is_written(loop_name: str, loop: asyncio.AbstractEventLoop) -> None:
    """`transport.write()` of an object that is asked for its bytes."""
    skip_asyncio(loop_name)
    reading, writing = pipe_ends()
    protocol = Recorder()
    with reading, swapping(writing, is_readable=False) as (swap, other):
        transport, _ = run(loop, loop.connect_write_pipe(lambda: protocol, writing))
        data = ExportingBytearray(b"not for you")
        data.hook = swap
        swap.is_armed = True
        transport.write(data)
        assert swap.is_done
        other.assert_untouched()
        end(loop, transport, protocol)


@pytest.mark.parametrize("make", ENDS.values(), ids=ENDS)
def test_swapped_by_another_event_of_the_same_poll(
    loop_name: str, loop: asyncio.AbstractEventLoop, make: Callable[[], Ends]
) -> None:
    """Two pipes are ready; the first one's protocol swaps the file of the second."""
    skip_asyncio(loop_name)
    loop.set_exception_handler(lambda *_: None)
    ends = [make() for _ in range(2)]
    with swapping(ends[0][0]) as swap_0, swapping(ends[1][0]) as swap_1:
        both = [swap_0, swap_1]
        protocols: list[Recorder] = []

        def swap_the_other(own: int) -> Callable[[bytes], None]:
            return lambda _: both[1 - own][0]() if not both[own][0].is_done else None

        for own, (reading, _) in enumerate(ends):
            protocols.append(Recorder(data_received=swap_the_other(own)))
            run(loop, loop.connect_read_pipe(lambda: protocols[-1], reading))
        for swap, _ in both:
            swap.is_armed = True
        for _, writing in ends:
            os.write(writing.fileno(), b"data")
        turn_until(loop, lambda: any(swap.is_done for swap, _ in both))
        turn(loop, A_FEW)
        assert sorted(bytes(protocol.data) for protocol in protocols) == [b"", b"data"]
        for protocol in protocols:
            end(loop, protocol.transport, protocol)
        for _, other in both:
            other.assert_untouched()
    for _, writing in ends:
        writing.close()


def test_swapped_before_the_rest_is_written(loop_name: str, loop: asyncio.AbstractEventLoop) -> None:
    """More was written than the pipe takes; the protocol of another event swaps the file before the rest is sent."""
    skip_asyncio(loop_name)
    reading, writing = pipe_ends()
    protocol = Recorder()
    with reading, swapping(writing, is_readable=False) as (swap, other):
        transport, _ = run(loop, loop.connect_write_pipe(lambda: protocol, writing))
        transport.write(bytes(1 << 20))
        turn(loop)
        assert transport.get_write_buffer_size() > 0
        swap.is_armed = True
        swap()
        read_now(reading)
        transport.write(b"more")
        turn(loop, A_FEW)
        other.assert_untouched()
        transport.abort()
        end(loop, transport, protocol)
