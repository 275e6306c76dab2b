"""Random orders of events of a TLS connection have the same effects as on asyncio's loop.

A failing order is printed with its seed: `pytest -k "random and 17"` runs it again.
"""

import random
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from net_support import A_FEW, SMALL_BUFFER, reports_of, unix_pair
from support import NewLoop, loop_factory, turn
from tls_certificates import Contexts
from tls_support import Secured
from tls_turns import Trace

pytestmark = pytest.mark.vitok_only

SEEDS = range(60)
LENGTH = 25


class OtherSocket(socket.socket):
    """A class of the user's."""


class Play:
    """One connection on one loop, and what can happen to it."""

    def __init__(self, trace: Trace, wire: Secured, choices: random.Random) -> None:
        self.trace = trace
        self.wire = wire
        self.choices = choices
        self.received = bytearray()
        # Ciphertext that the peer has made and not sent.
        self.unsent = bytearray()
        self.has_said_goodbye = False
        self.has_shut_down = False

    def act(self, name: str) -> None:
        """Do one thing, and run turns until all of its effects are seen.

        How many turns a full socket takes to drain is not asyncio's to say; test_tls_turns.py counts turns.
        """
        self.trace.note(name)
        getattr(self, name)()
        self.trace.after(f"turns after {name}")

    def peer_sends(self) -> None:
        """One message, as a whole or in parts."""
        size = self.choices.choice([1, 10, 1000, 16384, 20_000])
        if not self.has_said_goodbye and not self.has_shut_down:
            self.quietly(self.wire.peer.tls.write, bytes(size))
        self.send(self.choices.choice([None, None, 3, 100]))

    def peer_says_goodbye(self) -> None:
        """The goodbye of TLS."""
        self.has_said_goodbye = True
        self.quietly(self.wire.peer.tls.unwrap)
        self.send(None)

    def peer_shuts_down(self) -> None:
        """The end of the socket's side."""
        self.send(None)
        self.has_shut_down = True
        self.quietly(self.wire.peer.sock.shutdown, socket.SHUT_WR)

    def peer_reads(self) -> None:
        """Everything that comes."""
        idle = 0
        while idle < A_FEW:
            before = len(self.received) + self.wire.peer.incoming.pending
            self.wire.peer.pull()
            while piece := self.quietly(self.wire.peer.tls.read, 1 << 16):
                self.received += piece
            turn(self.trace.loop)
            idle = idle + 1 if len(self.received) + self.wire.peer.incoming.pending == before else 0

    def peer_sends_garbage(self) -> None:
        """What is no record."""
        if not self.has_shut_down:
            self.unsent += b"this is not a record"
        self.send(None)

    def send(self, count: int | None) -> None:
        """Send ciphertext of the peer, all of it or the first bytes."""
        self.unsent += self.wire.peer.outgoing.read()
        if self.has_shut_down:
            return
        part = self.unsent[:count]
        sent = self.quietly(self.wire.peer.sock.send, part) if part else 0
        del self.unsent[: sent or 0]

    def write(self) -> None:
        """Write a piece of any size."""
        size = self.choices.choice([0, 1, 1000, 16384, 16385, 60_000])
        self.quietly(self.wire.transport.write, b"w" * size)

    def write_lines(self) -> None:
        """Write several at once."""
        self.quietly(self.wire.transport.writelines, [b"a", b"", b"bc" * 500])

    def pause(self) -> None:
        """Pause reading."""
        self.quietly(self.wire.transport.pause_reading)

    def resume(self) -> None:
        """Resume reading."""
        self.quietly(self.wire.transport.resume_reading)

    def limit(self) -> None:
        """Move the marks of writing."""
        self.quietly(self.wire.transport.set_write_buffer_limits, self.choices.choice([1000, 50_000, None]))

    def close(self) -> None:
        """Close, once: asyncio's own transport is of no use after the second time.

        If the peer has ended while reading is paused, asyncio's own transport would never end.
        """
        if self.has_shut_down and not self.wire.transport.is_closing():
            self.wire.transport.resume_reading()
            turn(self.trace.loop, A_FEW)
        if not self.wire.transport.is_closing():
            self.wire.transport.close()

    def abort(self) -> None:
        """Abort."""
        self.wire.transport.abort()

    def quietly(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Run what may fail because the connection has ended."""
        try:
            return operation(*arguments)
        except (ssl.SSLError, OSError):
            return None


# How often each is chosen.
WEIGHTS = {
    "peer_sends": 8,
    "peer_reads": 4,
    "write": 6,
    "write_lines": 2,
    "pause": 2,
    "resume": 3,
    "limit": 1,
    "close": 1,
    "peer_says_goodbye": 1,
    "peer_shuts_down": 1,
    "abort": 0.5,
    "peer_sends_garbage": 0.5,
}


def played(make: Callable[[], Any], contexts: Contexts, seed: int) -> list[tuple[Any, ...]]:
    """The trace of the order of this seed."""
    choices = random.Random(seed)
    loop = make()
    reports = reports_of(loop)
    try:
        trace = Trace(loop, contexts, choices.choice(["client", "server"]))
        protocol = trace.protocol(choices.choice(["plain", "buffered"]))
        ours, theirs = unix_pair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        if choices.random() < 0.5:
            # The transport below is then asyncio's own.
            ours = OtherSocket(fileno=ours.detach())
            ours.setblocking(False)
        with trace.secured(protocol, pair=(ours, theirs)) as wire:
            play = Play(trace, wire, choices)
            for name in choices.choices(list(WEIGHTS), list(WEIGHTS.values()), k=LENGTH):
                play.act(name)
            play.act("peer_reads")
            trace.note("received", len(play.received))
            play.act("abort")
        kinds = [type(report.get("exception")).__name__ for report in reports]
        # asyncio's own transport below fails with it when it is aborted while it writes.
        kinds = [kind for kind in kinds if kind != "AttributeError"]
        return [*compared(trace.seen), ("reports", *kinds)]
    finally:
        loop.close()


def compared(seen: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The callbacks and actions without their turns.

    From the end of the connection on, the flow of what is left to write is not compared: asyncio's own transport keeps
    ciphertext back while the transport below is paused, ours passes it on. Nor is data after `close`, which asyncio's
    delivers if reading was paused when the peer ended.
    """
    found: list[tuple[Any, ...]] = []
    ignored: tuple[str, ...] = ()
    for call in seen:
        if call[0] in ("close", "abort", "eof_received"):
            ignored += ("pause_writing", "resume_writing")
        if call[0] == "close":
            ignored += ("data_received", "buffer_updated")
        if call[0] not in ignored:
            found.append(call[:-1])
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_random_orders(new_loop: NewLoop, contexts: Contexts, seed: int) -> None:
    """The same callbacks in the same turns, with the same data."""
    expected = played(loop_factory("asyncio"), contexts, seed)
    assert played(new_loop, contexts, seed) == expected
