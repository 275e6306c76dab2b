"""Shared by the tests of native datagram endpoints: a protocol that records its calls, and endpoints to test."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import vitok
from support import turn_until

LOCAL = "127.0.0.1"
Address = tuple[str, int]


class Recorder(asyncio.DatagramProtocol):
    """Collects what it receives, and runs the hook of a test inside `datagram_received`."""

    def __init__(self, inside: Callable[["Recorder"], object] | None = None) -> None:
        self.inside = inside
        self.data: list[bytes] = []
        self.senders: list[Any] = []
        self.errors: list[Exception] = []
        self.calls: list[str] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Collect, then run the hook."""
        self.data.append(data)
        self.senders.append(addr)
        if self.inside is not None:
            self.inside(self)

    def error_received(self, exc: Exception) -> None:
        """Collect."""
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Record the call."""
        self.calls.append(f"connection_lost({exc})")

    def pause_writing(self) -> None:
        """Record the call."""
        self.calls.append("pause_writing")

    def resume_writing(self) -> None:
        """Record the call."""
        self.calls.append("resume_writing")


def endpoint(loop: vitok.Loop, protocol: Recorder, sock: socket.socket | None = None) -> Address:
    """Return an endpoint on this machine, or on a socket, and its address."""
    where: dict[str, Any] = {"local_addr": (LOCAL, 0)} if sock is None else {"sock": sock}
    transport, _ = loop.run_until_complete(loop.create_datagram_endpoint(lambda: protocol, **where))
    address: Address = transport.get_extra_info("sockname")
    return address


def numbers(count: int) -> list[bytes]:
    """Return this many different datagrams."""
    return [b"%d" % number for number in range(count)]


def end(loop: vitok.Loop, protocol: Recorder) -> None:
    """Close the endpoint, and wait for the loop to report that."""
    protocol.transport.abort()
    turn_until(loop, lambda: protocol.calls and protocol.calls[-1].startswith("connection_lost"))
