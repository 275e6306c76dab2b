"""Methods of a TLS transport that are called inside its callbacks: each has the same effects as on asyncio's loop.

For each pair of a callback and an action a whole connection is recorded, on asyncio's loop and on ours.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from net_support import SMALL_BUFFER, reports_of, unix_pair
from support import NewLoop, loop_factory, turn
from tls_certificates import Contexts
from tls_peer import Peer
from tls_support import begin, peer_of
from tls_turns import Trace

pytestmark = pytest.mark.vitok_only

PLAIN = ["connection_made", "data_received", "eof_received", "connection_lost", "pause_writing", "resume_writing"]
BUFFERED = ["connection_made", "get_buffer", "buffer_updated", "eof_received", "connection_lost", "pause_writing"]


class Failure(Exception):
    """What the action of that name raises."""


def fail(transport: Any, other: Any) -> None:
    """Raise an exception."""
    raise Failure


ACTIONS: dict[str, Callable[[Any, Any], object]] = {
    "close": lambda transport, other: transport.close(),
    "abort": lambda transport, other: transport.abort(),
    "close and abort": lambda transport, other: (transport.close(), transport.abort()),
    "pause": lambda transport, other: transport.pause_reading(),
    "pause and resume": lambda transport, other: (transport.pause_reading(), transport.resume_reading()),
    "write": lambda transport, other: transport.write(b"from a callback"),
    "write much": lambda transport, other: transport.write(bytes(30_000)),
    "write and close": lambda transport, other: (transport.write(b"last"), transport.close()),
    "another protocol": lambda transport, other: transport.set_protocol(other),
    "limits": lambda transport, other: transport.set_write_buffer_limits(high=5),
    "fail": fail,
}


def act_once(callback: str, action: str, other: Any, trace: Trace, is_armed: list[bool]) -> Callable[..., None]:
    """A hook that runs the action the first time, and records the exception of the call if there is one."""

    def hook(*arguments: Any) -> None:
        if not is_armed:
            return
        is_armed.clear()
        transport = arguments[0] if callback == "connection_made" else made[0].transport
        try:
            ACTIONS[action](transport, other)
        except Failure:
            raise
        except Exception as exc:
            trace.note("the action raised", f"{type(exc).__name__}: {exc}")

    made: list[Any] = []
    hook.made = made  # type: ignore[attr-defined]
    return hook


def quietly(operation: Callable[..., Any], *arguments: Any) -> Any:
    """Run an operation that may fail because of what the action did.

    asyncio's own transport raises an AttributeError for most calls after a second `close`.
    """
    try:
        return operation(*arguments)
    except (ssl.SSLError, OSError, AttributeError):
        return None


def read_all(loop: Any, peer: Peer) -> bytes:
    """What has arrived at the peer, with turns for more as long as more comes."""
    got = bytearray()
    while True:
        piece = quietly(peer.tls.read, 1 << 16)
        if piece:
            got += piece
            continue
        before = peer.incoming.pending
        for _ in range(3):
            turn(loop)
            peer.pull()
        if peer.incoming.pending == before:
            return bytes(got)


def connection(trace: Trace, kind: str, callback: str, action: str) -> None:
    """A connection with everything that can happen to it."""
    loop = trace.loop
    ours, theirs = unix_pair()
    # Of our end only: the peer never has to wait, and all turns are counted.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
    is_armed = [True]
    other = trace.protocol(name="other")
    hook = act_once(callback, action, other, trace, is_armed)
    hooks = {} if callback == "get_buffer" else {callback: hook}
    protocol = trace.protocol(kind, **hooks)
    if kind == "buffered":
        protocol.buffer = memoryview(bytearray(4000))
    hook.made.append(protocol)  # type: ignore[attr-defined]
    making = begin(loop, trace.contexts, protocol, ours, side=trace.side)
    task = trace.task("the call", making)
    peer = peer_of(loop, trace.contexts, theirs, side=trace.side)
    with theirs:
        for number in range(3):
            trace.after(f"flight {number}", 4)
            peer.pull()
            quietly(peer.tls.do_handshake)
            quietly(peer.flush)
        if callback == "get_buffer":
            # asyncio also asks for a buffer when there is no data for it: only what follows is compared.
            protocol.inside["get_buffer"] = lambda _: hook()
        exchange(trace, protocol.transport, peer)
        if ours.fileno() != -1:
            protocol.transport.abort()
            trace.after("abort")
        if task.done() and not task.cancelled():
            trace.note("the call has failed", task.exception() is not None)
    task.cancel()
    turn(loop, 3)


def exchange(trace: Trace, transport: Any, peer: Peer) -> None:
    """Data from the peer, much data to it, and its end."""
    got = bytearray()
    for _ in range(3):
        quietly(peer.tls.write, bytes(3000))
    quietly(peer.flush)
    trace.after("data")
    quietly(transport.set_write_buffer_limits, 20_000)
    # asyncio's own transport counts nothing of the first write, which fills the transport below.
    quietly(transport.write, bytes(100_000))
    trace.after("a long write", 2)
    quietly(transport.write, bytes(30_000))
    quietly(transport.write, b"|")
    trace.after("writes")
    got += read_all(trace.loop, peer)
    quietly(transport.resume_reading)
    trace.after("reads of the peer")
    quietly(peer.write, b"more")
    quietly(peer.send_close_notify)
    trace.after("the peer's goodbye")
    got += read_all(trace.loop, peer)
    quietly(theirs_end, peer)
    trace.after("end of file")
    trace.note("the peer has received", len(got))
    trace.note("is closing", transport.is_closing())


def theirs_end(peer: Peer) -> None:
    """End the peer's side of the socket."""
    peer.sock.shutdown(1)


def recorded(make: Callable[[], Any], contexts: Contexts, side: str, *case: str) -> list[tuple[str, Any]]:
    """The trace of a connection, with the calls of the exception handler."""
    loop = make()
    reports = reports_of(loop)
    try:
        trace = Trace(loop, contexts, side)
        connection(trace, *case)
        kinds = [type(report.get("exception")).__name__ for report in reports]
        # asyncio's own transport below fails with it when it is aborted in `resume_writing`.
        return [*trace.seen, ("reports", [kind for kind in kinds if kind != "AttributeError"])]
    finally:
        loop.close()


ENDING = ("close", "close and abort", "write and close")
# Pairs for which asyncio's own transport is no oracle: it keeps the last message of its handshake back, it counts that
# for the marks, and after `close` it gives a buffered protocol more data and calls what is left then an error.
FAULTS_OF_ASYNCIO = {
    ("connection_made", "pause"),
    ("connection_made", "limits"),
    *((callback, action) for callback in ("get_buffer", "buffer_updated") for action in ENDING),
}
# One side for each kind of protocol, so that all cases take seconds.
CASES = [
    (side, kind, callback, action)
    for side, kind, callbacks in (("client", "plain", PLAIN), ("server", "buffered", BUFFERED))
    for callback in callbacks
    for action in ACTIONS
    if (callback, action) not in FAULTS_OF_ASYNCIO
]


@pytest.mark.parametrize(("side", "kind", "callback", "action"), CASES)
def test_actions_in_callbacks(
    new_loop: NewLoop, contexts: Contexts, side: str, kind: str, callback: str, action: str
) -> None:
    """The same callbacks in the same turns, with the same data."""
    expected = recorded(loop_factory("asyncio"), contexts, side, kind, callback, action)
    got = recorded(new_loop, contexts, side, kind, callback, action)
    if callback == "pause_writing" and action in ENDING:
        # What is written is passed to the transport below at once, so that the protocol can be resumed earlier.
        got, expected = ([call for call in trace if call[0] != "resume_writing"] for trace in (got, expected))
    assert got == expected


@pytest.mark.parametrize("callback", ["get_buffer", "buffer_updated"])
def test_no_data_after_close_for_a_buffered_protocol(new_loop: NewLoop, contexts: Contexts, callback: str) -> None:
    """A `close` inside a callback for data: `connection_lost` is called once, and nothing is delivered after it."""
    trace = recorded(new_loop, contexts, "server", "buffered", callback, "close")
    names = [call[0] for call in trace]
    assert names.count("connection_lost") == 1
    assert "buffer_updated" not in names[names.index("connection_lost") :]
