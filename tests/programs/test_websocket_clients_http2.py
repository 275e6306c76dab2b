"""WebSockets over HTTP/2 (RFC 8441): a browser over TLS, and wsproto over the library h2.

Both visit an application under `vitok serve`; its log says which version of HTTP was spoken.
"""

import json
import re
import ssl
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
import served as serve_command
from browser import new_page
from children import APPS
from http2_client import Http2Client
from needs import need_library
from served import Served

pytestmark = pytest.mark.vitok_only

HANDSHAKE = re.compile(r'"CONNECT (?P<target>\S+) HTTP/2" (?P<status>\d+) ')


@pytest.fixture
def site(certificate: Path) -> Iterator[Served]:
    """The application over TLS."""
    words = ("--lifespan", "off", "--ssl-certfile", certificate)
    with serve_command.serving(*words, app="asgi_websocket_page:app", folder=APPS) as served:
        yield served


def accepted(site: Served) -> list[str]:
    """End the server, and return the targets of WebSockets that were accepted over HTTP/2."""
    assert site.end() == 0
    assert "Traceback" not in site.errors
    return [match["target"] for match in HANDSHAKE.finditer(site.output) if match["status"] == "200"]


def test_a_browser(site: Served, browser: str) -> None:
    """Chromium opens WebSockets over the connection of the page."""
    with new_page(browser) as page:
        page.call("Security.setIgnoreCertificateErrors", ignore=True)
        page.open(f"https://localhost:{site.port}/")
        page.value((APPS / "websocket_visits.js").read_text() + "null")
        assert page.value(f"visitAll('wss://localhost:{site.port}')") == "visited"
    targets = accepted(site)
    assert targets.count("/echo") >= 2
    assert '" 101 ' not in site.output


class Visit:
    """A WebSocket of wsproto over a stream."""

    def __init__(self, client: Http2Client, path: str) -> None:
        from wsproto.connection import CLIENT, Connection
        from wsproto.extensions import PerMessageDeflate

        self.client = client
        deflate = PerMessageDeflate()
        fields = [
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-protocol", b"chat"),
            (b"sec-websocket-extensions", f"permessage-deflate; {deflate.offer()}".encode()),
        ]
        head = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"https")]
        head += [(b":path", path.encode()), (b":authority", b"localhost"), *fields]
        self.number = client.peer.request(head, end=False)
        client.flush()
        self.head = client.head(self.number)
        extensions = dict(self.head.fields).get(b"sec-websocket-extensions", b"").decode()
        if extensions:
            deflate.finalize(extensions)
        self.connection = Connection(CLIENT, extensions=[deflate] if extensions else [])
        self.events: deque[object] = deque()

    def send(self, event: object) -> None:
        """Send an event of wsproto."""
        self.client.send(self.number, self.connection.send(event))  # type: ignore[arg-type]

    def receive(self) -> object:
        """Return the next event of wsproto."""
        stream = self.client.peer.streams[self.number]
        while not self.events:
            self.client.wait(lambda: stream.pieces or stream.is_over)
            for piece in stream.pieces:
                self.connection.receive_data(piece)
            stream.pieces.clear()
            self.events.extend(self.connection.events())
        return self.events.popleft()


def test_wsproto(site: Served, certificate: Path) -> None:
    """Messages, compressed and not, and the close from either side, beside a request on the same connection."""
    need_library("wsproto")
    from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

    with Http2Client(site.port, tls=ssl.create_default_context(cafile=certificate)) as client:
        assert client.ask("/").status == 200
        visit = Visit(client, "/echo?name=wsproto")
        assert visit.head.status == 200
        assert dict(visit.head.fields)[b"sec-websocket-protocol"] == b"chat"
        for word in ("hello", "grüß dich 👋" * 1000):
            visit.send(TextMessage(data=word))
            event = visit.receive()
            assert isinstance(event, TextMessage)
            assert event.data == word
        visit.send(BytesMessage(data=bytes(5000)))
        event = visit.receive()
        assert isinstance(event, BytesMessage)
        assert bytes(event.data) == bytes(5000)
        visit.send(Ping(payload=b"?"))
        event = visit.receive()
        assert isinstance(event, Pong)
        assert event.payload == b"?"
        assert client.ask("/").status == 200
        visit.send(CloseConnection(code=4000, reason="done"))
        event = visit.receive()
        assert isinstance(event, CloseConnection)
        assert event.code == 4000
        seen = Visit(client, "/ended?name=wsproto").receive()
        assert isinstance(seen, TextMessage)
        assert json.loads(seen.data) == [4000, "done"]
        refused = Visit(client, "/refused")
        assert refused.head.status == 403
    assert accepted(site) == ["/echo?name=wsproto", "/ended?name=wsproto"]
