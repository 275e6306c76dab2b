"""A WebSocket client on a blocking socket, for servers in other processes."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asgi_support import Answer, fields_of
from served import CHILD_SECONDS, Served
from ws_frames import handshake
from ws_peer import Peer


class BlockingStream:
    """The connection of a client, read as `ws_peer` reads."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(CHILD_SECONDS)
        self.sock = sock
        self.file = sock.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.sock.sendall(data)

    def head(self) -> Answer:
        """The next head."""
        line = self.file.readline()
        rest = []
        while (field := self.file.readline().removesuffix(b"\r\n")) != b"":
            rest.append(field)
        return Answer(int(line.split(b" ")[1]), line.removesuffix(b"\r\n"), fields_of(rest))

    def answer(self, method: str = "GET") -> Answer:
        """The next response, which has a length."""
        answer = self.head()
        answer.body = self.take(int(answer.one(b"content-length") or b"0"))
        return answer

    def take(self, count: int) -> bytes:
        """Return this many bytes."""
        data = self.file.read(count)
        if len(data) < count:
            raise EOFError(f"{len(data)} of {count} bytes")
        return data

    def end(self) -> bytes:
        """Return what arrives until the end or a reset."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        """Close it."""
        self.file.close()
        self.sock.close()


@contextmanager
def connected(port: int) -> Iterator[Peer]:
    """Connect to a port of this machine."""
    stream = BlockingStream(socket.create_connection(("127.0.0.1", port), timeout=CHILD_SECONDS))
    try:
        yield Peer(stream)
    finally:
        stream.close()


@contextmanager
def opened(served: Served, target: str = "/", *fields: str) -> Iterator[tuple[Peer, dict[str, Any]]]:
    """Open a WebSocket to `ws_apps.app`. Return what it tells, too."""
    with connected(served.port) as peer:
        peer.send(handshake(target, *fields))
        peer.accepted()
        yield peer, ({} if target == "/silent" else json.loads(peer.message()))
