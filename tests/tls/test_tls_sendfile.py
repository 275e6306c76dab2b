"""`loop.sendfile` over TLS: by reading, because the kernel does not encrypt; any offset and count."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from net_support import SMALL_BUFFER, run, unix_pair
from support import turn_until
from tls_certificates import Contexts
from tls_support import SIDES, recorder_of, secured

# More than one block of the fallback, which reads 256 KiB at a time, and no multiple of anything.
SIZE = 600_001


@pytest.fixture
def content() -> bytes:
    """The bytes of the file."""
    return b"".join(number.to_bytes(3, "big") for number in range(SIZE // 3 + 1))[:SIZE]


@pytest.fixture
def file(tmp_path: Path, content: bytes) -> Iterator[IO[bytes]]:
    """An open file."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb") as opened:
        yield opened


def sent(loop: asyncio.AbstractEventLoop, wire: Any, *arguments: Any, **options: Any) -> bytes:
    """What arrives of a file. A mark that the transport writes afterwards must follow it."""

    async def send() -> int:
        count = await loop.sendfile(wire.transport, *arguments, **options)
        wire.transport.write(b"|")
        return count

    task = loop.create_task(send())
    got = bytearray()
    while not task.done() or len(got) <= task.result():
        got += wire.peer.read()
    assert got[-1:] == b"|"
    return bytes(got[:-1])


CASES = {
    "whole": (0, None),
    "with an offset": (1000, None),
    "a part": (1000, 300_000),
    "one byte": (SIZE - 1, 1),
    "past the end by its count": (SIZE - 10, 1000),
    "at the end": (SIZE, None),
    "beyond the end": (SIZE + 5, None),
    "exactly": (0, SIZE),
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("case", CASES)
def test_parts(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, file: IO[bytes], content: bytes, case: str, side: str
) -> None:
    """The bytes that were asked for, as far as the file has them, and the position of the file behind them."""
    offset, count = CASES[case]
    with secured(loop, contexts, side=side) as wire:
        expected = content[offset:][: SIZE if count is None else count]
        assert sent(loop, wire, file, offset, count) == expected
        assert file.tell() == offset + len(expected)


@pytest.mark.parametrize("kind", ["plain", "buffered"])
def test_the_protocol_comes_back(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, file: IO[bytes], content: bytes, kind: str
) -> None:
    """Afterwards the transport reads and writes for its protocol as before, with more files between."""
    with secured(loop, contexts, recorder_of(kind), pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        for number in range(1, 4):
            # An offset of zero means the position.
            file.seek(0)
            assert sent(loop, wire, file) == content
            assert wire.transport.get_protocol() is wire.protocol
            assert wire.transport.is_reading()
            wire.peer.write(b"x")
            turn_until(loop, lambda number=number: len(wire.protocol.data) == number)


def test_without_the_fallback(loop: asyncio.AbstractEventLoop, contexts: Contexts, file: IO[bytes]) -> None:
    """`fallback=False` refuses to read."""
    with secured(loop, contexts) as wire, pytest.raises(RuntimeError, match="fallback is disabled and native sendfile"):
        run(loop, loop.sendfile(wire.transport, file, fallback=False))


def test_on_a_closing_transport(loop: asyncio.AbstractEventLoop, contexts: Contexts, file: IO[bytes]) -> None:
    """It is refused."""
    with secured(loop, contexts) as wire:
        wire.transport.close()
        with pytest.raises(RuntimeError, match="Transport is closing"):
            run(loop, loop.sendfile(wire.transport, file))


def test_an_abort_in_the_middle(
    loop: asyncio.AbstractEventLoop,
    contexts: Contexts,
    tmp_path: Path,
) -> None:
    """A connection that ends in the middle is a ConnectionError for the caller."""
    path = tmp_path / "long"
    path.touch()
    os.truncate(path, 10_000_000)
    with path.open("rb") as file, secured(loop, contexts, pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        task = loop.create_task(loop.sendfile(wire.transport, file))
        wire.peer.receive(1_000_000)
        assert not task.done()
        wire.transport.abort()
        turn_until(loop, lambda: task.done() and wire.protocol.lost)
        assert isinstance(task.exception(), ConnectionError)
