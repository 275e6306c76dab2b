"""A server that records the bytes of each connection and answers just enough for clients to go on.

It is written without this project's parser, whose tests read the recordings.
"""

import base64
import hashlib
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress

# A client that waits for something that it does not get here is cut.
SECONDS_OF_SILENCE = 3
# The constant of RFC 6455, section 1.3.
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# What begins a connection of another protocol, which is recorded until the client is silent.
FOREIGN = (
    b"\x16\x03",
    b"PRI * HTTP/2.0\r\n",
    b"SSH-",
    b"*1\r\n",
    b"*2\r\n",
    b"*3\r\n",
    b"PROXY ",
    b"\x05",
    b"\x04",
    b"MQTT",
)


class Recorder:
    """A listening socket on 127.0.0.1, and what each connection has sent, in the order of their first bytes."""

    def __init__(self, pages: Mapping[str, bytes]) -> None:
        self.pages = pages
        self.recorded: list[bytearray] = []
        self.targets: set[str] = set()
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        # Unlike close(), this wakes the thread in accept().
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def wait_for(self, target: str, *, seconds: float) -> bool:
        """Wait for a request, and return whether it has come."""
        with self.changed:
            return self.changed.wait_for(lambda: target in self.targets, seconds)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError, ValueError):
            connection.settimeout(SECONDS_OF_SILENCE)
            stream = Stream(connection, self)
            if stream.peek().startswith(FOREIGN):
                stream.until_silent()
                return
            while self._answer(stream):
                pass

    def _answer(self, stream: "Stream") -> bool:
        """Answer one request; the value is whether the connection can have another."""
        head = stream.until(b"\r\n\r\n").decode("latin-1")
        line, *rest = head.split("\r\n")
        method, target, version = line.split(" ")
        fields = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in rest)}
        if fields.get("upgrade", "").lower() == "websocket":
            key = fields["sec-websocket-key"].encode()
            accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET).digest())
            stream.send(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n")
            stream.send(b"sec-websocket-accept: %b\r\n\r\n" % accept)
            stream.until_silent()
            return False
        if fields.get("expect"):
            stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in fields.get("transfer-encoding", ""):
            while int(stream.until(b"\r\n").partition(b";")[0], 16):
                stream.until(b"\r\n")
            stream.until(b"\r\n")
        stream.take(int(fields.get("content-length", 0)))
        page = self.pages.get(target, b"ok")
        kind = b"text/html" if target in self.pages else b"text/plain"
        persists = version == "HTTP/1.1" or fields.get("connection", "").lower() == "keep-alive"
        answer = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n" % (kind, len(page))
        answer += b"connection: keep-alive\r\n\r\n" if persists else b"\r\n"
        stream.send(answer if method == "HEAD" else answer + page)
        with self.changed:
            self.targets.add(target)
            self.changed.notify_all()
        return persists and fields.get("connection", "").lower() != "close"


class Stream:
    """The bytes of one connection, each recorded once."""

    def __init__(self, connection: socket.socket, recorder: Recorder) -> None:
        self.connection = connection
        self.recorder = recorder
        self.recorded: bytearray | None = None
        self.waiting = b""

    def send(self, data: bytes) -> None:
        """Send to the client."""
        self.connection.sendall(data)

    def peek(self) -> bytes:
        """The bytes that have arrived, at least one."""
        if not self.waiting:
            self._receive()
        return self.waiting

    def until(self, end: bytes) -> bytes:
        """Everything in front of these bytes, which are taken, too."""
        while end not in self.waiting:
            self._receive()
        taken, _, self.waiting = self.waiting.partition(end)
        return taken

    def take(self, count: int) -> bytes:
        """So many bytes."""
        while len(self.waiting) < count:
            self._receive()
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def until_silent(self) -> None:
        """Record the rest, until the client is silent or has left."""
        with suppress(OSError, EOFError):
            while True:
                self._receive()

    def _receive(self) -> None:
        data = self.connection.recv(1 << 16)
        if not data:
            raise EOFError
        if self.recorded is None:
            self.recorded = bytearray()
            self.recorder.recorded.append(self.recorded)
        self.recorded += data
        self.waiting += data
