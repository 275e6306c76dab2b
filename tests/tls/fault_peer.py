"""A TLS peer that sends record by record, with a fault in one of them, and the description of what it sees.

Faults are placed by record and byte within it, because the length of a signature varies.
"""

import re
import select
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from net_support import reset
from support import turn
from tls_peer import HEADER_SIZE, Peer

# What is exchanged: the peer's data, in two records, come back, and then the peer says goodbye.
MESSAGES = (b"first " * 10, b"second" * 20)
# The kernel of a busy machine delivers within a fraction of this, and nearly no exchange waits for it.
DELIVERY_MILLISECONDS = 500
# The number of a line of CPython's source at the end of the text of an error of TLS.
SOURCE_LINE = re.compile(r"\s*\(_ssl\.c:\d+\)")


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


class FaultyPeer(Peer):
    """A peer that sends record by record, with a fault in one of them. `lengths` has those of all records so far."""

    def start(self, fault: Fault | None, *, is_slow: bool, other: socket.socket) -> None:
        """Begin the exchange with another end. A slow peer sends byte by byte, with a turn of the loop after each."""
        self.fault = fault
        self.other = other
        self.is_slow = is_slow
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
            self.wait_for_reset()

    def wait_for_reset(self) -> None:
        """Wait until the other end has the reset: until then, it could still send, and complete a handshake."""
        if self.other.fileno() == -1:
            return
        poll = select.poll()
        # An error is always reported.
        poll.register(self.other, 0)
        poll.poll(DELIVERY_MILLISECONDS)

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

    def summary(self) -> tuple[Any, ...]:
        """What the peer saw: its data, its error, and how the connection ended."""
        return "peer", self.got, self.error, self.at_eof, self.was_reset

    def read_rest(self) -> None:
        """Read to the end."""
        while piece := self.tls.read():
            self.got += piece


def describe(error: BaseException | None) -> Any:
    """Return the class of an exception, and what it says: its number, reason and text."""
    if error is None:
        return None
    text = SOURCE_LINE.sub("", str(error))
    if isinstance(error, ssl.SSLError):
        return type(error).__name__, error.errno, error.library, error.reason, text
    return type(error).__name__, getattr(error, "errno", None), text
