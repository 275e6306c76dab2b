"""Kinds of calls on TLS transports to which `memory_child` refuses memory, with each engine, by `memory_kinds`.

The peer is driven by hand; what it sends is encrypted while there is memory. Neither end has a certificate.
"""

import contextlib
import functools
import importlib
import ssl
from typing import Any

from memory_kinds import Kind, cancel_all, turn
from memory_kinds_io import BufferedEcho, Echo

# Turns after which everything that a call has caused is done.
TURNS = 4


@functools.cache
def context(*, is_server: bool) -> ssl.SSLContext:
    """A context for an end of an anonymous connection, which only TLS 1.2 has."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("aNULL:@SECLEVEL=0")
    return made


class TlsKind(Kind):
    """A TLS transport with its peer."""

    engine = "direct"
    protocol_class: Any = Echo

    def set_up(self) -> None:
        importlib.import_module("vitok._tls").wanted = self.engine  # type: ignore[attr-defined]
        self.left, self.right = self.pair()
        self.protocol = self.protocol_class()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.peer = context(is_server=True).wrap_bio(self.incoming, self.outgoing, server_side=True)

    async def connect(self) -> Any:
        made = await self.loop.create_connection(
            lambda: self.protocol, sock=self.left, ssl=context(is_server=False), server_hostname=""
        )
        return made[0]

    def advance(self) -> None:
        """Let the peer go on with its handshake."""
        try:
            if data := self.right.recv(1 << 16):
                self.incoming.write(data)
            self.peer.do_handshake()
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        self.send(self.outgoing.read())

    def send(self, data: bytes) -> None:
        """Send what the peer has encrypted, unless the connection is lost."""
        with contextlib.suppress(BrokenPipeError):
            self.right.send(data)

    def check(self, succeeded: bool) -> None:
        transport = self.protocol.transport
        if transport is not None:
            transport.abort()
            turn(self.loop, TURNS)
            assert self.protocol.is_lost
            assert transport.get_write_buffer_size() == 0

    def close(self) -> None:
        cancel_all(self.loop)
        super().close()


class TlsHandshake(TlsKind):
    """create_connection() with TLS."""

    def call(self) -> None:
        task = self.loop.create_task(self.connect())
        for _ in range(20):
            turn(self.loop)
            if task.done():
                task.result()
                return
            self.advance()
        raise MemoryError("not done in time")


class OpenTls(TlsKind):
    """A call on a transport that is open."""

    def set_up(self) -> None:
        super().set_up()
        task = self.loop.create_task(self.connect())
        while not task.done():
            turn(self.loop)
            self.advance()
        self.transport = task.result()
        self.peer.write(b"hello")
        self.peer.write(b"more")
        self.data = self.outgoing.read()
        try:
            self.peer.unwrap()
        except ssl.SSLWantReadError:
            self.goodbye = self.outgoing.read()


class TlsReceives(OpenTls):
    """data_received(), which writes, and eof_received()."""

    def call(self) -> None:
        self.send(self.data)
        turn(self.loop, TURNS)
        self.send(self.goodbye)
        turn(self.loop, TURNS)


class TlsWrite(OpenTls):
    """The ways to write."""

    def call(self) -> None:
        self.transport.write(b"a")
        self.transport.write(bytearray(b"b"))
        self.transport.writelines([b"c", memoryview(b"d")])
        turn(self.loop)
        self.transport.write(bytes(100_000))
        turn(self.loop)


class TlsClose(OpenTls):
    """close(), and the peer's answer."""

    def call(self) -> None:
        self.transport.write(b"a")
        self.transport.close()
        turn(self.loop, TURNS)
        self.send(self.goodbye)
        turn(self.loop, TURNS)


class TlsInfo(OpenTls):
    """What a program asks."""

    def call(self) -> None:
        for name in ("ssl_object", "cipher", "peercert", "socket", "sslcontext", "no such"):
            self.transport.get_extra_info(name)
        self.transport.pause_reading()
        self.transport.resume_reading()
        self.transport.set_write_buffer_limits(10)
        self.transport.get_protocol()
        repr(self.transport)


def with_memory_engine(kind: type[TlsKind], **members: Any) -> type[TlsKind]:
    """The same kind with the other engine."""
    return type(f"{kind.__name__}Memory", (kind,), {"engine": "memory", "__doc__": kind.__doc__, **members})


class TlsReceivesBuffered(TlsReceives):
    """The same with a buffered protocol."""

    protocol_class = BufferedEcho


DIRECT: list[type[TlsKind]] = [TlsHandshake, TlsReceives, TlsReceivesBuffered, TlsWrite, TlsClose, TlsInfo]
KINDS = [*DIRECT, *map(with_memory_engine, DIRECT)]
