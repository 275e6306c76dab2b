"""The cases of test_turns.py: something in this process makes a descriptor ready, and callbacks follow.

A case makes what it needs, waits in `cause()` until the loop has been busy for the chosen number of turns, acts, and
waits for the calls that the protocols record. The expected turns are not known here.
"""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from turns_support import Log, Turns, connected_pair, socket_pair

Case = Callable[[Turns], Awaitable[None]]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    """Add a case to the table by its name."""
    CASES[function.__name__] = function
    return function


def on_a_pair(name: str, act: Callable[[Any], object], calls: int, reply: bytes = b"") -> None:
    """Add a case on TCP and on Unix: the action of one end's transport, and the number of calls that follow."""
    for kind in ("tcp", "unix"):

        async def run(turns: Turns, kind: str = kind) -> None:
            ours, theirs = await connected_pair(turns, kind)
            theirs.reply = reply
            await turns.cause()
            act(ours.transport)
            await turns.called(calls)

        CASES[f"{name} on {kind}"] = run


def descriptor_of(transport: Any) -> int:
    """Return the number of a transport's descriptor."""
    return int(transport.get_extra_info("socket").fileno())


on_a_pair("write", lambda transport: transport.write(b"x"), 1)
on_a_pair("writelines", lambda transport: transport.writelines([b"x", b"y"]), 1)
on_a_pair("a long write", lambda transport: transport.write(b"x" * 100_000), 1)
on_a_pair("a write that has to wait", lambda transport: transport.write(b"x" * 3_000_000), 3)
on_a_pair("an echo", lambda transport: transport.write(b"x"), 2, reply=b"y")
on_a_pair("close", lambda transport: transport.close(), 3)
on_a_pair("abort", lambda transport: transport.abort(), 3)
on_a_pair("write and close", lambda transport: (transport.write(b"x"), transport.close()), 4)
on_a_pair("write_eof", lambda transport: transport.write_eof(), 3)
on_a_pair("a write behind the loop's back", lambda transport: os.write(descriptor_of(transport), b"x"), 1)
on_a_pair(
    "a shutdown behind the loop's back",
    lambda transport: transport.get_extra_info("socket").shutdown(socket.SHUT_WR),
    3,
)


@case
async def reading_is_resumed(turns: Turns) -> None:
    """Data that arrived while the transport was paused."""
    ours, theirs = await connected_pair(turns, "tcp")
    theirs.transport.pause_reading()
    ours.transport.write(b"x")
    await turns.cause()
    theirs.transport.resume_reading()
    await turns.called(1)


@case
async def a_stream_reader(turns: Turns) -> None:
    """From one task's write to another's read and back."""
    answered = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            turns.note("server")
            writer.write(data)
        writer.close()
        answered.set()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    await turns.cause()
    writer.write(b"x")
    await reader.read(1)
    turns.note("client")
    writer.close()
    server.close()
    await answered.wait()
    await writer.wait_closed()


@case
async def a_reader_makes_room_for_a_writer(turns: Turns) -> None:
    """A loop that is not busy reads without calling a protocol, and the other end can be written to again."""
    writing, reading = socket_pair(turns)
    reader, writer = await asyncio.open_connection(sock=reading, limit=2**24)

    def fill() -> None:
        with contextlib.suppress(BlockingIOError):
            while writing.send(b"x" * 65536):
                pass
        turns.loop.add_writer(writing, lambda: (turns.note("writable"), turns.loop.remove_writer(writing)))

    turns.loop.call_later(0.002, fill)
    await reader.read(2**24)
    turns.note("read")
    turns.loop.call_soon(turns.note, "next turn")
    await turns.called(3)
    writer.close()
    await writer.wait_closed()


def watched_pipe(turns: Turns) -> tuple[int, int]:
    """A pipe whose reading end is watched, and its writing end."""
    reader, writer = os.pipe()
    for number in (reader, writer):
        turns.closing(lambda number=number: os.close(number))

    def read() -> None:
        turns.note("readable")
        os.read(reader, 10)

    turns.loop.add_reader(reader, read)
    turns.closing(lambda: turns.loop.remove_reader(reader))
    return reader, writer


@case
async def a_pipe_is_written_to(turns: Turns) -> None:
    """`os.write`, which the loop does not see."""
    _, writer = watched_pipe(turns)
    await turns.cause()
    os.write(writer, b"x")
    await turns.called(1)


@case
async def a_pipe_is_written_to_by_a_thread(turns: Turns) -> None:
    """A thread that has ended before the callback returns."""
    _, writer = watched_pipe(turns)
    await turns.cause()
    thread = threading.Thread(target=os.write, args=(writer, b"x"))
    thread.start()
    thread.join()
    await turns.called(1)


@case
async def a_pipe_is_written_to_many_times(turns: Turns) -> None:
    """One write after the other, each seen in its turn."""
    _, writer = watched_pipe(turns)
    await turns.cause()
    for count in range(1, 30):
        os.write(writer, b"x")
        await turns.called(count)


@case
async def a_peer_is_closed(turns: Turns) -> None:
    ours, theirs = socket_pair(turns)

    def read() -> None:
        turns.note("readable")
        turns.loop.remove_reader(ours)

    turns.loop.add_reader(ours, read)
    await turns.cause()
    theirs.close()
    await turns.called(1)


@case
async def a_ready_descriptor_is_watched(turns: Turns) -> None:
    """`add_reader` on a ready descriptor, while the loop watches nothing else."""
    ours, theirs = socket_pair(turns)
    theirs.send(b"x")
    await turns.cause()
    turns.loop.add_reader(ours, lambda: (turns.note("readable"), turns.loop.remove_reader(ours)))
    await turns.called(1)


@case
async def a_descriptor_stays_ready(turns: Turns) -> None:
    """`add_writer`: called at every turn."""
    ours, _ = socket_pair(turns)
    await turns.cause()
    turns.loop.add_writer(ours, turns.note, "writable")
    await turns.called(20)
    turns.loop.remove_writer(ours)


@case
async def a_signal(turns: Turns) -> None:
    """A handler of `add_signal_handler`."""
    turns.loop.add_signal_handler(signal.SIGUSR1, turns.note, "signal")
    turns.closing(lambda: turns.loop.remove_signal_handler(signal.SIGUSR1))
    await turns.cause()
    signal.raise_signal(signal.SIGUSR1)
    await turns.called(1)


@case
async def sock_calls(turns: Turns) -> None:
    """A task that waits in `sock_recv`, for data sent by the loop and by the socket itself."""
    ours, theirs = socket_pair(turns)

    async def receive() -> None:
        while await turns.loop.sock_recv(theirs, 10):
            turns.note("received")

    task = turns.loop.create_task(receive())
    await turns.cause()
    await turns.loop.sock_sendall(ours, b"x")
    turns.note("sent")
    await turns.called(2)
    ours.send(b"x")
    await turns.called(3)
    ours.close()
    await task
    turns.note("ended")


@case
async def sock_sendall_has_to_wait(turns: Turns) -> None:
    """More than the kernel takes at once."""
    ours, theirs = socket_pair(turns)
    await turns.cause()
    task = turns.loop.create_task(turns.loop.sock_sendall(ours, b"x" * 1_000_000))
    left = 1_000_000
    while left:
        left -= len(await turns.loop.sock_recv(theirs, 100_000))
        turns.note("received")
    await task
    turns.note("sent")


@case
async def sock_connect_and_sock_accept(turns: Turns) -> None:
    """Both ends of a connection."""
    listener, client = socket.create_server(("127.0.0.1", 0)), socket.socket()
    for sock in (listener, client):
        sock.setblocking(False)
        turns.closing(sock.close)

    async def accept() -> None:
        accepted, _ = await turns.loop.sock_accept(listener)
        turns.note("accepted")
        accepted.close()

    task = turns.loop.create_task(accept())
    await turns.cause()
    await turns.loop.sock_connect(client, listener.getsockname())
    turns.note("connected")
    await task


async def serving(turns: Turns) -> asyncio.Server:
    """A server whose protocols record their calls."""
    server = await turns.loop.create_server(lambda: Log(turns, "server"), "127.0.0.1", 0)
    turns.closing(server.close)
    return server


@case
async def connecting_on_the_loop(turns: Turns) -> None:
    """`create_connection`, and both protocols."""
    server = await serving(turns)
    await turns.cause()
    transport, _ = await turns.loop.create_connection(lambda: Log(turns, "client"), *server.sockets[0].getsockname())
    turns.note("connected")
    await turns.called(3)
    transport.abort()
    await turns.called(6)


@case
async def connecting_behind_the_loops_back(turns: Turns) -> None:
    """A socket connects, sends and closes, each without the loop."""
    server = await serving(turns)
    await turns.cause()
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        await turns.called(1)
        client.send(b"x")
        await turns.called(2)
    await turns.called(4)


@case
async def all_at_once(turns: Turns) -> None:
    """A connection that has sent and closed before it is accepted."""
    server = await serving(turns)
    await turns.cause()
    with socket.create_connection(server.sockets[0].getsockname()) as client:
        client.send(b"x")
    await turns.called(4)


@case
async def a_protocol_factory_is_called(turns: Turns) -> None:
    def make() -> Log:
        turns.note("factory")
        return Log(turns, "server")

    server = await turns.loop.create_server(make, "127.0.0.1", 0)
    turns.closing(server.close)
    await turns.cause()
    with socket.create_connection(server.sockets[0].getsockname()):
        await turns.called(2)
    await turns.called(4)


@case
async def a_unix_server(turns: Turns) -> None:
    server = await turns.loop.create_unix_server(lambda: Log(turns, "server"), f"\0vitok-turns-{os.getpid()}")
    turns.closing(server.close)
    await turns.cause()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(server.sockets[0].getsockname())
        await turns.called(1)
    await turns.called(3)


@case
async def datagrams(turns: Turns) -> None:
    """From `sendto` to `datagram_received`, and the end of an endpoint."""
    receiving, _ = await turns.loop.create_datagram_endpoint(
        lambda: Log(turns, "receiving"), local_addr=("127.0.0.1", 0)
    )
    turns.closing(receiving.abort)
    sending, _ = await turns.loop.create_datagram_endpoint(
        lambda: Log(turns, "sending"), remote_addr=receiving.get_extra_info("sockname")
    )
    await turns.cause()
    sending.sendto(b"x")
    await turns.called(1)
    sending.close()
    await turns.called(2)


async def pipe_transports(turns: Turns) -> tuple[Any, Any]:
    """The transports of both ends of a pipe."""
    reader, writer = os.pipe()
    reading, _ = await turns.loop.connect_read_pipe(lambda: Log(turns, "reading"), os.fdopen(reader, "rb", 0))
    writing, _ = await turns.loop.connect_write_pipe(lambda: Log(turns, "writing"), os.fdopen(writer, "wb", 0))
    turns.closing(reading.close)
    turns.closing(writing.close)
    return reading, writing


@case
async def pipe_transports_write_and_close(turns: Turns) -> None:
    """A write to a pipe, and the end of its writing end."""
    _, writing = await pipe_transports(turns)
    await turns.cause()
    writing.write(b"x")
    await turns.called(1)
    writing.close()
    await turns.called(4)


@case
async def a_pipes_reader_is_gone(turns: Turns) -> None:
    """The writing end is told."""
    reading, _ = await pipe_transports(turns)
    await turns.cause()
    reading.close()
    await turns.called(2)


@case
async def a_pipe_is_read_before_another_is_lost(turns: Turns) -> None:
    """Data in a newly connected pipe comes before the old one's `connection_lost`: asyncssh relies on that."""
    old, _ = await pipe_transports(turns)
    reader, writer = os.pipe()
    os.write(writer, b"x")
    os.close(writer)
    await turns.cause()
    old.close()
    transport, _ = await turns.loop.connect_read_pipe(lambda: Log(turns, "new"), os.fdopen(reader, "rb", 0))
    turns.closing(transport.close)
    await turns.called(6)


@case
async def timers_and_threads(turns: Turns) -> None:
    """Callbacks without a descriptor."""
    await turns.cause()
    turns.loop.call_later(0, turns.note, "timer")
    thread = threading.Thread(target=turns.loop.call_soon_threadsafe, args=(turns.note, "posted"))
    thread.start()
    thread.join()
    turns.loop.call_soon_threadsafe(turns.note, "posted here")
    await turns.called(3)
