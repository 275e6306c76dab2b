"""Exceptions in the methods of a stream protocol: how they are reported, and whether the connection survives.

Exceptions in callbacks are tested in test_exceptions.py, the kernel's errors in test_streams_order.py.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from net_protocols import BufferedRecorder, Recorder
from net_support import (
    A_FEW,
    SMALL_BUFFER,
    connect,
    fill,
    receive_all,
    reports_of,
    unix_pair,
    wired,
)
from support import ErrorLog, turn, turn_until


class Broken(BaseException):
    """An exception that is no `Exception`, as a framework may have one."""


def fail_with(error: BaseException) -> Callable[..., Any]:
    """A hook that raises."""

    def fail(*_: object) -> None:
        raise error

    return fail


FATAL = [
    (Recorder, "data_received"),
    (Recorder, "eof_received"),
    (BufferedRecorder, "get_buffer"),
    (BufferedRecorder, "buffer_updated"),
    (BufferedRecorder, "eof_received"),
]


@pytest.mark.parametrize("error", [LookupError("mine"), Broken(), asyncio.CancelledError(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize(("recorder", "method"), FATAL)
def test_an_exception_closes_the_connection(
    loop: asyncio.AbstractEventLoop, recorder: type[Any], method: str, error: BaseException
) -> None:
    """Trap "closes the connection and reaches `connection_lost(exc)`", and one report says whose it was."""
    reports = reports_of(loop)
    protocol = recorder(**{method: fail_with(error)})
    with wired(loop, protocol) as (transport, peer):
        peer.send(b"data")
        peer.shutdown(1)
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert protocol.calls[-2:] == [method, "connection_lost"]
    [lost] = protocol.lost
    assert lost is error
    [report] = reports
    assert report["message"] == f"Fatal error: protocol.{method}() call failed."
    assert report["exception"] is error
    assert report["transport"] is transport
    assert report["protocol"] is protocol


@pytest.mark.parametrize(("recorder", "method"), FATAL)
def test_an_os_error_closes_the_connection_without_a_report(
    loop: asyncio.AbstractEventLoop, recorder: type[Any], method: str
) -> None:
    """An OSError counts as the connection's own wherever it comes from: `connection_lost` has it, no handler."""
    reports = reports_of(loop)
    error = OSError("of the protocol")
    protocol = recorder(**{method: fail_with(error)})
    with wired(loop, protocol) as (_, peer):
        peer.send(b"data")
        peer.shutdown(1)
        turn_until(loop, lambda: protocol.lost)
    assert protocol.lost == [error]
    assert reports == []


@pytest.mark.parametrize("recorder", [Recorder, BufferedRecorder])
def test_lost_does_not_run_inside_the_method_that_failed(loop: asyncio.AbstractEventLoop, recorder: type[Any]) -> None:
    """Trap "`connection_lost` never runs inside the call that caused it": a ready callback comes first."""
    reports_of(loop)
    order: list[str] = []
    method = "data_received" if recorder is Recorder else "buffer_updated"

    def fail(_: object) -> None:
        loop.call_soon(order.append, "ready before")
        raise LookupError

    protocol = recorder(**{method: fail}, connection_lost=lambda _: order.append("lost"))
    with wired(loop, protocol) as (_, peer):
        peer.send(b"data")
        turn_until(loop, lambda: len(order) == 2)
    assert order == ["ready before", "lost"]


def test_the_default_handler_logs_it(loop: asyncio.AbstractEventLoop, error_log: ErrorLog) -> None:
    """Without a handler of the user's, the report is in asyncio's log, with protocol, transport and traceback."""
    protocol = Recorder(data_received=fail_with(LookupError("mine")))
    with wired(loop, protocol) as (_, peer):
        peer.send(b"data")
        turn_until(loop, lambda: protocol.lost)
    [record] = error_log.take()
    message = record.getMessage()
    assert message.startswith("Fatal error: protocol.data_received() call failed.")
    assert "\nprotocol: " in message
    assert "\ntransport: " in message
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


def test_no_more_data_behind_an_exception(loop: asyncio.AbstractEventLoop) -> None:
    """A protocol that failed is not called with what was sent behind; a wait in between changes nothing."""
    reports_of(loop)
    protocol = Recorder(data_received=fail_with(LookupError()))
    with wired(loop, protocol) as (_, peer):
        peer.send(b"first")
        turn_until(loop, lambda: "data_received" in protocol.calls)
        try:
            peer.send(b"second")
        except BrokenPipeError:
            pass
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    assert protocol.data == b"first"
    assert protocol.calls.count("data_received") == 1


def test_what_was_written_before_the_exception_arrives(loop: asyncio.AbstractEventLoop) -> None:
    """Trap "what was batched is flushed": an error page, written before the exception, is sent as asyncio sends it."""
    reports_of(loop)

    def answer_and_fail(_: bytes) -> None:
        protocol.transport.write(b"an error page")
        raise LookupError

    protocol = Recorder(data_received=answer_and_fail)
    with wired(loop, protocol) as (_, peer):
        peer.send(b"a request")
        assert receive_all(loop, peer) == b"an error page"


@pytest.mark.parametrize("recorder", [Recorder, BufferedRecorder])
def test_connection_made_may_fail(loop: asyncio.AbstractEventLoop, recorder: type[Any]) -> None:
    """An exception in `connection_made` is reported, `create_connection` succeeds and the connection lives."""
    reports = reports_of(loop)
    error = LookupError("in connection_made")
    protocol = recorder(connection_made=fail_with(error))
    with wired(loop, protocol) as (transport, peer):
        assert [report["exception"] for report in reports] == [error]
        assert not transport.is_closing()
        peer.send(b"data")
        turn_until(loop, lambda: protocol.data)
    assert protocol.data == b"data"
    assert protocol.lost == [None]
    assert len(reports) == 1


def test_connection_lost_may_fail(loop: asyncio.AbstractEventLoop) -> None:
    """An exception in `connection_lost` is reported, and the socket is closed all the same."""
    reports = reports_of(loop)
    error = LookupError("in connection_lost")
    protocol = Recorder(connection_lost=fail_with(error))
    ours, peer = unix_pair()
    with peer:
        connect(loop, protocol, ours).close()
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
        assert ours.fileno() == -1
    assert [report["exception"] for report in reports] == [error]
    assert protocol.calls.count("connection_lost") == 1


@pytest.mark.parametrize("method", ["pause_writing", "resume_writing"])
def test_flow_control_may_fail(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """An exception in `pause_writing` or `resume_writing` is reported by its name, and the connection lives."""
    reports = reports_of(loop)
    error = LookupError("in flow control")
    protocol = Recorder(**{method: fail_with(error)})
    with wired(loop, protocol, pair=unix_pair(send_buffer=SMALL_BUFFER)) as (transport, peer):
        transport.set_write_buffer_limits(high=0)
        written = fill(loop, transport)
        transport.write_eof()
        assert len(receive_all(loop, peer)) == written
        peer.send(b"still here")
        turn_until(loop, lambda: protocol.data)
        assert protocol.lost == []
    [report] = reports
    assert report["message"] == f"protocol.{method}() failed"
    assert report["exception"] is error
    assert report["transport"] is transport
    assert report["protocol"] is protocol


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize(("recorder", "method"), FATAL)
def test_an_interrupt_leaves_the_loop(
    loop: asyncio.AbstractEventLoop, recorder: type[Any], method: str, error: BaseException
) -> None:
    """KeyboardInterrupt and SystemExit leave `run_forever` from a protocol's method, and nothing is reported."""
    reports = reports_of(loop)
    protocol = recorder(**{method: fail_with(error)})
    with wired(loop, protocol) as (_, peer):
        peer.send(b"data")
        peer.shutdown(1)
        with pytest.raises(type(error)) as left:
            loop.run_forever()
        assert left.value is error
        assert protocol.calls[-1] == method
        assert protocol.lost == []
        protocol.inside.clear()
        turn(loop, A_FEW)
    assert reports == []
    assert len(protocol.lost) == 1


@pytest.mark.parametrize("method", ["connection_made", "connection_lost"])
def test_an_interrupt_leaves_the_loop_at_either_end(loop: asyncio.AbstractEventLoop, method: str) -> None:
    """KeyboardInterrupt leaves the run from `connection_made` and `connection_lost` as well."""
    protocol = Recorder(**{method: fail_with(KeyboardInterrupt())})
    ours, peer = unix_pair()
    with peer, pytest.raises(KeyboardInterrupt):
        connect(loop, protocol, ours).close()
        loop.run_forever()
    protocol.inside.clear()
    if protocol.lost == []:
        protocol.transport.abort()
    turn_until(loop, lambda: ours.fileno() == -1)
    assert protocol.calls.count(method) == 1


def test_an_interrupt_does_not_eat_other_connections_data(loop: asyncio.AbstractEventLoop) -> None:
    """KeyboardInterrupt from one connection of several that are ready: the others' data comes in the next run."""
    first: list[Any] = []

    def interrupt_once(_: bytes) -> None:
        if not first:
            first.append(True)
            raise KeyboardInterrupt

    protocols = [Recorder(data_received=interrupt_once) for _ in range(4)]
    pairs = [unix_pair() for _ in protocols]
    transports = [connect(loop, protocol, ours) for protocol, (ours, _) in zip(protocols, pairs, strict=True)]
    for _, peer in pairs:
        peer.send(b"data")
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    turn_until(loop, lambda: all(protocol.data for protocol in protocols))
    assert [protocol.calls for protocol in protocols] == [["connection_made", "data_received"]] * 4
    for transport in transports:
        transport.close()
    turn_until(loop, lambda: all(protocol.lost for protocol in protocols))
    for _, peer in pairs:
        peer.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"", "get_buffer() call failed"),
        (bytearray(), "get_buffer() call failed"),
        (17, "get_buffer() call failed"),
        (b"read-only", "Fatal read error"),
        ("text", "Fatal read error"),
    ],
)
def test_a_bad_buffer_is_fatal(loop: asyncio.AbstractEventLoop, given: Any, message: str) -> None:
    """Line "`get_buffer` honoured exactly": an empty, read-only or missing one closes the connection with a report."""
    reports = reports_of(loop)
    protocol = BufferedRecorder(get_buffer=lambda _: given)
    with wired(loop, protocol) as (_, peer):
        peer.send(b"data")
        turn_until(loop, lambda: protocol.lost)
        turn(loop, A_FEW)
    [report] = reports
    assert report["exception"] is protocol.lost[0]
    assert isinstance(protocol.lost[0], RuntimeError if given in (b"", bytearray()) else TypeError)
    assert message in report["message"]
    assert "buffer_updated" not in protocol.calls


def test_a_protocol_without_its_methods(loop: asyncio.AbstractEventLoop) -> None:
    """A protocol that lacks `data_received` is closed with the AttributeError, which is reported; no crash."""
    reports = reports_of(loop)
    lost: list[BaseException | None] = []

    class Halved:
        def connection_made(self, transport: object) -> None:
            """Take anything."""

        def connection_lost(self, exc: BaseException | None) -> None:
            lost.append(exc)

    with wired(loop, Halved()) as (_, peer):
        peer.send(b"data")
        turn_until(loop, lambda: lost)
    assert isinstance(lost[0], AttributeError)
    assert [report["exception"] for report in reports] == lost
