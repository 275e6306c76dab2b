"""A blocking client of HTTP/2 for servers in other processes: in clear text by prior knowledge, and over TLS by ALPN.

The protocol is http2_peer.py's. Each call that waits ends with an error if the server says nothing for a long time.
"""

import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from answers import Answer, Fields
from http2_peer import Peer, Stream, no_delay

# Longer than anything takes on a machine under load.
SECONDS_AT_MOST = 25
BLOCK = 256 * 1024


def fields_for(
    path: str = "/",
    fields: Iterable[tuple[bytes, bytes]] = (),
    *,
    method: str = "GET",
    scheme: str = "http",
    authority: str = "localhost",
) -> Fields:
    """Return the head of a request: the pseudo-headers, then these fields."""
    pseudo = {":method": method, ":scheme": scheme, ":authority": authority, ":path": path}
    return [*((name.encode(), value.encode("latin-1")) for name, value in pseudo.items()), *fields]


class Http2Client:
    """A connection. It is a context manager, which closes it."""

    def __init__(
        self,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        name: str = "localhost",
        **more: Any,
    ) -> None:
        """Connect, and send the preface with the first request. `tls` says whom to trust; `more` is for Peer."""
        self.sock: socket.socket = socket.create_connection((host, port), SECONDS_AT_MOST)
        no_delay(self.sock)
        self.scheme = "http"
        try:
            if tls is not None:
                tls.set_alpn_protocols(["h2"])
                self.scheme = "https"
                self.sock = tls.wrap_socket(self.sock, server_hostname=name)
                assert self.sock.selected_alpn_protocol() == "h2"  # type: ignore[attr-defined, unused-ignore]
        except BaseException:
            self.sock.close()
            raise
        self.peer = Peer(**more)
        self.is_at_end = False

    @classmethod
    def on(cls, sock: socket.socket, **more: Any) -> "Http2Client":
        """Speak over a socket that is connected, and is closed with the client."""
        client = cls.__new__(cls)
        client.sock, client.scheme, client.peer, client.is_at_end = sock, "http", Peer(**more), False
        return client

    def __enter__(self) -> "Http2Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self.sock.close()

    def flush(self) -> None:
        """Send what is to be sent."""
        if data := self.peer.take():
            self.sock.sendall(data)

    def raw(self, data: bytes) -> None:
        """Send bytes as they are, behind what is to be sent."""
        self.peer.raw(data)
        self.flush()

    def read(self) -> bool:
        """Wait for something from the server. Return False at the end of file or a reset."""
        self.flush()
        try:
            data = self.sock.recv(BLOCK)
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_at_end = True
            return False
        self.peer.receive(data)
        self.flush()
        return True

    def wait(self, condition: Callable[[], object]) -> None:
        """Read until the condition is true. EOFError if the connection ends before."""
        while not condition():
            if not self.read():
                raise EOFError(f"goaways: {self.peer.goaways}; streams: {list(self.peer.streams.values())[-3:]}")

    def request(
        self,
        path: str = "/",
        fields: Iterable[tuple[bytes, bytes]] = (),
        *,
        method: str = "GET",
        body: bytes | None = None,
        end: bool = True,
        authority: str = "localhost",
    ) -> int:
        """Begin a request, which ends with the content unless `end` is False. Return the number of its stream."""
        head = fields_for(path, fields, method=method, scheme=self.scheme, authority=authority)
        number = self.peer.request(head, end=end and body is None)
        if body is not None:
            self.peer.send(number, body, end=end)
        self.flush()
        return number

    def send(self, number: int, data: bytes = b"", *, end: bool = False) -> None:
        """Send content of a request, all that the windows allow; the rest follows while the client reads."""
        self.peer.send(number, data, end=end)
        self.flush()

    def reset(self, number: int, code: int = 8) -> None:
        """Leave a request alone: CANCEL, or another code."""
        self.peer.reset(number, code)
        self.flush()

    def head(self, number: int) -> Stream:
        """Wait for the final head of a response."""
        stream = self.peer.streams[number]
        self.wait(lambda: stream.status is not None or stream.is_over)
        return stream

    def answer(self, number: int) -> Answer:
        """Wait for a whole response. EOFError if the server resets it."""
        stream = self.peer.streams[number]
        self.wait(lambda: stream.is_over)
        if not stream.is_ended:
            raise EOFError(f"stream {number} was reset: {stream.code}")
        return stream.answer()

    def ask(self, path: str = "/", fields: Iterable[tuple[bytes, bytes]] = (), **more: Any) -> Answer:
        """Send a request and wait for the response."""
        return self.answer(self.request(path, fields, **more))

    def code(self, number: int) -> int:
        """Wait until the server resets a stream, and return the code. It may have begun by `raw`."""
        streams = self.peer.streams
        self.wait(lambda: number in streams and streams[number].code is not None)
        code = streams[number].code
        assert code is not None
        return code

    def goaway(self) -> tuple[int, int]:
        """Wait for a GOAWAY, and return the last stream and the code."""
        self.wait(lambda: self.peer.goaways)
        return self.peer.goaways[-1].last, self.peer.goaways[-1].code

    def rest(self) -> None:
        """Read until the server closes the connection."""
        while self.read():
            pass
