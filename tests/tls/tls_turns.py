"""Cases of test_tls_turns.py: something happens to a TLS connection, and callbacks follow in later turns of the loop.

A case acts between turns, and counts the turns from each action on. The expected turns are not known here.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from net_support import connect, reset, tcp_pair, unix_pair
from support import turn
from tls_certificates import SERVER, Contexts
from tls_support import Secured, begin, end, peer_of, recorder_of, secured

CALLBACKS = [
    "connection_made",
    "data_received",
    "buffer_updated",
    "eof_received",
    "pause_writing",
    "resume_writing",
    "connection_lost",
]
# Enough turns for everything that follows from one action.
ENOUGH = 12


class Trace:
    """The callbacks that were seen, each with the number of turns since the last action."""

    def __init__(self, loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
        self.loop = loop
        self.contexts = contexts
        self.side = side
        self.seen: list[tuple[str, Any]] = []
        self._turn = 0

    def protocol(self, kind: str = "plain", name: str = "", **hooks: Any) -> Any:
        """A protocol whose callbacks are recorded."""

        def recording(callback: str) -> Callable[..., Any]:
            def record(*arguments: Any) -> Any:
                self.note(f"{name} {callback}".strip(), detail(*arguments))
                return hooks[callback](*arguments) if callback in hooks else None

            return record

        return recorder_of(kind, **{callback: recording(callback) for callback in CALLBACKS})

    def note(self, what: str, more: Any = None) -> None:
        """Record that this happens now."""
        self.seen.append((what, self._turn) if more is None else (what, more, self._turn))

    def after(self, action: str, turns: int = ENOUGH) -> None:
        """Count the turns from this action on, and run some."""
        self.seen.append((action, "->"))
        for number in range(1, turns + 1):
            self._turn = number
            turn(self.loop)
        self._turn = 0

    def task(self, name: str, coroutine: Any) -> asyncio.Task[Any]:
        """Record the turn in which this ends, and how."""

        async def wait() -> Any:
            try:
                value = await coroutine
            except BaseException as exc:
                self.note(name, type(exc).__name__)
                raise
            self.note(name, "is done")
            return value

        return self.loop.create_task(wait())

    def secured(self, protocol: Any = None, **options: Any) -> Any:
        """A connection after its handshake, of which nothing is recorded."""
        made = protocol or self.protocol()
        return Connection(self, secured(self.loop, self.contexts, made, side=self.side, **options))


class Connection:
    """A connection that forgets what was recorded before it was complete, and after the case."""

    def __init__(self, trace: Trace, manager: Any) -> None:
        self.trace = trace
        self.manager = manager

    def __enter__(self) -> Secured:
        seen = list(self.trace.seen)
        wire: Secured = self.manager.__enter__()
        # Whatever follows from the handshake, such as the tickets of TLS 1.3, is over then.
        turn(self.trace.loop, ENOUGH)
        wire.peer.pull()
        self.trace.seen = seen
        return wire

    def __exit__(self, *error: Any) -> None:
        seen = list(self.trace.seen)
        self.manager.__exit__(*error)
        self.trace.seen = seen


def detail(*arguments: Any) -> Any:
    """The part of a callback's arguments that can be compared."""
    if not arguments or isinstance(arguments[0], asyncio.BaseTransport):
        return None
    value = arguments[0]
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    return value if value is None or isinstance(value, int) else type(value).__name__


CASES: dict[str, Callable[[Trace], None]] = {}


def case(function: Callable[[Trace], None]) -> Callable[[Trace], None]:
    """Add a case to the table by its name."""
    CASES[function.__name__] = function
    return function


@case
def a_handshake(trace: Trace) -> None:
    """From each flight of the peer to the connection and the end of the caller's task."""
    ours, theirs = unix_pair()
    peer = peer_of(trace.loop, trace.contexts, theirs, side=trace.side)
    with theirs:
        making = begin(trace.loop, trace.contexts, trace.protocol(), ours, side=trace.side)
        task = trace.task("the call", making)
        trace.after("begin")
        for number in range(4):
            peer.pull()
            try:
                peer.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            peer.flush()
            trace.after(f"flight {number}")
        seen = list(trace.seen)
        task.result()
        end(trace.loop, making, ours)
        trace.seen = seen


@case
def a_refused_handshake(trace: Trace) -> None:
    """From a message that is none to the error of the caller."""
    ours, theirs = unix_pair()
    with theirs:
        making = begin(trace.loop, trace.contexts, trace.protocol(), ours, side=trace.side)
        task = trace.task("the call", making)
        trace.after("begin")
        theirs.send(b"this is not a record")
        trace.after("garbage")
        assert task.exception() is not None
        end(trace.loop, making, ours)


@case
def an_end_in_the_handshake(trace: Trace) -> None:
    """From the peer's end to the error of the caller."""
    ours, theirs = unix_pair()
    making = begin(trace.loop, trace.contexts, trace.protocol(), ours, side=trace.side)
    task = trace.task("the call", making)
    trace.after("begin")
    theirs.close()
    trace.after("end of file")
    assert task.exception() is not None
    end(trace.loop, making, ours)


@case
def a_message(trace: Trace) -> None:
    """Data of one record, of several and of more than a read takes."""
    with trace.secured() as wire:
        for size in (1, 16384, 16385, 100_000):
            wire.peer.write(bytes(size))
            trace.after(f"{size} bytes")


@case
def a_buffered_message(trace: Trace) -> None:
    """The same for a buffer that is smaller, and for one that is larger."""
    for size in (1000, 65536):
        protocol = trace.protocol("buffered")
        protocol.buffer = memoryview(bytearray(size))
        with trace.secured(protocol) as wire:
            wire.peer.write(bytes(5500))
            trace.after(f"5500 bytes for a buffer of {size}")


@case
def half_a_record(trace: Trace) -> None:
    """A record in two pieces."""
    with trace.secured() as wire:
        wire.peer.tls.write(b"x" * 100)
        record = wire.peer.outgoing.read()
        wire.peer.sock.send(record[:50])
        trace.after("the first half")
        wire.peer.sock.send(record[50:])
        trace.after("the second half")


@case
def close(trace: Trace) -> None:
    """Our goodbye, the peer's, and the end."""
    with trace.secured() as wire:
        wire.transport.close()
        trace.after("close")
        wire.peer.pull()
        wire.peer.send_close_notify()
        trace.after("the answer")
        wire.peer.sock.shutdown(1)
        trace.after("end of file")


@case
def close_that_is_answered_by_an_end_of_file(trace: Trace) -> None:
    """The peer does not say goodbye."""
    with trace.secured() as wire:
        wire.transport.close()
        trace.after("close")
        wire.peer.sock.shutdown(1)
        trace.after("end of file")


@case
def write_and_close(trace: Trace) -> None:
    """With more in the buffer than the kernel takes."""
    with trace.secured(pair=unix_pair(send_buffer=4096)) as wire:
        wire.transport.write(bytes(200_000))
        wire.transport.close()
        trace.after("close")
        assert len(wire.peer.receive_all()) == 200_000
        wire.peer.send_close_notify()
        trace.after("the answer")


@case
def abort(trace: Trace) -> None:
    """The end without a goodbye."""
    with trace.secured() as wire:
        wire.transport.abort()
        trace.after("abort")


@case
def close_and_abort(trace: Trace) -> None:
    """`abort` while the goodbye is waited for."""
    with trace.secured() as wire:
        wire.transport.close()
        trace.after("close")
        wire.transport.abort()
        trace.after("abort")


@case
def the_goodbye_of_the_peer(trace: Trace) -> None:
    """It is an end of data and of the connection."""
    with trace.secured() as wire:
        wire.peer.write(b"last")
        wire.peer.send_close_notify()
        trace.after("data and goodbye")
        wire.peer.sock.close()
        trace.after("end of file")


@case
def an_end_of_file(trace: Trace) -> None:
    """Without a goodbye, after data."""
    with trace.secured() as wire:
        wire.peer.write(b"last")
        wire.peer.sock.close()
        trace.after("data and end of file")


@case
def a_reset(trace: Trace) -> None:
    """The error of a socket."""
    with trace.secured(pair=tcp_pair()) as wire:
        reset(wire.peer.sock)
        trace.after("reset")


@case
def garbage(trace: Trace) -> None:
    """A record that is none."""
    with trace.secured() as wire:
        wire.peer.sock.send(b"this is not a record")
        trace.after("garbage")


@case
def a_pause(trace: Trace) -> None:
    """Data that waits, and reading that is resumed."""
    with trace.secured() as wire:
        wire.transport.pause_reading()
        wire.peer.write(b"x")
        trace.after("data")
        wire.transport.resume_reading()
        trace.after("resume")


@case
def a_pause_with_an_end(trace: Trace) -> None:
    """Data and an end of file that wait."""
    for goodbye in (False, True):
        with trace.secured() as wire:
            wire.transport.pause_reading()
            wire.peer.write(b"x")
            if goodbye:
                wire.peer.send_close_notify()
            wire.peer.sock.shutdown(1)
            trace.after("data and end")
            wire.transport.resume_reading()
            trace.after("resume")


@case
def flow_control(trace: Trace) -> None:
    """From writes to `pause_writing`, and from the peer's reads to `resume_writing`."""
    with trace.secured(pair=unix_pair(send_buffer=4096)) as wire:
        wire.transport.set_write_buffer_limits(high=20_000, low=10_000)
        for number in range(5):
            wire.transport.write(bytes(100_000))
            trace.after(f"write {number}", 2)
        wire.peer.receive(500_000)
        trace.after("everything is read", 3)


@case
def an_echo(trace: Trace) -> None:
    """An answer in `data_received`, which the peer has after the same turn."""
    protocol: Any = None

    def answer(data: bytes) -> None:
        protocol.transport.write(data)

    protocol = trace.protocol(data_received=answer)
    with trace.secured(protocol) as wire:
        wire.peer.write(b"x")
        for number in range(4):
            trace.after(f"turn {number}", 1)
            wire.peer.pull()
            trace.note("ciphertext for the peer", wire.peer.incoming.pending > 0)


@case
def starting_tls(trace: Trace) -> None:
    """`start_tls` on a transport in clear text."""
    ours, theirs = unix_pair()
    loop, server_side = trace.loop, trace.side == "server"
    transport = connect(loop, trace.protocol(name="clear"), ours)
    context = trace.contexts.server() if server_side else trace.contexts.client()
    options: dict[str, Any] = {"server_side": True} if server_side else {"server_hostname": SERVER}
    peer = peer_of(loop, trace.contexts, theirs, side=trace.side)
    with theirs:
        trace.seen.clear()
        task = trace.task("start_tls", loop.start_tls(transport, trace.protocol(name="tls"), context, **options))
        trace.after("begin")
        for number in range(4):
            peer.pull()
            try:
                peer.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            peer.flush()
            trace.after(f"flight {number}")
        peer.write(b"x")
        trace.after("data")
        peer.send_close_notify()
        trace.after("goodbye")
        task.result().abort()
        trace.after("abort")
