"""Protocols that record their calls, for the tests of transports.

A test sets hooks that run inside a call, and reads the calls in their order from the protocol. Loops and sockets are
not known here.
"""

import asyncio
from collections.abc import Callable
from typing import Any

Hook = Callable[..., Any]


class Calls:
    """Records every call of a protocol's method, and then runs the hook of the test."""

    def __init__(self, **inside: Hook) -> None:
        self.inside = inside
        self.calls: list[str] = []
        self.lost: list[BaseException | None] = []
        self.transport: Any = None

    def called(self, name: str, *arguments: object) -> Any:
        """Record the call and run the hook of this name, if there is one."""
        self.calls.append(name)
        hook = self.inside.get(name)
        return hook(*arguments) if hook is not None else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which hooks use."""
        self.transport = transport
        self.called("connection_made", transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Keep the reason for the loss, each time."""
        self.lost.append(exc)
        self.called("connection_lost", exc)

    def pause_writing(self) -> None:
        """Called when too much is buffered."""
        self.called("pause_writing")

    def resume_writing(self) -> None:
        """Called when enough of it is gone."""
        self.called("resume_writing")


class Recorder(Calls, asyncio.Protocol):
    """A plain protocol that collects what it receives."""

    def __init__(self, **inside: Hook) -> None:
        super().__init__(**inside)
        self.data = bytearray()
        self.sizes: list[int] = []

    def data_received(self, data: bytes) -> None:
        """Collect the data and the size of each piece."""
        self.data += data
        self.sizes.append(len(data))
        self.called("data_received", data)

    def eof_received(self) -> bool | None:
        """Return the result of the hook, which decides whether the connection stays open."""
        kept: bool | None = self.called("eof_received")
        return kept


class BufferedRecorder(Calls, asyncio.BufferedProtocol):
    """A buffered protocol with a buffer of its own, which a hook of `get_buffer` may replace."""

    def __init__(self, size: int = 65536, **inside: Hook) -> None:
        super().__init__(**inside)
        self.buffer: Any = bytearray(size)
        self.data = bytearray()
        self.sizes: list[int] = []
        self.hints: list[int] = []

    def get_buffer(self, sizehint: int) -> Any:
        """Return the buffer, or the result of the hook."""
        self.hints.append(sizehint)
        given = self.called("get_buffer", sizehint)
        return self.buffer if given is None else given

    def buffer_updated(self, nbytes: int) -> None:
        """Collect the new bytes of the buffer."""
        self.data += memoryview(self.buffer)[:nbytes]
        self.sizes.append(nbytes)
        self.called("buffer_updated", nbytes)

    def eof_received(self) -> bool | None:
        """Return the result of the hook, which decides whether the connection stays open."""
        kept: bool | None = self.called("eof_received")
        return kept


class DatagramRecorder(Calls, asyncio.DatagramProtocol):
    """A protocol that collects datagrams with their senders, and errors."""

    def __init__(self, **inside: Hook) -> None:
        super().__init__(**inside)
        self.got: list[tuple[bytes, Any]] = []
        self.errors: list[Exception] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Keep the datagram."""
        self.got.append((data, addr))
        self.called("datagram_received", data, addr)

    def error_received(self, exc: Exception) -> None:
        """Keep the error."""
        self.errors.append(exc)
        self.called("error_received", exc)
