"""asyncio's StreamReader over TLS: replaced methods, limits, waiting, ends, and random orders compared with asyncio.

test_stream_reader.py and test_stream_reader_ways.py do the same for clear text.
"""

import asyncio
import random
from typing import Any

import pytest
from net_support import A_FEW
from support import NewLoop, loop_factory, pending, result, turn, turn_until
from tls_certificates import Contexts
from tls_support import secured

LIMIT = 64


def make(
    loop: asyncio.AbstractEventLoop,
    reader: type[asyncio.StreamReader] = asyncio.StreamReader,
    protocol: type[asyncio.StreamReaderProtocol] = asyncio.StreamReaderProtocol,
    limit: int = LIMIT,
) -> tuple[asyncio.StreamReader, asyncio.StreamReaderProtocol]:
    """A reader and its protocol, of these classes."""
    made = reader(limit=limit, loop=loop)
    return made, protocol(made, loop=loop)


@pytest.mark.parametrize("name", ["data_received", "eof_received", "connection_lost"])
def test_a_protocols_method_is_overridden(loop: asyncio.AbstractEventLoop, contexts: Contexts, name: str) -> None:
    """Each overridden method of a protocol is called."""
    calls: list[tuple[Any, ...]] = []

    def method(self: Any, *arguments: Any) -> Any:
        calls.append(arguments)
        return getattr(asyncio.StreamReaderProtocol, name)(self, *arguments)

    reader, protocol = make(loop, protocol=type("Overriding", (asyncio.StreamReaderProtocol,), {name: method}))
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"data")
        wire.peer.unwrap()
        assert result(loop, loop.create_task(reader.read())) == b"data"
        turn(loop, A_FEW)
    assert calls == {"data_received": [(b"data",)], "eof_received": [()], "connection_lost": [(None,)]}[name]


@pytest.mark.parametrize("name", ["feed_data", "feed_eof"])
def test_a_readers_method_is_overridden(loop: asyncio.AbstractEventLoop, contexts: Contexts, name: str) -> None:
    """Each overridden method of a reader is called."""
    calls: list[tuple[Any, ...]] = []

    def method(self: Any, *arguments: Any) -> None:
        calls.append(arguments)
        getattr(asyncio.StreamReader, name)(self, *arguments)

    reader, protocol = make(loop, reader=type("Overriding", (asyncio.StreamReader,), {name: method}))
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"data")
        wire.peer.send_close_notify()
        assert result(loop, loop.create_task(reader.read())) == b"data"
    assert calls[0] == {"feed_data": (b"data",), "feed_eof": ()}[name]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["feed_data", "feed_eof", "data_received", "eof_received"])
def test_a_method_is_replaced_on_the_instance(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, name: str, when: str
) -> None:
    """Before data has come, and between two pieces."""
    calls: list[tuple[Any, ...]] = []
    reader, protocol = make(loop)
    owner: Any = reader if name.startswith("feed") else protocol
    original = getattr(owner, name)

    def replacement(*arguments: Any) -> Any:
        calls.append(arguments)
        return original(*arguments)

    with secured(loop, contexts, protocol) as wire:
        if when == "before":
            setattr(owner, name, replacement)
        wire.peer.write(b"one")
        assert result(loop, loop.create_task(reader.readexactly(3))) == b"one"
        setattr(owner, name, replacement)
        calls.clear()
        wire.peer.write(b"two")
        wire.peer.send_close_notify()
        assert result(loop, loop.create_task(reader.read())) == b"two"
    assert calls[0] == {"feed_data": (b"two",), "data_received": (b"two",)}.get(name, ())


def test_the_limit(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Twice the limit pauses the transport, reading resumes it, and a line beyond the limit is an error."""
    reader, protocol = make(loop)
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(bytes(2 * LIMIT))
        turn(loop, A_FEW)
        assert wire.transport.is_reading()
        wire.peer.write(b"x")
        turn_until(loop, lambda: not wire.transport.is_reading())
        wire.peer.write(b"behind the pause")
        turn(loop, A_FEW)
        with pytest.raises(asyncio.LimitOverrunError):
            result(loop, loop.create_task(reader.readuntil(b"\n")))
        assert result(loop, loop.create_task(reader.readexactly(2 * LIMIT + 17))) == bytes(128) + b"xbehind the pause"
        assert wire.transport.is_reading()


def test_waiting_and_cancelling(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """One reading at a time; a cancelled one takes nothing."""
    reader, protocol = make(loop)
    with secured(loop, contexts, protocol) as wire:
        first = pending(loop, reader.readexactly(4))
        with pytest.raises(RuntimeError, match="already waiting"):
            result(loop, loop.create_task(reader.readexactly(1)))
        first.cancel()
        turn(loop, A_FEW)
        assert first.cancelled()
        wire.peer.write(b"data")
        assert result(loop, loop.create_task(reader.readexactly(4))) == b"data"


def test_the_ends(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A goodbye is an end of file; a broken record is the exception of every later reading."""
    reader, protocol = make(loop)
    with secured(loop, contexts, protocol) as wire:
        reading = pending(loop, reader.readexactly(10))
        wire.peer.write(b"four")
        wire.peer.send_close_notify()
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            result(loop, reading)
        assert (caught.value.partial, caught.value.expected) == (b"four", 10)
        assert reader.at_eof()
    reader, protocol = make(loop)
    with secured(loop, contexts, protocol) as wire:
        reading = pending(loop, reader.read(10))
        wire.peer.sock.send(b"this is not a record")
        with pytest.raises(OSError, match="SSL"):
            result(loop, reading)
        with pytest.raises(OSError, match="SSL"):
            result(loop, loop.create_task(reader.read(10)))


def test_the_reader_is_garbage(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A server's protocol holds its reader by a weak reference: data for one that is gone is dropped."""
    reader, protocol = make(loop)
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"one")
        assert result(loop, loop.create_task(reader.readexactly(3))) == b"one"
        del reader
        wire.peer.write(b"two")
        wire.peer.send_close_notify()
        turn(loop, A_FEW)
        wire.transport.abort()


ACTIONS = ["data", "data", "data", "read", "readline", "readexactly", "readuntil", "cancel", "part of a record"]
ENDS = ["goodbye", "end of file", "garbage"]


def played(loop: asyncio.AbstractEventLoop, contexts: Contexts, seed: int) -> list[Any]:
    """What a random order of readings and data comes to."""
    choices = random.Random(seed)
    reader, protocol = make(loop)
    seen: list[Any] = []
    with secured(loop, contexts, protocol, side=choices.choice(["client", "server"])) as wire:
        reading: Any = None
        for action in [*choices.choices(ACTIONS, k=30), choices.choice(ENDS)]:
            count = choices.choice([1, 5, 60, 200, 20_000])
            data = bytes(choices.choices(b"abc\n", k=count))
            if action == "data":
                wire.peer.tls.write(data)
                wire.peer.flush()
            elif action == "part of a record":
                wire.peer.tls.write(data)
                wire.peer.sock.send(wire.peer.outgoing.read(choices.choice([1, 5, 20])))
            elif action == "cancel" and reading is not None:
                reading.cancel()
            elif action == "goodbye":
                wire.peer.send_close_notify()
            elif action == "end of file":
                wire.peer.flush()
                wire.peer.sock.shutdown(1)
            elif action == "garbage":
                wire.peer.flush()
                wire.peer.sock.send(b"this is not a record")
            elif action.startswith("read") and reading is None:
                argument = {"readline": (), "readuntil": (b"a",)}.get(action, (choices.choice([0, 1, 70, 5000]),))
                reading = loop.create_task(getattr(reader, action)(*argument))
            turn(loop, 8)
            seen.append((action, wire.transport.is_reading(), reader.at_eof()))
            if reading is not None and reading.done():
                seen.append(outcome(reading))
                reading = None
        if reading is not None:
            reading.cancel()
            turn(loop, 3)
        seen.append(outcome(loop.create_task(reader.read()), loop))
    return seen


def outcome(task: asyncio.Task[Any], loop: Any = None) -> Any:
    """The result of a task, or the type of its exception."""
    try:
        return result(loop, task) if loop is not None else task.result()
    except asyncio.CancelledError:
        return "cancelled"
    except Exception as exc:
        return type(exc).__name__, getattr(exc, "partial", None)


@pytest.mark.vitok_only
@pytest.mark.parametrize("seed", range(30))
def test_random_orders(new_loop: NewLoop, contexts: Contexts, seed: int) -> None:
    """They come to the same as on asyncio's loop."""
    control = loop_factory("asyncio")()
    try:
        expected = played(control, contexts, seed)
    finally:
        control.close()
    assert played(new_loop(), contexts, seed) == expected
