"""Sending files: `loop.sendfile` over transports and `sock_sendfile` over sockets, by the kernel and by reading.

TLS, where files are always read, is not tested here.
"""

import asyncio
import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import (
    A_FEW,
    SMALL_BUFFER,
    bad,
    fill,
    receive,
    receive_all,
    receive_now,
    run,
    skip_asyncio,
    tcp_pair,
    unix_pair,
    wired,
)
from sendfile_support import CONTENT, KINDS, Send, opened, sending, sent
from support import turn, turn_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with the content."""
    made = tmp_path / "file"
    made.write_bytes(CONTENT)
    return made


@pytest.fixture(params=["transport", "socket"])
def way(loop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest) -> Iterator[tuple[Send, socket.socket]]:
    """Both ways to send a file, over TCP: a function that sends, and the peer."""
    pair = tcp_pair()
    with sending(loop, request.param, pair) as send:
        yield send, pair[1]


@pytest.mark.parametrize(
    ("offset", "count"),
    [
        (0, None),
        (0, len(CONTENT)),
        (0, 10),
        (0, len(CONTENT) + 1000),
        (999_000, None),
        (999_000, 100),
        (999_000, 5000),
        (len(CONTENT), None),
        (len(CONTENT) + 1000, None),
        (len(CONTENT), 10),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_a_file(
    loop: asyncio.AbstractEventLoop,
    way: tuple[Send, socket.socket],
    path: Path,
    kind: str,
    offset: int,
    count: int | None,
) -> None:
    """Line "`sendfile` with `count=None`, with a count past the end, at an offset", and where the file stands then."""
    send, peer = way
    expected = CONTENT[offset:] if count is None else CONTENT[offset : offset + count]
    with opened(path, kind) as file:
        assert sent(loop, send(file, offset, count), peer) == (len(expected), expected)
        if expected:
            assert file.tell() == offset + len(expected)


def test_the_position_of_the_file_does_not_matter(
    loop: asyncio.AbstractEventLoop, way: tuple[Send, socket.socket], path: Path
) -> None:
    """The offset counts from the beginning, wherever the file stands, and 0 means the beginning."""
    send, peer = way
    with path.open("rb") as file:
        file.seek(500)
        assert sent(loop, send(file, 0, 100), peer) == (100, CONTENT[:100])
        assert sent(loop, send(file, offset=300, count=100), peer) == (100, CONTENT[300:400])


def test_without_a_fallback(loop: asyncio.AbstractEventLoop, way: tuple[Send, socket.socket], path: Path) -> None:
    """Line "as asyncio's `fallback` says": with `fallback=False` a file goes, and what is no file is refused."""
    send, peer = way
    with path.open("rb") as file:
        assert sent(loop, send(file, fallback=False), peer) == (len(CONTENT), CONTENT)
    with pytest.raises(asyncio.SendfileNotAvailableError):
        run(loop, send(io.BytesIO(CONTENT), fallback=False))
    assert issubclass(asyncio.SendfileNotAvailableError, RuntimeError)
    assert sent(loop, send(io.BytesIO(b"still works")), peer) == (11, b"still works")


@pytest.mark.parametrize("kind", ["file", "bytes"])
def test_an_empty_file(
    loop: asyncio.AbstractEventLoop, way: tuple[Send, socket.socket], tmp_path: Path, kind: str
) -> None:
    """Nothing is sent of an empty file, and that is no error."""
    send, peer = way
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open("rb") if kind == "file" else io.BytesIO() as file:
        assert sent(loop, send(file), peer) == (0, b"")
        assert sent(loop, send(file, 0, 10), peer) == (0, b"")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"count": 0}, ValueError, "count must be a positive integer"),
        ({"count": -1}, ValueError, "count must be a positive integer"),
        ({"count": 1.5}, TypeError, "count must be a positive integer"),
        ({"offset": -1}, ValueError, "offset must be a non-negative integer"),
        ({"offset": "1"}, TypeError, "offset must be a non-negative integer"),
    ],
)
def test_wrong_arguments_over_a_socket(
    loop: asyncio.AbstractEventLoop, path: Path, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """`sock_sendfile`: counts and offsets that are none."""
    ours, peer = tcp_pair()
    with ours, peer, path.open("rb") as file, pytest.raises(error, match=message):
        run(loop, loop.sock_sendfile(ours, file, **options))


def test_wrong_files_and_sockets(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """`sock_sendfile`: text files and datagram sockets are refused, and blocking sockets in debug mode."""
    ours, peer = tcp_pair()
    with ours, peer, path.open("rb") as file, socket.socket(type=socket.SOCK_DGRAM) as datagram:
        datagram.setblocking(False)
        with path.open() as text, pytest.raises(ValueError, match="file should be opened in binary mode"):
            run(loop, loop.sock_sendfile(ours, bad(text)))
        with pytest.raises(ValueError, match="only SOCK_STREAM type sockets are supported"):
            run(loop, loop.sock_sendfile(datagram, file))
        loop.set_debug(True)
        ours.setblocking(True)
        with pytest.raises(ValueError, match="the socket must be non-blocking"):
            run(loop, loop.sock_sendfile(ours, file))


@pytest.mark.parametrize("kind", KINDS)
def test_behind_what_was_written(loop: asyncio.AbstractEventLoop, loop_name: str, path: Path, kind: str) -> None:
    """Trap "What was batched": a header of the same turn comes before the file; from 3.12 asyncio garbles that."""
    if kind == "by reading":
        skip_asyncio(loop_name, since=(3, 12))
    for pair in (tcp_pair(), unix_pair(send_buffer=SMALL_BUFFER)):
        with wired(loop, pair=pair) as (transport, peer):
            filled = fill(loop, transport) if pair[0].family == socket.AF_UNIX else 0

            async def main(file: Any, transport: Any = transport) -> int:
                transport.write(b"header ")
                count = await loop.sendfile(transport, file)
                transport.write(b" trailer")
                transport.close()
                return count

            with opened(path, kind) as file:
                task = loop.create_task(main(file))
                got = receive_all(loop, peer)
                assert got[filled:] == b"header " + CONTENT + b" trailer"
                assert task.result() == len(CONTENT)


def test_no_writing_meanwhile(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """`write()` and `writelines()` while the kernel sends a file are a RuntimeError, afterwards they work."""
    with wired(loop, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer), path.open("rb") as file:
        task = loop.create_task(loop.sendfile(transport, file, fallback=False))
        turn(loop, 2)
        with pytest.raises(RuntimeError, match="sendfile is in progress"):
            transport.write(b"x")
        with pytest.raises(RuntimeError, match="sendfile is in progress"):
            transport.writelines([b"x"])
        receive(loop, peer, len(CONTENT))
        turn_until(loop, task.done)
        transport.write(b"afterwards")
        assert receive(loop, peer, 10) == b"afterwards"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("paused", [False, True])
def test_reading_stands_still_meanwhile(loop: asyncio.AbstractEventLoop, path: Path, kind: str, paused: bool) -> None:
    """While a file is sent nothing is read; afterwards reading goes on, unless it was paused before."""
    protocol = Recorder()
    with wired(loop, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        if paused:
            transport.pause_reading()
        with opened(path, kind) as file:
            task = loop.create_task(loop.sendfile(transport, file))
            turn(loop, 2)
            peer.send(b"too early")
            assert len(receive(loop, peer, len(CONTENT) // 2)) == len(CONTENT) // 2
            assert protocol.data == b""
            assert not transport.is_reading()
            receive(loop, peer, len(CONTENT) - len(CONTENT) // 2)
            turn_until(loop, task.done)
        turn(loop, A_FEW)
        assert transport.get_protocol() is protocol
        assert transport.is_reading() is not paused
        assert protocol.data == (b"" if paused else b"too early")
        assert protocol.calls.count("pause_writing") == protocol.calls.count("resume_writing")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["transport", "socket"])
def test_the_peer_leaves(loop: asyncio.AbstractEventLoop, path: Path, name: str, kind: str) -> None:
    """A peer that leaves in the middle ends the sending with a ConnectionError."""
    pair = unix_pair(send_buffer=SMALL_BUFFER)
    with sending(loop, name, pair) as send, opened(path, kind) as file:
        task = loop.create_task(send(file))
        receive(loop, pair[1], 2 * SMALL_BUFFER)
        pair[1].close()
        turn_until(loop, task.done)
        with pytest.raises(ConnectionError):
            task.result()


def test_a_closing_transport(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """`loop.sendfile` over a closing transport is a RuntimeError."""
    with wired(loop) as (transport, _), path.open("rb") as file:
        transport.close()
        with pytest.raises(RuntimeError, match="Transport is closing"):
            run(loop, loop.sendfile(transport, file))


@pytest.mark.parametrize("kind", KINDS)
def test_cancelled(loop: asyncio.AbstractEventLoop, loop_name: str, path: Path, kind: str) -> None:
    """Cancelled in the middle: the transport goes on with its protocol, a part is sent; from 3.12 garbled."""
    if kind == "by reading":
        skip_asyncio(loop_name, since=(3, 12))
    protocol = Recorder()
    with wired(loop, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        with opened(path, kind) as file:
            task = loop.create_task(loop.sendfile(transport, file))
            first = receive(loop, peer, 3 * SMALL_BUFFER)
            assert not task.done()
            task.cancel()
            turn_until(loop, task.done)
            assert task.cancelled()
            assert transport.get_protocol() is protocol
            assert transport.is_reading()
            transport.write(b"the next")
            transport.close()
            got = first + receive_all(loop, peer)
        assert got.endswith(b"the next")
        assert CONTENT.startswith(got.removesuffix(b"the next"))


def test_a_cancelled_sending_over_a_socket(loop: asyncio.AbstractEventLoop, path: Path) -> None:
    """`sock_sendfile` cancelled in the middle: the socket is the caller's again, and its number free to be used."""
    for _ in range(3):
        ours, peer = unix_pair(send_buffer=SMALL_BUFFER)
        with ours, peer, path.open("rb") as file:
            task = loop.create_task(loop.sock_sendfile(ours, file))
            receive(loop, peer, 2 * SMALL_BUFFER)
            task.cancel()
            turn_until(loop, task.done)
            assert task.cancelled()
            while receive_now(peer) is not None:
                """Make room."""
            assert run(loop, loop.sock_sendall(ours, b"the next")) is None
            assert receive_now(peer) == b"the next"
