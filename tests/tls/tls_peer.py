"""A TLS peer that the test drives by hand: it acts only inside a call, so that each test is the same in every run."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

from net_support import receive_now, send_all
from support import turn

# The types of records (RFC 8446, section 5.1). With TLS 1.3, every encrypted record is of the third type.
ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23
# Type, version and length of a record.
HEADER_SIZE = 5


class Peer:
    """An `ssl.SSLObject` between two `ssl.MemoryBIO`, on a bare socket that does not block.

    A call that has to wait for the other end runs turns of the loop. `records` has the type and the length of each
    record that has arrived from the other end.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.loop = loop
        self.sock = sock
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side, server_hostname, session)
        self.records: list[tuple[int, int]] = []
        # True after the end of file of the socket, which is not the end of TLS.
        self.at_eof = False
        self.was_reset = False
        self._unparsed = bytearray()

    def handshake(self) -> None:
        """Run the handshake to its end."""
        self.until_done(self.tls.do_handshake)

    def write(self, data: bytes) -> None:
        """Send this data in as few records as possible."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.tls.write(rest) :]
        self.flush()

    def read(self, size: int = 1 << 16) -> bytes:
        """Return the data of the next record; nothing after the other end's close_notify."""
        data: bytes = self.until_done(self.tls.read, size)
        return data

    def receive(self, count: int) -> bytes:
        """Return exactly this many bytes."""
        got = bytearray()
        while len(got) < count:
            piece = self.read(count - len(got))
            if not piece:
                raise EOFError(f"only {len(got)} of {count} bytes")
            got += piece
        return bytes(got)

    def receive_all(self) -> bytes:
        """Return everything up to the other end's close_notify. Without one, `ssl.SSLEOFError`."""
        got = bytearray()
        while piece := self.read():
            got += piece
        return bytes(got)

    def send_close_notify(self) -> None:
        """Send a close_notify without waiting for the other end's."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            # It is waiting for the answer.
            pass
        self.flush()

    def unwrap(self) -> None:
        """Exchange close_notify with the other end."""
        self.until_done(self.tls.unwrap)

    def wait_for_eof(self) -> None:
        """Run the loop until the other end has closed its socket. What arrives before is kept for `read`."""
        while not self.at_eof:
            turn(self.loop)
            self.pull()

    def until_done(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Return the result of an operation of TLS, running the loop whenever it wants to read."""
        while True:
            try:
                return operation(*arguments)
            except ssl.SSLWantReadError:
                self.flush()
                turn(self.loop)
                self.pull()
            finally:
                self.flush()

    def flush(self) -> None:
        """Send all ciphertext that is ready. After a reset it is dropped."""
        try:
            send_all(self.loop, self.sock, self.outgoing.read())
        except (BrokenPipeError, ConnectionResetError):
            self.was_reset = True

    def pull(self) -> None:
        """Receive the ciphertext that has arrived by now."""
        try:
            data = receive_now(self.sock)
        except ConnectionResetError:
            self.was_reset = True
            data = b""
        if data:
            self.incoming.write(data)
            self._unparsed += data
            self._parse()
        elif data is not None and not self.at_eof:
            self.at_eof = True
            self.incoming.write_eof()

    def _parse(self) -> None:
        while len(self._unparsed) >= HEADER_SIZE:
            size = int.from_bytes(self._unparsed[3:HEADER_SIZE], "big")
            if len(self._unparsed) < HEADER_SIZE + size:
                return
            self.records.append((self._unparsed[0], size))
            del self._unparsed[: HEADER_SIZE + size]
