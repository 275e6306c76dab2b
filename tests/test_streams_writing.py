"""`write`, `writelines` and `write_eof` of a stream transport: their arguments, and data complete and in order.

Water marks are tested in test_streams_flow.py.
"""

import array
import asyncio
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    MORE_THAN_THE_KERNEL_TAKES,
    PAIRS,
    SMALL_BUFFER,
    bad,
    receive,
    receive_all,
    receive_now,
    reports_of,
    skip_asyncio,
    unix_pair,
    wired,
)
from support import turn, turn_until

# More pieces than the kernel takes in one vectored call (IOV_MAX is 1024), several times over.
MORE_THAN_ONE_VECTOR = 5000


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))])
def test_what_can_be_written(loop: asyncio.AbstractEventLoop, form: Any) -> None:
    """`write()` takes bytes, bytearray and memoryview; empty ones are no event, and it gives None."""
    with wired(loop) as (transport, peer):
        for piece in (b"", b"one ", b"", b"two ", b""):
            assert transport.write(form(piece)) is None
        turn(loop)
        assert transport.get_write_buffer_size() == 0
        transport.close()
        assert receive_all(loop, peer) == b"one two "


@pytest.mark.parametrize("wrong", ["text", None, 5, [b"a"], array.array("B", b"abc"), object()], ids=repr)
def test_what_cannot_be_written(loop: asyncio.AbstractEventLoop, wrong: object) -> None:
    """Everything else is a TypeError that names the type, out of `write()`, and the connection lives."""
    name = type(wrong).__name__
    with wired(loop) as (transport, peer):
        with pytest.raises(TypeError, match=f"data argument must be .*, not '{name}'"):
            transport.write(bad(wrong))
        transport.write(b"still here")
        assert receive(loop, peer, 10) == b"still here"


@pytest.mark.parametrize("kind", sorted(PAIRS))
def test_ten_mebibytes_to_a_slow_reader(loop: asyncio.AbstractEventLoop, kind: str) -> None:
    """Line "Streams": one huge write reaches a peer that takes little at a time, complete and in order."""
    data = random.Random(3).randbytes(10 * 1024 * 1024)
    protocol = Recorder()
    with wired(loop, protocol, pair=PAIRS[kind]()) as (transport, peer):
        transport.write(data)
        transport.close()
        assert receive_all(loop, peer) == data
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]


@pytest.mark.parametrize("pieces", [64, MORE_THAN_ONE_VECTOR])
def test_many_small_writes_in_one_turn(loop: asyncio.AbstractEventLoop, pieces: int) -> None:
    """Hot path "what one turn wrote to one transport leaves in one vectored send": in order, also beyond IOV_MAX."""
    expected = b"".join(b"%d," % number for number in range(pieces))
    with wired(loop, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        for number in range(pieces):
            transport.write(b"%d," % number)
        assert receive(loop, peer, len(expected)) == expected
        transport.close()
        assert receive_all(loop, peer) == b""


def test_random_writes_stay_in_order(loop: asyncio.AbstractEventLoop) -> None:
    """Line "Streams": sizes and kinds of all sorts, with and without a full socket, make one unbroken stream."""
    dice = random.Random(7)
    expected = bytearray()
    got = bytearray()
    with wired(loop, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        for _ in range(300):
            pieces = [dice.randbytes(dice.choice([0, 1, 10, 1000, 30000])) for _ in range(dice.randrange(1, 5))]
            expected += b"".join(pieces)
            if dice.random() < 0.5:
                transport.writelines([dice.choice([bytes, memoryview])(piece) for piece in pieces if piece])
            else:
                for piece in pieces:
                    transport.write(dice.choice([bytes, memoryview])(piece))
            turn(loop, dice.randrange(3))
            got += receive_now(peer, dice.choice([1, 100, 100000])) or b""
        transport.close()
        got += receive_all(loop, peer)
    assert got == expected


def test_a_bytearray_changed_after_write(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "A bytearray changed after `write()` does not change what is sent"; asyncio's own does from 3.12 on."""
    skip_asyncio(loop_name, since=(3, 12))
    size = MORE_THAN_THE_KERNEL_TAKES
    with wired(loop) as (transport, peer):
        # The kernel takes part of the first, the second waits behind it, and the third is written through a view.
        first, second, third = (bytearray(letter * size) for letter in (b"1", b"2", b"3"))
        transport.write(first)
        transport.write(second)
        view = memoryview(third)
        transport.write(view)
        view.release()
        for written in (first, second, third):
            written[:] = b"x" * size
            written.clear()
        transport.close()
        assert receive_all(loop, peer) == b"1" * size + b"2" * size + b"3" * size


def test_a_small_bytearray_changed_after_write(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A bytearray changed after `write()`": one that the socket has room for, changed and emptied at once."""
    with wired(loop) as (transport, peer):

        def write() -> None:
            buffer = bytearray(b"as written")
            transport.write(buffer)
            buffer[:] = b"changed..."
            buffer.clear()

        loop.call_soon(write)
        assert receive(loop, peer, 10) == b"as written"


@pytest.mark.parametrize("form", ["H", "I", "d"])
def test_items_of_several_bytes(loop: asyncio.AbstractEventLoop, form: str) -> None:
    """Line "A memoryview ... is sent whole": counted in bytes though its length is in items."""
    items = array.array(form, range(100))
    with wired(loop) as (transport, peer):
        transport.write(memoryview(items))
        transport.write(b"behind")
        transport.close()
        assert receive_all(loop, peer) == items.tobytes() + b"behind"


@pytest.mark.vitok_only
@pytest.mark.parametrize("size", [120, MORE_THAN_THE_KERNEL_TAKES // 120 * 120])
@pytest.mark.parametrize("rows", [[2, 3], [5]])
def test_several_dimensions(loop: asyncio.AbstractEventLoop, loop_name: str, size: int, rows: list[int]) -> None:
    """Line "A memoryview of several dimensions is sent whole"; asyncio's own sends a part and fails to slice it."""
    skip_asyncio(loop_name)
    data = random.Random(1).randbytes(size)
    view = memoryview(data).cast("B", [*rows, size // math.prod(rows)])
    with wired(loop) as (transport, peer):
        transport.write(view)
        transport.write(b"behind")
        transport.writelines([view, b"the end"])
        transport.close()
        assert receive_all(loop, peer) == data + b"behind" + data + b"the end"


@pytest.mark.vitok_only
def test_no_dimension(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "A memoryview of several dimensions is sent whole": without any it is one item, which asyncio refuses."""
    skip_asyncio(loop_name)
    with wired(loop) as (transport, peer):
        transport.write(memoryview(b"i").cast("B", []))
        assert receive(loop, peer, 1) == b"i"


@pytest.mark.vitok_only
def test_large_items_are_counted_in_bytes(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Line "sent whole": items of eight bytes that the kernel takes in parts; asyncio's loses count of them."""
    skip_asyncio(loop_name)
    items = array.array("d", range(MORE_THAN_THE_KERNEL_TAKES // 8))
    with wired(loop) as (transport, peer):
        transport.write(memoryview(items))
        transport.write(memoryview(items))
        turn(loop)
        assert transport.get_write_buffer_size() > MORE_THAN_THE_KERNEL_TAKES
        transport.close()
        assert receive_all(loop, peer) == items.tobytes() * 2


def test_a_view_with_gaps(loop: asyncio.AbstractEventLoop) -> None:
    """Line "`write()`": a view that is not contiguous is sent item by item or refused with a BufferError, no more."""
    reports_of(loop)
    protocol = Recorder()
    refused: list[BaseException | None] = []
    with wired(loop, protocol) as (transport, peer):
        try:
            transport.write(memoryview(b"abcdef")[::2])
        except BufferError as error:
            refused.append(error)
        turn(loop, A_FEW)
        refused += protocol.lost
        if not refused:
            assert receive(loop, peer, 3) == b"ace"
    assert all(isinstance(error, BufferError) for error in refused)


def pieces_of(*pieces: Any) -> Iterator[Any]:
    """A generator, which can be gone through once."""
    yield from pieces


@pytest.mark.parametrize("form", [list, tuple, iter, lambda pieces: pieces_of(*pieces)])
def test_writelines_takes_any_iterable(loop: asyncio.AbstractEventLoop, form: Any) -> None:
    """`writelines()` takes lists, tuples, iterators and generators of every kind of bytes, mixed."""
    with wired(loop) as (transport, peer):
        assert transport.writelines(form([b"a", bytearray(b"b"), memoryview(b"cd")])) is None
        transport.writelines(form([b"e"]))
        transport.close()
        assert receive_all(loop, peer) == b"abcde"


def test_writelines_of_nothing(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """An empty list, empty pieces and an empty generator send nothing; that of 3.12 to 3.14.7 then spins for ever."""
    skip_asyncio(loop_name, since=(3, 12), below=(3, 14, 8))
    protocol = Recorder()
    with wired(loop, protocol) as (transport, peer):
        for nothing in ([], (), [b""], [b"", bytearray(), memoryview(b"")], pieces_of(), pieces_of(b"")):
            transport.writelines(nothing)
        transport.writelines([b"", b"a", b"", b"b", b""])
        assert receive(loop, peer, 2) == b"ab"
        assert transport.get_write_buffer_size() == 0
        transport.close()
        turn_until(loop, lambda: protocol.lost)
        assert receive_all(loop, peer) == b""


def test_writelines_beyond_one_vector(loop: asyncio.AbstractEventLoop) -> None:
    """More pieces than IOV_MAX in one call, then more than the kernel takes."""
    data = [b"%d," % number for number in range(MORE_THAN_ONE_VECTOR)]
    big = [bytes([number]) * 100_000 for number in range(50)]
    with wired(loop) as (transport, peer):
        transport.writelines(data)
        transport.writelines(big)
        transport.write(b"the end")
        transport.close()
        assert receive_all(loop, peer) == b"".join(data + big) + b"the end"


@pytest.mark.parametrize("wrong", [5, object, [b"good", "text"], [b"good", 5], (b"good", object)], ids=repr)
@pytest.mark.parametrize("form", [lambda given: given, lambda given: pieces_of(*given)], ids=["itself", "generator"])
def test_writelines_of_what_is_no_bytes(loop: asyncio.AbstractEventLoop, loop_name: str, wrong: Any, form: Any) -> None:
    """A piece that is no bytes is a TypeError before anything is sent; 3.15's own keeps what came before it."""
    skip_asyncio(loop_name, since=(3, 15))
    with wired(loop) as (transport, peer):
        with pytest.raises(TypeError):
            transport.writelines(form(wrong))
        transport.write(b"still here")
        transport.close()
        assert receive_all(loop, peer) == b"still here"


def test_a_generator_that_fails(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """An exception in the iterable leaves `writelines()` and nothing of it is sent; 3.15's own keeps a part."""
    skip_asyncio(loop_name, since=(3, 15))

    def failing() -> Iterator[bytes]:
        yield b"lost"
        raise LookupError

    with wired(loop) as (transport, peer):
        with pytest.raises(LookupError):
            transport.writelines(failing())
        transport.write(b"kept")
        transport.close()
        assert receive_all(loop, peer) == b"kept"


def test_a_generator_that_writes(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Habit "code that user callbacks can re-enter": what the iterable writes goes first; 3.15's own hangs."""
    skip_asyncio(loop_name, since=(3, 15))

    def writing() -> Iterator[bytes]:
        yield b"c"
        transport.write(b"a")
        yield b"d"
        transport.writelines([b"b"])

    with wired(loop) as (transport, peer):
        transport.writelines(writing())
        transport.close()
        assert receive_all(loop, peer) == b"abcd"


def test_a_generator_that_ends_the_stream(loop: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Trap "EOF is checked again after `writelines` consumed its iterable"; asyncio's own does not from 3.12 on."""
    skip_asyncio(loop_name, since=(3, 12))

    def ending() -> Iterator[bytes]:
        yield b"too late"
        transport.write_eof()

    with wired(loop) as (transport, peer):
        with pytest.raises(RuntimeError, match="after write_eof"):
            transport.writelines(ending())
        assert receive_all(loop, peer) == b""


@pytest.mark.parametrize("method", ["close", "abort"])
def test_a_generator_that_closes(loop: asyncio.AbstractEventLoop, loop_name: str, method: str) -> None:
    """Trap "checked again after `writelines` consumed its iterable": closed by it, it is dropped; 3.12+ send it."""
    skip_asyncio(loop_name, since=(3, 12))
    protocol = Recorder()

    def closing() -> Iterator[bytes]:
        yield b"too late"
        getattr(transport, method)()

    with wired(loop, protocol) as (transport, peer):
        transport.writelines(closing())
        assert receive_all(loop, peer) == b""
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [None]
