"""Promises of our own TLS transport alone: its engines, how it gathers writes, and faults that only asyncio's has."""

import asyncio
import importlib
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import A_FEW, SMALL_BUFFER, connect, receive, unix_pair
from support import ErrorLog, private, result, run_python, turn, turn_until
from tls_certificates import SERVER, Contexts
from tls_peer import APPLICATION_DATA
from tls_support import SIDES, begin, end, peer_of, secured

pytestmark = pytest.mark.vitok_only

OVERHEAD = 17
RECORD_SIZE = 16384


def engine_of(transport: Any) -> str:
    """The name of a transport's engine."""
    name: str = transport._engine
    return name


@pytest.mark.parametrize("side", SIDES)
def test_the_engine_is_the_wanted_one(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, engine: str, side: str
) -> None:
    """All other tests of this folder test what they say; `direct` needs a libssl that is no part of the interpreter."""
    possible, obstacle = importlib.import_module("vitok._tls").engine()
    assert possible == engine or obstacle is not None
    with secured(loop, contexts, side=side) as wire:
        assert engine_of(wire.transport) == possible


def in_a_turn(loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
    """Act in a callback of the loop: outside its turns, each write is sent by itself."""
    loop.call_soon(act)
    turn(loop)


class OtherObject(ssl.SSLObject):
    """A class of the user's."""


def test_what_direct_cannot_have(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A class of the user's in place of `SSLObject`, and a callback for messages, have the engine `memory`."""
    other = contexts.client()
    other.sslobject_class = OtherObject
    reporting = private(contexts.client())
    reporting._msg_callback = lambda *_: None
    for context in (other, reporting):
        with secured(loop, contexts, context=context) as wire:
            assert engine_of(wire.transport) == "memory"


@pytest.mark.parametrize("wanted", ["auto", "direct", "memory"])
def test_the_environment_chooses(wanted: str) -> None:
    """`VITOK_TLS` is read when the package is imported."""
    child = run_python("-c", "import vitok._tls; print(vitok._tls.wanted)", environment={"VITOK_TLS": wanted})
    assert (child.stdout.strip(), child.stderr) == (wanted, "")


def test_the_environment_is_wrong() -> None:
    """An unknown value is an error that names the known ones."""
    program = "import vitok; vitok.new_event_loop(); import vitok._tls"
    child = run_python("-c", program, environment={"VITOK_TLS": "fast"})
    assert child.returncode == 1
    assert "VITOK_TLS='fast': not one of auto, direct, memory" in child.stderr


def test_small_writes_of_a_turn_are_one_record(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """However many there are, as long as a record holds them."""
    with secured(loop, contexts) as wire:
        wire.peer.records.clear()

        def write() -> None:
            for number in range(1000):
                wire.transport.write(b"%03d|" % number)

        in_a_turn(loop, write)
        assert wire.peer.receive(4000) == b"".join(b"%03d|" % number for number in range(1000))
        assert wire.peer.records == [(APPLICATION_DATA, 4000 + OVERHEAD)]


def test_writes_of_two_turns_are_two_records(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Nothing is held back for a later turn."""
    with secured(loop, contexts) as wire:
        wire.peer.records.clear()
        in_a_turn(loop, lambda: wire.transport.write(b"one"))
        in_a_turn(loop, lambda: wire.transport.write(b"two"))
        assert wire.peer.receive(6) == b"onetwo"
        assert wire.peer.records == [(APPLICATION_DATA, 3 + OVERHEAD)] * 2


def test_records_are_full(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Small writes and `writelines` fill records of 16 KiB, one behind the other."""
    with secured(loop, contexts) as wire:
        wire.peer.records.clear()

        def write() -> None:
            wire.transport.writelines([bytes(1000)] * 20)
            for _ in range(20):
                wire.transport.write(bytes(1000))

        in_a_turn(loop, write)
        assert wire.peer.receive(40_000) == bytes(40_000)
        sizes = [size - OVERHEAD for _, size in wire.peer.records]
        assert sum(sizes) == 40_000
        assert len(sizes) <= 5
        assert max(sizes) <= RECORD_SIZE


def test_records_leave_before_a_goodbye(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A close in the turn of writes keeps their order, and the writes are still one record."""
    with secured(loop, contexts) as wire:
        wire.peer.records.clear()

        def write_and_close() -> None:
            for _ in range(10):
                wire.transport.write(b"x")
            wire.transport.close()

        in_a_turn(loop, write_and_close)
        assert wire.peer.receive_all() == b"x" * 10
        assert [size for kind, size in wire.peer.records if size > 10 + OVERHEAD - 1] == [10 + OVERHEAD]


def test_writes_of_a_stopped_loop_are_sent(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What was written in the last turn before the loop stops has left by then."""
    with secured(loop, contexts) as wire:
        loop.call_soon(wire.transport.write, b"last words")
        turn(loop)
        wire.peer.pull()
        assert wire.peer.tls.read(100) == b"last words"


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_every_kind_of_buffer_is_filled(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: Any) -> None:
    """asyncio's own transport puts all records but the first into a copy of a `bytearray`."""
    protocol = BufferedRecorder()
    memory = bytearray(1000)
    protocol.buffer = memory if kind is bytearray else memoryview(memory)
    with secured(loop, contexts, protocol) as wire:
        for number in range(5):
            wire.peer.tls.write(b"%d" % number * 10)
        wire.peer.flush()
        turn_until(loop, lambda: len(protocol.data) == 50)
        assert protocol.data == b"".join(b"%d" % number * 10 for number in range(5))


def test_a_read_limit_of_zero(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """asyncio's own transport stops reading for ever."""
    with secured(loop, contexts) as wire:
        wire.transport.set_read_buffer_limits(high=0)
        for _ in range(3):
            wire.peer.write(bytes(50_000))
            turn(loop, A_FEW)
        turn_until(loop, lambda: len(wire.protocol.data) == 150_000)


def test_a_write_limit_of_zero(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The protocol is paused while anything is buffered; asyncio's own transport pauses it for nothing at all."""
    with secured(loop, contexts, pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        wire.transport.set_write_buffer_limits(high=0)
        assert wire.protocol.calls == ["connection_made"]
        written = 0
        while "pause_writing" not in wire.protocol.calls:
            wire.transport.write(bytes(100_000))
            written += 100_000
            turn(loop)
        assert wire.peer.receive(written) == bytes(written)
        turn_until(loop, lambda: wire.protocol.calls[-1] == "resume_writing")


def test_a_client_that_is_paused_at_once(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The end of its handshake is sent all the same: asyncio's own client lets the server wait."""
    protocol = Recorder(connection_made=lambda transport: transport.pause_reading())
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"x")
        turn(loop, A_FEW)
        assert protocol.data == b""
        wire.transport.resume_reading()
        turn_until(loop, lambda: protocol.data == b"x")


def test_a_message_callback_fails_the_handshake(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A handshake whose callback raises never hangs past its timeout."""

    def fail(*_: object) -> None:
        raise LookupError

    context = private(contexts.server())
    context._msg_callback = fail
    loop.set_exception_handler(lambda *_: None)
    ours, theirs = unix_pair()
    task = begin(loop, contexts, Recorder(), ours, side="server", context=context, ssl_handshake_timeout=0.05)
    peer = peer_of(loop, contexts, theirs, side="server")
    with theirs:
        with pytest.raises(ssl.SSLError):
            peer.handshake()
            peer.read()
        turn_until(loop, task.done)
        assert task.exception() is not None
        end(loop, task, ours)


def test_start_tls_on_a_full_transport(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, error_log: ErrorLog
) -> None:
    """With more in its buffer than the mark; asyncio's own transport fails when it is resumed."""
    ours, theirs = unix_pair(send_buffer=SMALL_BUFFER)
    transport = connect(loop, Recorder(), ours)
    transport.write(bytes(300_000))
    with theirs:
        task = loop.create_task(loop.start_tls(transport, Recorder(), contexts.client(), server_hostname=SERVER))
        assert receive(loop, theirs, 300_000) == bytes(300_000)
        peer = peer_of(loop, contexts, theirs)
        peer.handshake()
        tls = result(loop, task)
        tls.write(b"x")
        assert peer.receive(1) == b"x"
        tls.abort()
        turn_until(loop, lambda: ours.fileno() == -1)


def test_a_message_callback_that_writes(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A callback in the middle of a read or a write may use the transport: what it writes follows.

    asyncio's own transport writes into the middle of the write, which breaks the connection or the process.
    """
    given, chosen = contexts.server(), private(contexts.server())
    messages: list[bytes] = []

    def report(*_: object) -> None:
        while messages:
            protocol.transport.write(messages.pop())

    def choose(tls: Any, *_: object) -> None:
        tls.context = chosen

    chosen._msg_callback = report
    given.sni_callback = choose
    protocol = Recorder()
    with secured(loop, contexts, protocol, side="server", context=given) as wire:
        messages.append(b"while reading")
        wire.peer.write(b"x")
        turn_until(loop, lambda: protocol.data)
        assert wire.peer.receive(13) == b"while reading"
        messages.append(b"while writing")
        wire.transport.write(b"[")
        wire.transport.write(b"]")
        got = wire.peer.receive(15)
        assert sorted(got) == sorted(b"[]while writing")
        messages.append(b"later")
        turn(loop, 5)
        messages.clear()
