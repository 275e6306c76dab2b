"""TLS on a loop in debug mode: its lines in the log, and that everything else is the same."""

import asyncio
import logging
import re
import ssl

import pytest
from net_protocols import Recorder
from net_support import unix_pair
from support import turn_until
from tls_certificates import Contexts
from tls_support import SIDES, begin, end, secured


@pytest.fixture
def debug_log(loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """A loop in debug mode, and its log."""
    loop.set_debug(True)
    # No callback is slow.
    loop.slow_callback_duration = 60
    caplog.set_level(logging.DEBUG, logger="asyncio")
    return caplog


def lines(log: pytest.LogCaptureFixture, text: str) -> list[str]:
    """The lines that contain a text."""
    return [message for message in log.messages if text in message]


@pytest.mark.parametrize("side", SIDES)
def test_the_handshake(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, side: str, debug_log: pytest.LogCaptureFixture
) -> None:
    """Its begin and how long it took."""
    with secured(loop, contexts, side=side) as wire:
        assert len(lines(debug_log, " starts SSL handshake")) == 1
        (took,) = lines(debug_log, ": SSL handshake took ")
        assert re.fullmatch(r"<.*>: SSL handshake took \d+\.\d ms", took)
        wire.peer.write(b"x")
        turn_until(loop, lambda: wire.protocol.data)
        wire.transport.write(b"y")
        assert wire.peer.receive(1) == b"y"


def test_the_end(loop: asyncio.AbstractEventLoop, contexts: Contexts, debug_log: pytest.LogCaptureFixture) -> None:
    """The end of file of the transport below."""
    with secured(loop, contexts) as wire:
        wire.peer.sock.shutdown(1)
        turn_until(loop, lambda: wire.protocol.lost)
        assert len(lines(debug_log, " received EOF")) >= 1


def test_a_failed_handshake(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, debug_log: pytest.LogCaptureFixture
) -> None:
    """An error of the peer is a line for debugging, with its traceback, and no call of the exception handler."""
    ours, theirs = unix_pair()
    task = begin(loop, contexts, Recorder(), ours)
    with theirs:
        theirs.send(b"this is not TLS, whatever it is")
        turn_until(loop, task.done)
        end(loop, task, ours)
    records = [record for record in debug_log.records if record.getMessage().endswith(": SSL handshake failed")]
    assert len(records) == 1
    assert records[0].levelno == logging.DEBUG
    assert records[0].exc_info
    assert isinstance(records[0].exc_info[1], ssl.SSLError)


def test_a_certificate_that_is_refused(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, debug_log: pytest.LogCaptureFixture
) -> None:
    """The line says so."""
    with (
        pytest.raises(ssl.SSLError),
        secured(loop, contexts, context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
    ):
        raise AssertionError("the certificate was accepted")
    assert len(lines(debug_log, ": SSL handshake failed on verifying the certificate")) == 1


def test_a_broken_record(
    loop: asyncio.AbstractEventLoop, contexts: Contexts, debug_log: pytest.LogCaptureFixture
) -> None:
    """An error while data is read has a line too."""
    with secured(loop, contexts) as wire:
        wire.peer.sock.send(b"this is not a record")
        turn_until(loop, lambda: wire.protocol.lost)
        assert len(lines(debug_log, ": Fatal error on SSL protocol")) == 1
