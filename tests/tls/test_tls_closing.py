"""The end of TLS connections: by close and abort, by the peer, with close_notify and without."""

import asyncio
import gc
import socket
import ssl
import warnings
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, SMALL_BUFFER, reset, tcp_pair, unix_pair
from support import ErrorLog, result, turn, turn_until
from tls_certificates import Contexts
from tls_support import SIDES, begin, end, peer_of, recorder_of, secured

KINDS = ["plain", "buffered"]
# The reason that newer versions of OpenSSL give for each record that is none.
NEW_REASON = "RECORD_LAYER_FAILURE"
ALL_CALLS = ["connection_made", "eof_received", "connection_lost"]


@pytest.mark.parametrize("side", SIDES)
def test_close(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """A close_notify goes to the peer, and the connection ends when the peer has answered it."""
    with secured(loop, contexts, side=side) as wire:
        assert not wire.transport.is_closing()
        wire.transport.close()
        assert wire.transport.is_closing()
        assert wire.peer.read() == b""
        turn(loop, A_FEW)
        assert not wire.protocol.lost
        wire.peer.unwrap()
        wire.peer.wait_for_eof()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.calls == ALL_CALLS
        assert wire.protocol.lost == [None]
        assert not wire.peer.was_reset


def test_close_flushes(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What was written before is sent, however long the peer takes."""
    with secured(loop, contexts, pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        wire.transport.write(bytes(300_000))
        wire.transport.close()
        turn(loop, A_FEW)
        assert not wire.protocol.lost
        assert wire.peer.receive_all() == bytes(300_000)
        wire.peer.unwrap()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.lost == [None]


@pytest.mark.parametrize("kind", KINDS)
def test_close_in_data_received(loop: asyncio.AbstractEventLoop, contexts: Contexts, kind: str) -> None:
    """After it no data is delivered, also none that has been decrypted already."""
    callback = "data_received" if kind == "plain" else "buffer_updated"
    protocol = recorder_of(kind, size=5, **{callback: lambda _: protocol.transport.close()})
    with secured(loop, contexts, protocol) as wire:
        wire.peer.write(b"first")
        turn_until(loop, lambda: protocol.data)
        wire.peer.write(b"second")
        wire.peer.send_close_notify()
        turn_until(loop, lambda: protocol.lost)
        assert bytes(protocol.data) == b"first"
        assert protocol.calls.count("connection_lost") == 1


def test_close_twice(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The second call does nothing, and neither does one after the end."""
    with secured(loop, contexts) as wire:
        wire.transport.close()
        wire.transport.close()
        wire.peer.unwrap()
        turn_until(loop, lambda: wire.protocol.lost)
        wire.transport.close()
        turn(loop, A_FEW)
        assert wire.protocol.lost == [None]


@pytest.mark.parametrize("first", ["close", "abort"])
def test_abort_after(loop: asyncio.AbstractEventLoop, contexts: Contexts, first: str) -> None:
    """`abort` does not wait for the peer, and may be called at any time."""
    with secured(loop, contexts) as wire:
        getattr(wire.transport, first)()
        turn(loop)
        wire.transport.abort()
        turn_until(loop, lambda: wire.protocol.lost)
        wire.transport.abort()
        turn(loop, A_FEW)
        assert wire.protocol.lost == [None]


def test_abort(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What is buffered is dropped, and no close_notify is sent."""
    with secured(loop, contexts, pair=unix_pair(send_buffer=SMALL_BUFFER)) as wire:
        wire.transport.write(bytes(300_000))
        wire.transport.abort()
        assert wire.transport.is_closing()
        assert not wire.protocol.lost
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.calls == ["connection_made", "connection_lost"]
        assert wire.protocol.lost == [None]
        with pytest.raises(ssl.SSLEOFError):
            wire.peer.receive_all()


def test_writing_after_close(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, caplog: pytest.LogCaptureFixture
) -> None:
    """It is dropped, with a warning from the sixth time on."""
    with secured(loop, contexts) as wire:
        wire.transport.close()
        for _ in range(5):
            wire.transport.write(b"dropped")
        assert caplog.messages == []
        wire.transport.write(b"dropped")
        wire.transport.writelines([b"dropped"])
        assert caplog.messages == ["SSL connection is closed"] * 2
        assert wire.peer.receive_all() == b""


@pytest.mark.parametrize("side", SIDES)
def test_the_peer_closes(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """Its close_notify is the end of data; it is answered, and the connection ends."""
    with secured(loop, contexts, side=side) as wire:
        wire.peer.write(b"last words")
        wire.peer.unwrap()
        wire.peer.wait_for_eof()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
        assert wire.protocol.lost == [None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", SIDES)
def test_the_peer_ends_without_close_notify(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, kind: str
) -> None:
    """An end of file of the socket is an end as well: many programs end so."""
    with secured(loop, contexts, recorder_of(kind), side=side) as wire:
        wire.peer.write(b"last words")
        wire.peer.sock.shutdown(socket.SHUT_WR)
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.data == b"last words"
        assert wire.protocol.calls[-2:] == ["eof_received", "connection_lost"]
        assert wire.protocol.calls.count("eof_received") == 1
        assert wire.protocol.lost == [None]


def test_eof_received_cannot_keep_it_open(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, caplog: pytest.LogCaptureFixture
) -> None:
    """TLS has no half-open connections here: a true result has no effect but a warning."""
    with secured(loop, contexts, Recorder(eof_received=lambda: True)) as wire:
        wire.peer.unwrap()
        turn_until(loop, lambda: wire.protocol.lost)
        assert wire.protocol.calls == ALL_CALLS
        assert caplog.messages == ["returning true from eof_received() has no effect when using ssl"]


def test_an_answer_in_eof_received(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """What is written to a peer that has said goodbye, but reads on, still arrives."""
    protocol = Recorder(eof_received=lambda: protocol.transport.write(b"answer"))
    with secured(loop, contexts, protocol) as wire:
        wire.peer.send_close_notify()
        turn_until(loop, lambda: protocol.lost)
        assert protocol.calls == ALL_CALLS
        assert protocol.lost == [None]


def test_a_reset(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The error of the socket is the reason of the loss."""
    with secured(loop, contexts, pair=tcp_pair()) as wire:
        reset(wire.peer.sock)
        turn_until(loop, lambda: wire.protocol.lost)
        assert [type(error) for error in wire.protocol.lost] == [ConnectionResetError]
        assert "eof_received" not in wire.protocol.calls


def test_garbage(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A record that is none is the reason of the loss, and the peer gets an alert."""
    with secured(loop, contexts) as wire:
        wire.peer.sock.send(b"GET / HTTP/1.1\r\n\r\n")
        turn_until(loop, lambda: wire.protocol.lost)
        (error,) = wire.protocol.lost
        assert isinstance(error, ssl.SSLError)
        assert error.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", NEW_REASON)


def test_a_record_that_was_changed(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """It is not delivered, and ends the connection."""
    with secured(loop, contexts) as wire:
        wire.peer.tls.write(b"true")
        record = bytearray(wire.peer.outgoing.read())
        record[-1] ^= 1
        wire.peer.sock.send(record)
        turn_until(loop, lambda: wire.protocol.lost)
        (error,) = wire.protocol.lost
        assert isinstance(error, ssl.SSLError)
        assert error.reason in ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", NEW_REASON)
        assert wire.protocol.data == b""


def test_the_timeout_of_the_shutdown(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """A peer that never answers is given up, with a TimeoutError as the reason."""
    with secured(loop, contexts, ssl_shutdown_timeout=0.01) as wire:
        wire.transport.close()
        turn_until(loop, lambda: wire.protocol.lost)
        (error,) = wire.protocol.lost
        assert (type(error), str(error)) == (TimeoutError, "SSL shutdown timed out")
        assert wire.protocol.calls == ["connection_made", "connection_lost"]


def test_a_peer_that_does_not_read_is_given_up(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The same time limits the flush of what was written before."""
    pair = unix_pair(send_buffer=SMALL_BUFFER)
    with secured(loop, contexts, pair=pair, ssl_shutdown_timeout=0.01) as wire:
        wire.transport.write(bytes(1_000_000))
        wire.transport.close()
        turn_until(loop, lambda: wire.protocol.lost)
        (error,) = wire.protocol.lost
        assert (type(error), str(error)) == (TimeoutError, "SSL shutdown timed out")


def test_a_peer_that_talks_on_is_given_up(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """Data after our goodbye is not delivered, and does not keep the connection open."""
    with secured(loop, contexts, ssl_shutdown_timeout=0.05) as wire:
        wire.transport.close()
        while not wire.protocol.lost:
            wire.peer.write(b"and another thing")
            turn(loop)
        assert wire.protocol.data == b""
        assert len(wire.protocol.lost) == 1


@pytest.mark.parametrize("side", SIDES)
def test_closed_during_the_handshake(loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str) -> None:
    """The peer's end in the handshake is a ConnectionResetError for the caller; the protocol is told of nothing."""
    ours, theirs = unix_pair()
    protocol = Recorder()
    task = begin(loop, contexts, protocol, ours, side=side)
    turn(loop, A_FEW)
    theirs.close()
    turn_until(loop, task.done)
    with pytest.raises(ConnectionResetError):
        task.result()
    end(loop, task, ours)
    assert protocol.calls == []


def test_cancelled_during_the_handshake(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The socket is closed, and the protocol is told of nothing."""
    ours, theirs = unix_pair()
    protocol = Recorder()
    task = begin(loop, contexts, protocol, ours)
    turn(loop, A_FEW)
    task.cancel()
    with theirs:
        turn_until(loop, task.done)
        assert task.cancelled()
        end(loop, task, ours)
    assert protocol.calls == []


def test_closed_in_connection_made(loop: asyncio.AbstractEventLoop, contexts: Contexts) -> None:
    """The caller gets the transport, which is closing, and the peer a goodbye."""
    ours, theirs = unix_pair()
    protocol = Recorder(connection_made=lambda transport: transport.close())
    task = begin(loop, contexts, protocol, ours)
    with theirs:
        peer = peer_of(loop, contexts, theirs)
        peer.handshake()
        assert peer.read() == b""
        transport, _ = result(loop, task)
        assert transport.is_closing()
        peer.unwrap()
        turn_until(loop, lambda: protocol.lost)
        # The peer's answer is its end.
        assert protocol.calls == ALL_CALLS
        end(loop, task, ours)


def test_an_unclosed_transport_warns(loop: asyncio.AbstractEventLoop, contexts: Contexts, error_log: ErrorLog) -> None:
    """A transport that is dropped together with its loop is a ResourceWarning that names it."""
    ours, theirs = unix_pair()
    transport = None

    async def connect_and_forget() -> Any:
        task = begin(loop, contexts, Recorder(), ours)
        peer = peer_of(loop, contexts, theirs)
        while not task.done():
            try:
                peer.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            peer.flush()
            peer.pull()
            await asyncio.sleep(0)
        return task.result()[0]

    transport = loop.run_until_complete(connect_and_forget())
    with theirs, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        loop.close()
        del transport
        gc.collect()
        ours.close()
    texts = [str(warning.message) for warning in seen if "unclosed transport" in str(warning.message)]
    assert any("SSL" in text for text in texts), texts
