"""An exchange over TLS with a fault in what the peer sends, and everything that both ends see of it.

The peer acts only inside a call and the clock is the test's, so an exchange is the same in every run, and that of one
implementation can be compared with that of another. Faults are placed by record and byte within it, because the length
of a signature varies.
"""

import asyncio
import re
import ssl
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from net_support import reset, tcp_pair, unix_pair
from support import private, turn
from tls_certificates import SERVER, Contexts
from tls_peer import HEADER_SIZE, Peer
from tls_support import begin

# What is exchanged: the peer's data, in two records, come back, and then the peer says goodbye.
MESSAGES = (b"first " * 10, b"second" * 20)
# After so many turns without a change, an end waits for bytes that do not come, or for a timeout.
QUIET_TURNS = 6
# asyncio's limits are 60 seconds for a handshake and 30 for a shutdown.
STEP_SECONDS = 31.0
STEPS = 3
# The number of a line of CPython's source at the end of the text of an error of TLS.
SOURCE_LINE = re.compile(r"\s*\(_ssl\.c:\d+\)")

Seen = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a byte of a record of the peer's: "end", "reset", "stop", or a bit (0 to 7) that is flipped.

    A byte past the end of its record is the last one. "before", "instead" and "after" send other bytes before the
    record, in its place or after it; afterwards the peer ends, stops, resets or goes on ("on").
    """

    action: str | int
    record: int
    byte: int = 0
    sent: bytes = b""
    afterwards: str = "on"


class Clock:
    """The time of a loop, which moves only when the test says so."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        private(loop).time = lambda: self.now


def describe(error: BaseException | None) -> Any:
    """Return the class of an exception, and what it says: its number, reason and text."""
    if error is None:
        return None
    text = SOURCE_LINE.sub("", str(error))
    if isinstance(error, ssl.SSLError):
        return type(error).__name__, error.errno, error.library, error.reason, text
    return type(error).__name__, getattr(error, "errno", None), text


class Log(asyncio.Protocol):
    """Sends back what it receives, and records its calls. Adjoining pieces of data are one."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.transport: Any = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport
        self.seen.append(("connection_made",))

    def data_received(self, data: bytes) -> None:
        """Send it back."""
        if self.seen[-1][0] == "data_received":
            data = self.seen.pop()[1] + data
        self.seen.append(("data_received", data))
        self.transport.write(data)

    def eof_received(self) -> None:
        """Let the transport close itself."""
        self.seen.append(("eof_received",))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Record the reason."""
        self.is_lost = True
        self.seen.append(("connection_lost", describe(exc)))


class FaultyPeer(Peer):
    """A peer that sends record by record, with a fault in one of them. `lengths` has those of all records so far."""

    fault: Fault | None = None
    # True for sending byte by byte, with a turn of the loop after each.
    is_slow = False

    def start(self) -> None:
        """Begin the exchange: the steps are done as far as there is something to read."""
        self.lengths: list[int] = []
        self.is_silent = False
        self.unsent = b""
        self.got = b""
        self.error: Any = None
        self.steps: list[Callable[[], object]] = [
            self.tls.do_handshake,
            *(lambda data=data: self.tls.write(data) for data in MESSAGES),
            self.read_answer,
            self.tls.unwrap,
        ]

    def advance(self) -> bool:
        """Do all steps that can be done now; return whether something changed."""
        before = len(self.steps), len(self.lengths), len(self.records), self.at_eof
        self.pull()
        while self.steps:
            try:
                self.steps[0]()
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self.error = describe(error)
                self.steps.clear()
            else:
                del self.steps[0]
            finally:
                self.flush()
        self.flush()
        return (len(self.steps), len(self.lengths), len(self.records), self.at_eof) != before

    def read_answer(self) -> None:
        """Read until everything has come back."""
        wanted = sum(map(len, MESSAGES))
        while len(self.got) < wanted:
            piece = self.tls.read(wanted - len(self.got))
            if not piece:
                break
            self.got += piece

    def pull(self) -> None:
        """Receive, unless the socket is closed."""
        if self.sock.fileno() != -1:
            super().pull()

    def flush(self) -> None:
        """Send what is ready, with the fault."""
        self.unsent += self.outgoing.read()
        while len(self.unsent) >= HEADER_SIZE:
            size = HEADER_SIZE + int.from_bytes(self.unsent[3:HEADER_SIZE], "big")
            record, self.unsent = self.unsent[:size], self.unsent[size:]
            self.lengths.append(size)
            self.send_record(record)

    def send_record(self, record: bytes) -> None:
        """Send one record, or a part of it if the fault is there."""
        if self.is_silent:
            return
        fault = self.fault
        if fault is None or len(self.lengths) - 1 != fault.record:
            self.send(record)
            return
        at = min(fault.byte, len(record) - 1)
        if isinstance(fault.action, int):
            self.send(record[:at] + bytes([record[at] ^ 1 << fault.action]) + record[at + 1 :])
            return
        before = record if fault.action == "after" else b""
        after = record if fault.action == "before" else b""
        self.send(before + (fault.sent or record[:at]) + after)
        ending = fault.afterwards if fault.sent else fault.action
        self.is_silent = ending != "on"
        if ending == "end":
            self.shutdown()
        elif ending == "reset":
            reset(self.sock)

    def send(self, data: bytes) -> None:
        """Send these bytes; the sockets have room for a whole exchange."""
        pieces = [data[number : number + 1] for number in range(len(data))] if self.is_slow else [data]
        for piece in pieces:
            try:
                self.sock.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                self.was_reset = True
            if self.is_slow:
                turn(self.loop)

    def shutdown(self) -> None:
        """Send an end of file."""
        try:
            self.sock.shutdown(1)
        except OSError:
            # The other end has reset the connection.
            self.was_reset = True

    def drain(self) -> None:
        """Read what has come when the other end has closed: data, a goodbye, or an alert, which is an error."""
        self.pull()
        self.steps = [] if self.error else [*self.steps, self.read_rest]
        while not self.error and self.steps and self.sock.fileno() != -1:
            step = self.steps.pop(0)
            try:
                step()
            except ssl.SSLError as error:
                self.error = describe(error)
            except ValueError:
                # Python's word for reading before the handshake has begun.
                self.error = "no handshake"

    def read_rest(self) -> None:
        """Read to the end."""
        while piece := self.tls.read():
            self.got += piece


class Exchanges:
    """Runs exchanges on one loop, whose clock is the test's, and counts what they leave behind."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, contexts: Contexts, *, side: str, version: str = "TLSv1_3"
    ) -> None:
        self.loop = loop
        self.contexts = contexts
        self.side = side
        self.clock = Clock(loop)
        self.protocols: list[weakref.ref[Log]] = []
        self.server, self.client = contexts.server(), contexts.client()
        for context in (self.server, self.client):
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

    def run(self, fault: Fault | None, **options: Any) -> tuple[Seen, FaultyPeer]:
        """Run one exchange: what the end on the loop saw, then what the peer saw."""
        seen: Seen = []
        self.loop.set_exception_handler(lambda _, context: seen.append(report(context)))
        ours, theirs = (tcp_pair if fault is not None and fault.action == "reset" else unix_pair)()
        context, other = (self.client, self.server) if self.side == "client" else (self.server, self.client)
        name = SERVER if self.side == "server" else None
        peer = FaultyPeer(self.loop, theirs, other, server_side=name is None, server_hostname=name)
        peer.fault = fault
        peer.is_slow = options.pop("is_slow", False)
        log = Log(seen)
        self.protocols.append(weakref.ref(log))
        with theirs:
            task = begin(self.loop, self.contexts, log, ours, side=self.side, context=context, **options)
            peer.start()
            Course(self, task, log, peer).run()
        assert ours.fileno() == -1, "the descriptor is open after connection_lost"
        seen.append(("peer", peer.got, peer.error, peer.at_eof, peer.was_reset))
        return seen, peer


def report(context: dict[str, Any]) -> tuple[Any, ...]:
    """What an exception handler was told."""
    return "exception handler", context["message"], describe(context.get("exception"))


class Course:
    """The course of one exchange: both ends act until nothing changes, then time passes, then the end is closed."""

    def __init__(self, exchanges: Exchanges, task: asyncio.Task[Any], log: Log, peer: FaultyPeer) -> None:
        self.exchanges = exchanges
        self.task = task
        self.log = log
        self.peer = peer

    def run(self) -> None:
        """Run to the end of the connection, which comes within the timeouts."""
        self.settle()
        self.wait()
        if not self.is_over and self.log.transport is not None:
            self.log.seen.append(("closed by the test",))
            self.log.transport.close()
            self.settle()
            self.wait()
        assert self.is_over, "the connection outlives every timeout"
        turn(self.exchanges.loop, QUIET_TURNS)
        self.log.seen.append(("result", self.result()))
        self.peer.drain()
        self.log.transport = None

    def wait(self) -> None:
        """Let time pass, which ends what has a timeout."""
        for _ in range(STEPS):
            if self.is_over:
                break
            self.exchanges.clock.now += STEP_SECONDS
            self.log.seen.append(("later",))
            self.settle()

    def settle(self) -> None:
        """Let both ends act until nothing changes."""
        quiet = 0
        while quiet < QUIET_TURNS and not self.is_over:
            before = len(self.log.seen)
            turn(self.exchanges.loop)
            changed = self.peer.advance() or len(self.log.seen) != before
            quiet = 0 if changed else quiet + 1

    @property
    def is_over(self) -> bool:
        """Whether the call has ended, and the connection if there was one."""
        return self.task.done() and (self.log.is_lost or self.log.transport is None)

    def result(self) -> Any:
        """What the call that made the connection gave."""
        error = self.task.exception()
        return "a transport" if error is None else describe(error)
