"""Exceptions of the application inside the callbacks of a TLS transport, and the contexts of callbacks."""

import asyncio
import contextvars
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, reports_of, unix_pair
from support import result, turn, turn_until
from tls_certificates import Contexts
from tls_support import SIDES, begin, end, peer_of, recorder_of, secured


class Failure(Exception):
    """Raised by a callback of the tests."""


class Fatal(BaseException):
    """Raised by a callback of the tests; it is no `Exception`."""


def fail(*_: object) -> None:
    """Raise."""
    raise Failure


CALLBACKS = ["data_received", "get_buffer", "buffer_updated", "eof_received"]
MESSAGES = {
    "data_received": "Fatal error on SSL protocol",
    "get_buffer": "Fatal error on SSL protocol",
    "buffer_updated": "Fatal error on SSL protocol",
    "eof_received": "Error calling eof_received()",
}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_that_raise(loop: asyncio.AbstractEventLoop, contexts: Contexts, name: str, side: str) -> None:
    """The connection is closed, with the exception as the reason, which goes to the loop's handler as well."""
    reports = reports_of(loop)
    kind = "buffered" if "buffer" in name else "plain"
    with secured(loop, contexts, recorder_of(kind), side=side) as wire:
        # asyncio's own transport asks for a buffer at once, also where there is no data for it.
        wire.protocol.inside[name] = fail
        wire.peer.write(b"data")
        wire.peer.send_close_notify()
        turn_until(loop, lambda: wire.protocol.lost)
        turn(loop, A_FEW)
        (error,) = wire.protocol.lost
        assert isinstance(error, Failure)
        assert [report["exception"] for report in reports] == [error]
        assert reports[0]["message"] == MESSAGES[name]
        assert wire.protocol.calls.count(name) == 1 or name == "get_buffer"


def test_connection_lost_that_raises(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The exception goes to the loop's handler, and the socket is closed."""
    reports = reports_of(loop)
    ours, theirs = unix_pair()
    with secured(loop, contexts, Recorder(connection_lost=fail), pair=(ours, theirs)) as wire:
        wire.transport.abort()
        turn_until(loop, lambda: wire.protocol.lost and reports and ours.fileno() == -1)
        assert [type(report["exception"]) for report in reports] == [Failure]
        assert "connection_lost" in reports[0]["message"]


@pytest.mark.parametrize("side", SIDES)
def test_connection_made_that_raises(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """The loop's handler gets the exception, and the connection can still be ended."""
    reports = reports_of(loop)
    ours, theirs = unix_pair()
    protocol = Recorder(connection_made=fail)
    task = begin(loop, contexts, protocol, ours, side=side)
    peer = peer_of(loop, contexts, theirs, side=side)
    with theirs:
        # A client's last message of the handshake may never be sent.
        while not reports:
            try:
                peer.tls.do_handshake()
            except OSError:
                pass
            peer.flush()
            turn(loop)
            peer.pull()
        assert [type(report["exception"]) for report in reports] == [Failure]
        assert protocol.calls[0] == "connection_made"
        if not task.done():
            protocol.transport.abort()
        end(loop, task, ours)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("name", ["data_received", "buffer_updated", "eof_received"])
def test_a_request_to_exit(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, name: str, error: type[BaseException]
) -> None:
    """It leaves the loop, which can be run again."""

    def leave(*_: object) -> None:
        raise error

    kind = "buffered" if "buffer" in name else "plain"
    with secured(loop, contexts, recorder_of(kind, **{name: leave})) as wire:
        wire.peer.write(b"x")
        wire.peer.send_close_notify()
        with pytest.raises(error):
            turn_until(loop, lambda: wire.protocol.lost)
        wire.protocol.inside.clear()
        wire.transport.abort()
        turn_until(loop, lambda: wire.protocol.lost)
        assert len(wire.protocol.lost) == 1


@pytest.mark.parametrize("bad_buffer", [b"", bytearray(), None, 5, b"read-only"])
def test_bad_buffers(loop: asyncio.AbstractEventLoop, contexts: Contexts, bad_buffer: Any) -> None:
    """A buffer that cannot be written ends the connection with an error, and not the process."""
    reports = reports_of(loop)
    protocol = recorder_of("buffered")
    with secured(loop, contexts, protocol, ssl_shutdown_timeout=0.01) as wire:
        protocol.inside["get_buffer"] = lambda _: bad_buffer
        if bad_buffer is None:
            protocol.buffer = None
        wire.peer.write(b"data")
        turn_until(loop, lambda: protocol.lost)
        assert protocol.data == b""
        assert "buffer_updated" not in protocol.calls
        assert len(protocol.lost) == 1
        assert len(reports) <= 1


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.mark.parametrize("side", SIDES)
def test_the_context_of_callbacks(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """Every callback runs in the context in which the transport was made, as long as nobody else calls it."""
    seen: dict[str, str] = {}

    def note(name: str) -> Any:
        def callback(*_: object) -> None:
            seen[name] = variable.get()
            variable.set(f"set by {name}")

        return callback

    names = ["connection_made", "data_received", "eof_received", "connection_lost"]
    protocol = Recorder(**{name: note(name) for name in names})
    token = variable.set("the maker's")
    with secured(loop, contexts, protocol, side=side) as wire:
        variable.reset(token)
        wire.peer.write(b"x")
        turn_until(loop, lambda: protocol.data)
        wire.peer.unwrap()
        turn_until(loop, lambda: protocol.lost)
    assert list(seen) == names
    assert seen["connection_made"] == "the maker's"
    assert variable.get() == "unset"


def test_two_connections_have_two_contexts(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What one sets is not seen by the other."""

    def enter(data: bytes) -> None:
        variable.set(data.decode())

    def look(data: bytes) -> None:
        seen.append(variable.get())

    seen: list[str] = []
    with (
        secured(loop, contexts, Recorder(data_received=enter), side="server") as first,
        secured(loop, contexts, Recorder(data_received=look), side="server") as second,
    ):
        first.peer.write(b"secret of the first")
        turn_until(loop, lambda: first.protocol.data)
        second.peer.write(b"x")
        turn_until(loop, lambda: second.protocol.data)
    assert seen == ["unset"]


def test_a_task_of_a_callback(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A task that is made in a callback has the context of the callback."""

    def spawn(_: bytes) -> None:
        variable.set("in the callback")
        tasks.append(loop.create_task(read()))

    async def read() -> str:
        return variable.get()

    tasks: list[asyncio.Task[str]] = []
    with secured(loop, contexts, Recorder(data_received=spawn)) as wire:
        wire.peer.write(b"x")
        turn_until(loop, lambda: tasks)
        assert result(loop, tasks[0]) == "in the callback"
