"""The contextvars context of a stream protocol's calls: its creator's, and never that of another connection.

The contexts of handles and tasks are tested in test_call_soon.py.
"""

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import (
    MORE_THAN_THE_KERNEL_TAKES,
    receive,
    tcp_pair,
    unix_pair,
)
from support import turn, turn_until

variable = contextvars.ContextVar("variable", default="nothing")
RECORDERS = [Recorder, BufferedRecorder]
# Every method of each kind of protocol.
ALWAYS = ("connection_made", "eof_received", "connection_lost", "pause_writing", "resume_writing")
METHODS = {Recorder: (*ALWAYS, "data_received"), BufferedRecorder: (*ALWAYS, "get_buffer", "buffer_updated")}


def noting(recorder: type[Any], seen: list[tuple[str, str]]) -> Any:
    """A protocol that notes the variable's value in each of its methods."""

    def note(name: str) -> Callable[..., None]:
        return lambda *_: seen.append((name, variable.get()))

    return recorder(**{name: note(name) for name in METHODS[recorder]})


@pytest.mark.parametrize("recorder", RECORDERS)
def test_the_creators_context(loop: asyncio.AbstractEventLoop, recorder: type[Any]) -> None:
    """Line "The context of ... `create_connection` is the context of the protocol's callbacks"."""
    seen: list[tuple[str, str]] = []
    protocol = noting(recorder, seen)
    ours, peer = unix_pair()

    async def main() -> None:
        variable.set("the creator's")
        await loop.create_connection(lambda: protocol, sock=ours)
        protocol.transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        variable.set("changed later")

    with peer:
        loop.run_until_complete(main())
        peer.send(b"data")
        receive(loop, peer, MORE_THAN_THE_KERNEL_TAKES)
        turn_until(loop, lambda: "resume_writing" in protocol.calls)
        peer.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
    assert {name for name, _ in seen} == set(METHODS[recorder])
    assert {value for _, value in seen} == {"the creator's"}


def test_the_servers_context(loop: asyncio.AbstractEventLoop) -> None:
    """Line "The context of `create_server`": each accepted connection sees what was set before, factory included."""
    seen: list[tuple[str, str]] = []
    made: list[Recorder] = []

    def factory() -> Recorder:
        seen.append(("factory", variable.get()))
        made.append(noting(Recorder, seen))
        return made[-1]

    async def main() -> asyncio.AbstractServer:
        variable.set("the server's")
        server = await loop.create_server(factory, "127.0.0.1", 0)
        variable.set("changed later")
        return server

    server = loop.run_until_complete(main())
    address = server.sockets[0].getsockname()  # type: ignore[attr-defined]

    async def connect() -> None:
        variable.set("the client's")
        _, writer = await asyncio.open_connection(*address)
        writer.write(b"data")
        writer.close()
        await writer.wait_closed()

    for _ in range(2):
        loop.run_until_complete(connect())
    turn_until(loop, lambda: len(made) == 2 and all(protocol.lost for protocol in made))
    server.close()
    turn(loop)
    expected = ["factory", "connection_made", "data_received", "eof_received", "connection_lost"]
    assert sorted(name for name, _ in seen) == sorted(expected * 2)
    assert {value for _, value in seen} == {"the server's"}


@pytest.mark.parametrize("recorder", RECORDERS)
def test_nothing_leaks_between_connections(loop: asyncio.AbstractEventLoop, recorder: type[Any]) -> None:
    """Line "nothing leaks between connections": what one sets in each of its callbacks no other ever sees."""
    seen: dict[int, set[str]] = {}
    made: list[Any] = []

    def factory() -> Any:
        number = len(made)
        seen[number] = set()

        def note(*_: object) -> None:
            seen[number].add(variable.get())
            variable.set(f"set by {number}")

        made.append(recorder(**dict.fromkeys(METHODS[recorder], note)))
        return made[-1]

    async def main() -> asyncio.AbstractServer:
        return await loop.create_server(factory, "127.0.0.1", 0)

    server = loop.run_until_complete(main())
    address = server.sockets[0].getsockname()  # type: ignore[attr-defined]

    async def connect() -> tuple[Any, Any]:
        return await asyncio.open_connection(*address)

    clients = [loop.run_until_complete(connect()) for _ in range(3)]
    for word in (b"one", b"two"):
        for _, writer in clients:
            writer.write(word)
        turn_until(loop, lambda: len(made) == 3 and len({len(protocol.data) for protocol in made}) == 1)
        turn(loop, 3)
    for _, writer in clients:
        writer.close()
    turn_until(loop, lambda: all(protocol.lost for protocol in made))
    server.close()
    turn(loop)
    for number, values in seen.items():
        assert values <= {"nothing", f"set by {number}"}


def test_nothing_leaks_to_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Line "nothing leaks": what a protocol sets is seen neither by its creator nor by other callbacks."""
    seen: list[str] = []
    protocol = Recorder(
        connection_made=lambda _: variable.set("set inside"),
        data_received=lambda _: variable.set("set inside"),
    )
    ours, peer = unix_pair()

    async def main() -> None:
        await loop.create_connection(lambda: protocol, sock=ours)
        seen.append(variable.get())
        loop.call_soon(lambda: seen.append(variable.get()))

    with peer:
        loop.run_until_complete(main())
        peer.send(b"data")
        turn_until(loop, lambda: protocol.data)
        seen.append(variable.get())
        turn(loop)
        protocol.transport.abort()
        turn_until(loop, lambda: protocol.lost)
    assert seen == ["nothing"] * 3


def test_what_was_received_before_is_remembered(loop: asyncio.AbstractEventLoop) -> None:
    """Line "the context of the protocol's callbacks": a connection's pieces of data share one context."""
    seen: list[str] = []

    def note(_: bytes) -> None:
        seen.append(variable.get())
        variable.set("the request's")

    protocol = Recorder(data_received=note, eof_received=lambda: note(b""))
    ours, peer = unix_pair()
    with peer:
        loop.run_until_complete(loop.create_connection(lambda: protocol, sock=ours))
        for _ in range(2):
            peer.send(b"data")
            count = len(seen) + 1
            turn_until(loop, lambda count=count: len(seen) == count)  # type: ignore[misc]
        peer.close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop)
    assert seen == ["nothing", "the request's", "the request's"]


def test_a_task_made_inside(loop: asyncio.AbstractEventLoop) -> None:
    """Line "the context of the protocol's callbacks": a task that a callback makes starts with its values."""
    seen: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        seen.append(variable.get())

    protocol = Recorder(data_received=lambda _: tasks.append(loop.create_task(work())))
    tasks: list[asyncio.Task[None]] = []
    ours, peer = tcp_pair()

    async def main() -> None:
        variable.set("the creator's")
        await loop.create_connection(lambda: protocol, sock=ours)

    with peer:
        loop.run_until_complete(main())
        peer.send(b"data")
        turn_until(loop, lambda: seen)
        protocol.transport.abort()
        turn_until(loop, lambda: protocol.lost)
    assert seen == ["the creator's"]


def test_written_from_inside_a_connections_own_context(loop: asyncio.AbstractEventLoop) -> None:
    """A callback that writes, and thereby is paused, is in its context already: entering it again is no error."""
    seen: list[str] = []
    inside: list[str] = []

    def answer(_: bytes) -> None:
        variable.set("inside")
        protocol.transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        inside.append(variable.get())

    protocol = Recorder(data_received=answer, pause_writing=lambda: seen.append(variable.get()))
    ours, peer = unix_pair()
    with peer:
        loop.run_until_complete(loop.create_connection(lambda: protocol, sock=ours))
        peer.send(b"data")
        turn_until(loop, lambda: inside)
        assert seen == inside == ["inside"]
        protocol.transport.abort()
        turn_until(loop, lambda: protocol.lost)


def test_two_connections_in_one_context(loop: asyncio.AbstractEventLoop) -> None:
    """A callback of one connection makes and ends others, of the same creator: no context is entered twice."""
    pairs = [unix_pair() for _ in range(3)]
    others = [Recorder(), Recorder()]

    async def connect_others(_: object = None) -> None:
        for protocol, (ours, _peer) in zip(others, pairs[1:], strict=True):
            await loop.create_connection(lambda protocol=protocol: protocol, sock=ours)  # type: ignore[misc]

    def received(_: bytes) -> None:
        others[0].transport.abort()
        others[1].transport.write(bytes(MORE_THAN_THE_KERNEL_TAKES))
        others[1].transport.abort()

    first = Recorder(data_received=received)

    async def main() -> None:
        await loop.create_connection(lambda: first, sock=pairs[0][0])
        await connect_others()
        pairs[0][1].send(b"go")
        while not all(protocol.lost for protocol in others):
            await asyncio.sleep(0)
        first.transport.close()
        while not first.lost:
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    turn(loop)
    for _, peer in pairs:
        peer.close()
    assert [protocol.lost for protocol in [first, *others]] == [[None]] * 3
    assert others[1].calls == ["connection_made", "pause_writing", "connection_lost"]
