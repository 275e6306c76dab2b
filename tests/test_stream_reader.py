"""asyncio's own streams on the loop: reading by line, separator and size, flow control, errors, and both ends.

Subclasses and replaced methods are tested in test_stream_reader_ways.py.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from net_support import (
    A_FEW,
    MORE_THAN_THE_KERNEL_TAKES,
    SMALL_BUFFER,
    receive,
    receive_all,
    reports_of,
    reset,
    run,
    send_all,
    tcp_pair,
    unix_pair,
)
from support import private, result, turn, turn_until

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextmanager
def streams(
    loop: asyncio.AbstractEventLoop, *, pair: tuple[socket.socket, socket.socket] | None = None, **options: Any
) -> Iterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, socket.socket]]:
    """A reader, a writer and their bare peer, all closed afterwards."""
    ours, peer = pair or unix_pair()

    async def connect() -> Streams:
        return await asyncio.open_connection(sock=ours, **options)

    reader, writer = run(loop, connect())
    with peer:
        try:
            yield reader, writer, peer
        finally:
            if ours.fileno() != -1:
                writer.transport.abort()
                turn_until(loop, lambda: ours.fileno() == -1)


def pending(loop: asyncio.AbstractEventLoop, waiting: Awaitable[Any]) -> asyncio.Task[Any]:
    """A task that has begun to wait."""

    async def wait() -> Any:
        return await waiting

    task = loop.create_task(wait())
    turn(loop, 2)
    assert not task.done()
    return task


def test_every_way_to_read(loop: asyncio.AbstractEventLoop) -> None:
    """Issue "asyncio's own StreamReader ... fed natively": each reading waits, is woken and takes just its part."""
    ways: list[tuple[Callable[[asyncio.StreamReader], Awaitable[bytes]], bytes, bytes]] = [
        (lambda reader: reader.readline(), b"a line\nrest", b"a line\n"),
        (lambda reader: reader.read(4), b"", b"rest"),
        (lambda reader: reader.readexactly(5), b"exactly", b"exact"),
        (lambda reader: reader.readuntil(b"ly"), b"", b"ly"),
        (lambda reader: reader.readuntil(b"--"), b"up to--and more", b"up to--"),
        (lambda reader: reader.read(100), b"", b"and more"),
        (lambda reader: reader.read(0), b"", b""),
        (lambda reader: reader.readexactly(0), b"", b""),
    ]
    with streams(loop) as (reader, _, peer):
        for way, sent, expected in ways:
            if sent:
                task = pending(loop, way(reader))
                peer.send(sent)
                assert result(loop, task) == expected
            else:
                assert run(loop, way(reader)) == expected  # type: ignore[arg-type]


def test_data_in_pieces(loop: asyncio.AbstractEventLoop) -> None:
    """A line, and an exact count, that arrive byte by byte."""
    with streams(loop) as (reader, _, peer):
        for way in (reader.readline, lambda: reader.readexactly(6)):
            task = pending(loop, way())
            for byte in b"12345\n":
                peer.send(bytes([byte]))
                turn(loop, 2)
            assert result(loop, task) == b"12345\n"


def test_the_end_of_file(loop: asyncio.AbstractEventLoop) -> None:
    """At the end: what is left and then nothing, IncompleteReadError with the part, and `at_eof()` once it is empty."""
    with streams(loop) as (reader, writer, peer):
        peer.send(b"left over")
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(asyncio.IncompleteReadError) as incomplete:
            run(loop, reader.readexactly(100))
        assert (incomplete.value.partial, incomplete.value.expected) == (b"left over", 100)
        assert reader.at_eof()
        assert run(loop, reader.read()) == b""
        assert run(loop, reader.readline()) == b""
        with pytest.raises(asyncio.IncompleteReadError) as incomplete:
            run(loop, reader.readuntil())
        assert (incomplete.value.partial, incomplete.value.expected) == (b"", None)
        # The other direction lives on.
        assert not writer.is_closing()
        writer.write(b"still here")
        assert receive(loop, peer, 10) == b"still here"


def test_not_at_the_end_with_data_left(loop: asyncio.AbstractEventLoop) -> None:
    """`at_eof()`: not while there is something to read, though the end has come."""
    with streams(loop) as (reader, _, peer):
        peer.send(b"a\nb")
        peer.close()
        assert run(loop, reader.readline()) == b"a\n"
        turn(loop, A_FEW)
        assert not reader.at_eof()
        assert run(loop, reader.readline()) == b"b"
        assert reader.at_eof()


def test_reading_everything(loop: asyncio.AbstractEventLoop) -> None:
    """`read()`: up to the end of file, across many pieces, with the transport paused and resumed on the way."""
    data = bytes(range(256)) * (MORE_THAN_THE_KERNEL_TAKES // 256)
    with streams(loop, limit=SMALL_BUFFER) as (reader, _, peer):
        task = pending(loop, reader.read())
        send_all(loop, peer, data)
        peer.close()
        assert result(loop, task) == data


def test_iterating(loop: asyncio.AbstractEventLoop) -> None:
    """`async for`: line by line, the last one without its end."""

    async def lines(reader: asyncio.StreamReader) -> list[bytes]:
        return [line async for line in reader]

    with streams(loop) as (reader, _, peer):
        task = pending(loop, lines(reader))
        peer.send(b"one\ntwo\n")
        turn(loop, 2)
        peer.send(b"three")
        peer.close()
        assert result(loop, task) == [b"one\n", b"two\n", b"three"]


def test_lines_beyond_the_limit(loop: asyncio.AbstractEventLoop) -> None:
    """`limit`: `readline()` is a ValueError and goes on behind it, `readuntil()` a LimitOverrunError that keeps it."""
    with streams(loop, limit=10) as (reader, _, peer):
        peer.send(b"much longer than ten\nnext\n")
        with pytest.raises(ValueError, match="longer than limit"):
            run(loop, reader.readline())
        assert run(loop, reader.readline()) == b"next\n"
        peer.send(b"again longer than ten\n")
        with pytest.raises(asyncio.LimitOverrunError) as overrun:
            run(loop, reader.readuntil())
        assert overrun.value.consumed == 21
        assert run(loop, reader.readexactly(22)) == b"again longer than ten\n"
        peer.send(b"without an end at all")
        with pytest.raises(ValueError, match="exceed the limit"):
            run(loop, reader.readline())


def test_paused_beyond_twice_the_limit(loop: asyncio.AbstractEventLoop) -> None:
    """`limit`: beyond twice of it reading is paused, and resumed when no more than it is left."""
    with streams(loop, limit=10) as (reader, writer, peer):
        transport = private(writer.transport)
        peer.send(b"x" * 20)
        turn(loop, A_FEW)
        assert transport.is_reading()
        peer.send(b"y")
        turn_until(loop, lambda: not transport.is_reading())
        peer.send(b"later")
        turn(loop, A_FEW)
        assert run(loop, reader.readexactly(10)) == b"x" * 10
        assert not transport.is_reading()
        assert run(loop, reader.readexactly(1)) == b"x"
        assert transport.is_reading()
        assert run(loop, reader.readexactly(15)) == b"x" * 9 + b"ylater"


def test_waiting_resumes_a_paused_transport(loop: asyncio.AbstractEventLoop) -> None:
    """`limit`: a reading that needs more than twice of it resumes the transport by itself."""
    with streams(loop, limit=10) as (reader, _, peer):
        task = pending(loop, reader.readexactly(1000))
        send_all(loop, peer, b"z" * 1000)
        assert result(loop, task) == b"z" * 1000


def test_two_readings_at_once(loop: asyncio.AbstractEventLoop) -> None:
    """A second coroutine that waits on one reader is a RuntimeError, and the first is none the worse."""
    with streams(loop) as (reader, _, peer):
        task = pending(loop, reader.readline())
        with pytest.raises(RuntimeError, match="another coroutine is already waiting for incoming data"):
            run(loop, reader.read(1))
        peer.send(b"line\n")
        assert result(loop, task) == b"line\n"


def test_a_cancelled_reading(loop: asyncio.AbstractEventLoop) -> None:
    """A cancelled reading takes nothing: what arrives then, or has arrived in part, is the next one's."""
    with streams(loop) as (reader, _, peer):
        for sent in (b"", b"a half"):
            task = pending(loop, reader.readline())
            if sent:
                peer.send(sent)
                turn(loop, 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                result(loop, task)
        task = pending(loop, reader.readline())
        peer.send(b" line\n")
        assert result(loop, task) == b"a half line\n"


def test_cancelled_in_the_turn_of_the_data(loop: asyncio.AbstractEventLoop) -> None:
    """A reading that is cancelled when its data has come already: the data is not lost."""
    with streams(loop) as (reader, _, peer):
        task = pending(loop, reader.read(100))
        peer.send(b"data")
        # The task may be woken in the turn of the data or in the next one.
        turn_until(loop, lambda: task.done() or private(reader)._buffer)
        task.cancel()
        turn_until(loop, task.done)
        assert (run(loop, reader.read(100)) if task.cancelled() else task.result()) == b"data"


def test_a_reset(loop: asyncio.AbstractEventLoop) -> None:
    """A reset reaches whoever waits, and everybody later: `read`, `drain`, `wait_closed`, `exception()`."""
    with streams(loop, pair=tcp_pair()) as (reader, writer, peer):
        task = pending(loop, reader.read(100))
        reset(peer)
        with pytest.raises(ConnectionResetError):
            result(loop, task)
        assert isinstance(reader.exception(), ConnectionResetError)
        for waiting in (reader.read(1), reader.readline(), writer.drain(), writer.wait_closed()):
            with pytest.raises(ConnectionResetError):
                run(loop, waiting)


def test_closing(loop: asyncio.AbstractEventLoop) -> None:
    """`close()` and `wait_closed()`: what was written is sent, a waiting reader gets the end, twice is fine."""
    with streams(loop) as (reader, writer, peer):
        task = pending(loop, reader.read())
        writer.write(b"good")
        writer.writelines([b"b", b"ye"])
        writer.close()
        assert writer.is_closing()
        assert receive_all(loop, peer) == b"goodbye"
        run(loop, writer.wait_closed())
        run(loop, writer.wait_closed())
        writer.close()
        assert result(loop, task) == b""
        assert reader.at_eof()


def test_drain(loop: asyncio.AbstractEventLoop) -> None:
    """`drain()`: returns at once while there is room, waits while there is none, several waiters at once."""
    with streams(loop, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (_, writer, peer):
        writer.write(b"small")
        run(loop, writer.drain())
        writer.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        tasks = [pending(loop, writer.drain()) for _ in range(3)]
        tasks[1].cancel()
        receive(loop, peer, MORE_THAN_THE_KERNEL_TAKES)
        turn_until(loop, lambda: all(task.done() for task in tasks))
        assert [task.cancelled() for task in tasks] == [False, True, False]


@pytest.mark.parametrize("how", ["abort", "peer"])
def test_drain_of_a_lost_connection(loop: asyncio.AbstractEventLoop, how: str) -> None:
    """`drain()`: a waiter is woken when the connection is lost, and later ones get ConnectionResetError."""
    with streams(loop, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (_, writer, peer):
        writer.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        task = pending(loop, writer.drain())
        if how == "abort":
            private(writer.transport).abort()
            assert result(loop, task) is None
        else:
            peer.close()
            with pytest.raises(ConnectionError):
                result(loop, task)
        with pytest.raises(ConnectionError):
            run(loop, writer.drain())


def test_write_eof(loop: asyncio.AbstractEventLoop) -> None:
    """`write_eof()`: the peer sees the end and can still answer."""
    with streams(loop) as (reader, writer, peer):
        writer.write(b"a question")
        writer.write_eof()
        assert receive_all(loop, peer) == b"a question"
        peer.send(b"an answer")
        peer.close()
        assert run(loop, reader.read()) == b"an answer"


def test_a_servers_callback_fails(loop: asyncio.AbstractEventLoop) -> None:
    """`start_server`: an exception in the callback's task is reported, and that client's connection closed."""
    reports = reports_of(loop)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise LookupError(await reader.readline())

    async def main() -> bytes:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"line\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    assert run(loop, main()) == b""
    assert [type(report["exception"]) for report in reports] == [LookupError]
    reports.clear()


@pytest.mark.parametrize("clients", [1, 50])
def test_echo(loop: asyncio.AbstractEventLoop, clients: int) -> None:
    """`start_server` and `open_connection`: many clients, each hears its own lines back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def client(number: int, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        for count in range(20):
            line = b"%d of %d\n" % (count, number)
            writer.write(line)
            assert await reader.readline() == line
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            await asyncio.gather(*(client(number, address) for number in range(clients)))

    run(loop, main())
