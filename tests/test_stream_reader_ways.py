"""The two ways to feed asyncio's StreamReader: natively if the classes are asyncio's own, by methods otherwise.

Methods that a subclass or an instance replaces are called; and random sequences of a peer's actions and a reader's
calls have the same result in both ways. Each call of a reader is tested in test_stream_reader.py.
"""

import asyncio
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from net_support import (
    A_FEW,
    Pair,
    receive,
    reset,
    run,
    send_all,
    tcp_pair,
    unix_pair,
)
from support import private, turn, turn_until

LIMIT = 64


class PlainSubclass(asyncio.StreamReaderProtocol):
    """A protocol that differs in nothing but its class, which is enough to be called the ordinary way."""


class ReaderSubclass(asyncio.StreamReader):
    """A reader that differs in nothing but its class."""


def make(
    loop: asyncio.AbstractEventLoop,
    reader: type[asyncio.StreamReader] = asyncio.StreamReader,
    protocol: type[asyncio.StreamReaderProtocol] = asyncio.StreamReaderProtocol,
) -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    """A reader and its protocol, of these classes."""
    made = reader(limit=LIMIT, loop=loop)
    return made, protocol(made, loop=loop)


@contextmanager
def connected(
    loop: asyncio.AbstractEventLoop, protocol: asyncio.StreamReaderProtocol, pair: Pair | None = None
) -> Iterator[tuple[Any, socket.socket]]:
    """A transport for the protocol and its bare peer."""
    ours, peer = pair or unix_pair()
    transport, _ = run(loop, loop.create_connection(lambda: protocol, sock=ours))
    with peer:
        try:
            yield transport, peer
        finally:
            if ours.fileno() != -1:
                transport.abort()
                turn_until(loop, lambda: ours.fileno() == -1)


@pytest.mark.parametrize("name", ["data_received", "eof_received", "connection_lost"])
def test_a_protocols_method_is_overridden(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Issue "a subclass ... gets the ordinary way": each overridden method of a protocol is called."""
    calls: list[tuple[Any, ...]] = []

    def method(self: Any, *arguments: Any) -> Any:
        calls.append(arguments)
        return getattr(asyncio.StreamReaderProtocol, name)(self, *arguments)

    reader, protocol = make(loop, protocol=type("Overriding", (asyncio.StreamReaderProtocol,), {name: method}))
    with connected(loop, protocol) as (transport, peer):
        peer.send(b"data")
        peer.close()
        assert run(loop, reader.read()) == b"data"
        transport.close()
        turn(loop, A_FEW)
    assert calls == {"data_received": [(b"data",)], "eof_received": [()], "connection_lost": [(None,)]}[name]


@pytest.mark.parametrize("name", ["feed_data", "feed_eof"])
def test_a_readers_method_is_overridden(loop: asyncio.AbstractEventLoop, name: str) -> None:
    """Issue "a subclass ... gets the ordinary way": each overridden method of a reader is called."""
    calls: list[tuple[Any, ...]] = []

    def method(self: Any, *arguments: Any) -> None:
        calls.append(arguments)
        getattr(asyncio.StreamReader, name)(self, *arguments)

    reader, protocol = make(loop, reader=type("Overriding", (asyncio.StreamReader,), {name: method}))
    with connected(loop, protocol) as (_, peer):
        peer.send(b"data")
        peer.shutdown(socket.SHUT_WR)
        assert run(loop, reader.read()) == b"data"
    assert calls[0] == {"feed_data": (b"data",), "feed_eof": ()}[name]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["feed_data", "feed_eof", "data_received", "eof_received"])
def test_a_method_is_replaced_on_the_instance(loop: asyncio.AbstractEventLoop, name: str, when: str) -> None:
    """Issue "a replaced method gets the ordinary way": on the instance, before data has come and between two pieces."""
    calls: list[tuple[Any, ...]] = []
    reader, protocol = make(loop)
    owner: Any = reader if name.startswith("feed") else protocol
    original = getattr(owner, name)

    def replacement(*arguments: Any) -> Any:
        calls.append(arguments)
        return original(*arguments)

    with connected(loop, protocol) as (_, peer):
        if when == "before":
            setattr(owner, name, replacement)
        peer.send(b"one")
        assert run(loop, reader.readexactly(3)) == b"one"
        setattr(owner, name, replacement)
        calls.clear()
        peer.send(b"two")
        peer.shutdown(socket.SHUT_WR)
        assert run(loop, reader.read()) == b"two"
    assert calls[0] == {"feed_data": (b"two",), "data_received": (b"two",)}.get(name, ())


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (asyncio.StreamReader, "feed_data"),
        (asyncio.StreamReader, "feed_eof"),
        (asyncio.StreamReader, "_wakeup_waiter"),
        (asyncio.StreamReaderProtocol, "data_received"),
        (asyncio.StreamReaderProtocol, "eof_received"),
    ],
)
def test_a_method_is_replaced_on_the_class(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """Issue "a replaced method gets the ordinary way": patched on asyncio's class itself, as tracers do."""
    calls: list[str] = []
    original = getattr(owner, name)

    def patched(self: Any, *arguments: Any) -> Any:
        calls.append(name)
        return original(self, *arguments)

    reader, protocol = make(loop)
    with connected(loop, protocol) as (_, peer):
        monkeypatch.setattr(owner, name, patched)
        peer.send(b"data")
        peer.shutdown(socket.SHUT_WR)
        assert run(loop, reader.read()) == b"data"
        monkeypatch.undo()
    assert name in calls


def test_the_reader_is_garbage(loop: asyncio.AbstractEventLoop) -> None:
    """A protocol whose reader nobody holds any more: what arrives is dropped, and nothing fails."""
    reader, protocol = make(loop)
    with connected(loop, protocol) as (_, peer):
        peer.send(b"one")
        assert run(loop, reader.readexactly(3)) == b"one"
        del reader
        peer.send(b"two")
        turn(loop, A_FEW)
        peer.close()
        turn(loop, A_FEW)


def test_fed_from_elsewhere_too(loop: asyncio.AbstractEventLoop) -> None:
    """What the user feeds himself stands in line with what the transport feeds; data behind an end is refused."""
    reader, protocol = make(loop)
    with connected(loop, protocol) as (_, peer):
        reader.feed_data(b"first ")
        peer.send(b"second ")
        turn_until(loop, lambda: len(private(reader)._buffer) > 6)
        reader.feed_data(b"third")
        peer.shutdown(socket.SHUT_WR)
        assert run(loop, reader.read()) == b"first second third"
        with pytest.raises(AssertionError, match="feed_data after feed_eof"):
            reader.feed_data(b"late")


def test_the_protocol_is_changed_on_the_way(loop: asyncio.AbstractEventLoop) -> None:
    """`set_protocol` away from a stream's protocol and back: each gets what arrives in its time."""
    reader, protocol = make(loop)
    got: list[bytes] = []

    class Other(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            got.append(data)

    with connected(loop, protocol) as (transport, peer):
        peer.send(b"one")
        assert run(loop, reader.readexactly(3)) == b"one"
        transport.set_protocol(Other())
        peer.send(b"two")
        turn_until(loop, lambda: got)
        transport.set_protocol(protocol)
        peer.send(b"three")
        assert run(loop, reader.readexactly(5)) == b"three"
    assert got == [b"two"]


WAYS: list[tuple[type[asyncio.StreamReader], type[asyncio.StreamReaderProtocol]]] = [
    (asyncio.StreamReader, asyncio.StreamReaderProtocol),
    (asyncio.StreamReader, PlainSubclass),
    (ReaderSubclass, asyncio.StreamReaderProtocol),
]
# Six tests of ten seeds each; a seed is one connection for each way, and together they take a second on each loop.
GROUPS = 6
SEEDS_PER_GROUP = 10
ENDS = ("close", "shutdown", "reset", "nothing")


def random_script(seed: int) -> tuple[list[tuple[str, Any]], str]:
    """What happens in which order, and how the peer ends it."""
    dice = random.Random(seed)
    script: list[tuple[str, Any]] = []
    for _ in range(dice.randrange(1, 25)):
        if dice.random() < 0.5:
            size = dice.choice([1, 5, 30, LIMIT, 2 * LIMIT, 2 * LIMIT + 1, 500])
            script.append(("send", bytes(dice.choice(b"abc\n-") for _ in range(size))))
        else:
            name = dice.choice(["read", "readexactly", "readline", "readuntil"])
            script.append((name, b"-\n" if name == "readuntil" else dice.choice([0, 1, 10, LIMIT, 300])))
    return script, dice.choice(ENDS)


def play(loop: asyncio.AbstractEventLoop, script: list[tuple[str, Any]], end: str, way: int) -> list[Any]:
    """Play such a script over a new connection, one reading at a time, and give all that was seen."""
    reader, protocol = make(loop, *WAYS[way])
    seen: list[Any] = []
    with connected(loop, protocol, tcp_pair()) as (transport, peer):
        waiting: asyncio.Task[Any] | None = None
        for name, argument in script:
            if name == "send":
                send_all(loop, peer, argument)
            elif waiting is None:
                arguments = () if name == "readline" else (argument,)
                waiting = loop.create_task(getattr(reader, name)(*arguments))
            settle(loop, reader)
            if waiting is not None and waiting.done():
                seen.append(outcome(waiting))
                waiting = None
            seen.append((bytes(private(reader)._buffer), transport.is_reading(), reader.at_eof()))
        finish(peer, end)
        settle(loop, reader)
        if waiting is not None:
            if end == "nothing":
                waiting.cancel()
            turn_until(loop, waiting.done)
            seen.append(outcome(waiting))
        if end == "shutdown":
            transport.write(b"the answer")
            seen.append(receive(loop, peer, 10))
        turn(loop, A_FEW)
        seen.append((type(reader.exception()), transport.is_closing()))
    return seen


def settle(loop: asyncio.AbstractEventLoop, reader: asyncio.StreamReader) -> None:
    """Turn until nothing changes any more: over loopback, what was sent is there in the next poll."""
    previous = None
    while previous != (now := bytes(private(reader)._buffer)):
        previous = now
        turn(loop, A_FEW)


def finish(peer: socket.socket, end: str) -> None:
    """The peer's last action."""
    if end == "close":
        peer.close()
    elif end == "shutdown":
        peer.shutdown(socket.SHUT_WR)
    elif end == "reset":
        reset(peer)


def outcome(task: asyncio.Task[Any]) -> Any:
    """What a task came to, in a form that can be compared."""
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    if error is None:
        return task.result()
    return type(error), str(error), getattr(error, "partial", None), getattr(error, "consumed", None)


@pytest.mark.parametrize("group", range(GROUPS))
def test_all_ways_come_to_the_same(loop: asyncio.AbstractEventLoop, group: int) -> None:
    """Issue "A differential test feeds random sequences to both ways": results, buffers, pauses and errors agree."""
    for seed in range(group * SEEDS_PER_GROUP, (group + 1) * SEEDS_PER_GROUP):
        script, end = random_script(seed)
        native, *ordinary = (play(loop, script, end, way) for way in range(len(WAYS)))
        for other in ordinary:
            assert native == other, f"seed {seed}"
