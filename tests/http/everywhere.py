"""Ways to run a native application: natively and by ASGI on our own server, over both versions of HTTP each, by ASGI
under uvicorn, and in process. Clients have the same calls.

What an application answers is not known here.
"""

import http.client
import json
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from http2_client import Http2Client
from vitok.http.testing import TestClient, WebSocketRefused, serve

# The folders of other kinds of tests.
sys.path += [str(Path(__file__).resolve().parents[1] / folder) for folder in ("programs", "websocket")]
from needs import need_library
from ws_frames import BINARY, CLOSE, KEY, TEXT, close, frame

# The host that every client names, so that URLs are the same everywhere.
HOST = "example.org"
SECONDS = 25
OVER_2 = " over HTTP/2"
WAYS = ("native", "native" + OVER_2, "asgi", "asgi" + OVER_2, "uvicorn", "in process")


@dataclass
class Answer:
    """A response: names of fields in lower case, without those that are the server's."""

    status: int
    fields: list[tuple[str, str]]
    content: bytes

    def field(self, name: str) -> str | None:
        """The only field of this name, or None."""
        found = [value for one, value in self.fields if one == name]
        assert len(found) < 2, found
        return found[0] if found else None

    def json(self) -> Any:
        """The content, which is JSON."""
        return json.loads(self.content)


class Socket(Protocol):
    """A WebSocket of a client."""

    subprotocol: str | None

    def send(self, message: str | bytes) -> None:
        """Send a message."""

    def receive(self) -> str | bytes | tuple[int, str]:
        """Return the next message, or code and reason of the end."""

    def close(self, code: int) -> None:
        """Close it."""


class Way(Protocol):
    """A running application, and the version of HTTP of its requests."""

    version: str

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, content: Any = None) -> Answer:
        """Send a request, and return the response."""

    def websocket(self, target: str, subprotocols: tuple[str, ...] = ()) -> AbstractContextManager[Any]:
        """Connect a WebSocket: a `Socket`, or the `Answer` that refuses it."""


@contextmanager
def running(way: str, app: Any, **options: Any) -> Iterator[Way]:
    """Run an application in this way. The options are those of all ways: `root_path`."""
    if way == "in process":
        root_path = options.get("root_path", "")
        with TestClient(app, base_url=f"http://{HOST}", root_path=root_path, raise_server_exceptions=False) as client:
            yield InProcess(client)
    elif way == "uvicorn":
        with uvicorn(app, **options) as port:
            yield OverSockets(port)
    else:
        interface = "native" if way.removesuffix(OVER_2) == "native" else "asgi3"
        with serve(app, interface=interface, **options) as url:
            port = int(url.rpartition(":")[2])
            yield OverStreams(port) if way.endswith(OVER_2) else OverSockets(port)


@contextmanager
def uvicorn(app: Any, **options: Any) -> Iterator[int]:
    """Serve by uvicorn with its own protocols, in a thread, and give the port."""
    need_library("uvicorn")
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    # With its own configuration of logging, later tests would not see what it logs.
    settings: dict[str, Any] = {"log_config": None, "loop": "asyncio", "ws": "wsproto", "http": "h11", **options}
    server = uvicorn.Server(uvicorn.Config(app, **settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class OverSockets:
    """A server at a port."""

    version = "1.1"

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, content: Any = None) -> Answer:
        """Send a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, target, content, {"Host": HOST, **(headers or {})})
            response = connection.getresponse()
            return answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    @contextmanager
    def websocket(self, target: str, subprotocols: tuple[str, ...] = ()) -> Iterator[Socket | Answer]:
        """Shake hands on a connection of its own."""
        lines = [f"GET {target} HTTP/1.1", f"host: {HOST}", "connection: upgrade", "upgrade: websocket"]
        lines += ["sec-websocket-version: 13", f"sec-websocket-key: {KEY}"]
        lines += [f"sec-websocket-protocol: {', '.join(subprotocols)}"] if subprotocols else []
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            response = http.client.HTTPResponse(connection)
            response.begin()
            if response.status != 101:
                yield answer(response.status, response.getheaders(), response.read())
                return
            # The response reads ahead: what follows its head is read from the same buffer.
            assert response.fp is not None
            yield RawSocket(connection, response.fp, response.getheader("sec-websocket-protocol"))


class OverStreams(OverSockets):
    """A server at a port, whose requests are streams of HTTP/2; its WebSockets are those of HTTP/1.1."""

    version = "2"

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, content: Any = None) -> Answer:
        """Send a request on a connection of its own."""
        fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
        if isinstance(content, str):
            content = content.encode("latin-1")
        if content is not None and isinstance(content, bytes):
            fields.append((b"content-length", b"%d" % len(content)))
        elif content is not None:
            content = b"".join(content)
        with Http2Client(self.port) as client:
            found = client.ask(target, fields, method=method, body=content, authority=HOST)
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in found.fields]
        return answer(found.status, pairs, found.body)


class RawSocket:
    """A WebSocket over a socket, without fragments and compression."""

    def __init__(self, connection: socket.socket, reader: Any, subprotocol: str | None) -> None:
        self.subprotocol = subprotocol
        self.connection = connection
        self.reader = reader

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        is_text = isinstance(message, str)
        data = message.encode() if isinstance(message, str) else message
        self.connection.sendall(frame(TEXT if is_text else BINARY, data))

    def receive(self) -> str | bytes | tuple[int, str]:
        """Return the next message, or code and reason of the end, which is answered."""
        first, length = self.reader.read(2)
        if length == 126:
            length = int.from_bytes(self.reader.read(2), "big")
        data: bytes = self.reader.read(length)
        if first & 0x0F == CLOSE:
            self.connection.sendall(frame(CLOSE, data))
            return int.from_bytes(data[:2], "big"), data[2:].decode()
        return data.decode() if first & 0x0F == TEXT else data

    def close(self, code: int) -> None:
        """Close it, and wait for the answer."""
        self.connection.sendall(close(code))
        assert self.reader.read(1) == bytes([0x80 | CLOSE])


class InProcess:
    """A client without a socket."""

    version = "1.1"

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def ask(self, method: str, target: str, headers: Mapping[str, str] | None = None, content: Any = None) -> Answer:
        """Send a request."""
        response = self.client.request(method, target, headers=headers, content=content)
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
        return answer(response.status, pairs, response.content)

    @contextmanager
    def websocket(self, target: str, subprotocols: tuple[str, ...] = ()) -> Iterator[Socket | Answer]:
        """Connect a WebSocket."""
        try:
            with self.client.websocket_connect(target, subprotocols) as connected:
                yield ProcessSocket(connected)
        except WebSocketRefused as refused:
            response = refused.response
            yield answer(response.status, list(response.headers.items()), response.content)


class ProcessSocket:
    """A WebSocket without a socket."""

    def __init__(self, connected: Any) -> None:
        self.subprotocol = connected.subprotocol
        self.connected = connected

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        self.connected.send(message)

    def receive(self) -> str | bytes | tuple[int, str]:
        """Return the next message, or code and reason of the end."""
        for message in self.connected:
            found: str | bytes = message
            return found
        return tuple(self.connected.closed)

    def close(self, code: int) -> None:
        """Close it."""
        self.connected.close(code)


def answer(status: int, pairs: Any, content: bytes) -> Answer:
    """Return an answer without what is of the connection and of the server."""
    # Whether a response without a length is chunked is a matter of the connection.
    omitted = {"date", "server", "connection", "transfer-encoding", "keep-alive"}
    fields = sorted((name.lower(), value) for name, value in pairs if name.lower() not in omitted)
    return Answer(status, fields, content)
