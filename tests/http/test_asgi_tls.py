"""The server over TLS and on asyncio's own loop: transports of asyncio's, driven by their methods.

Certificates are made in conftest.py; requests are tested in test_asgi_scope.py.
"""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import HEAD, body, start
from asgi_support import BLOCK, GET, Site, read_body, request, respond, serving
from certificates_made import Certificates

pytestmark = pytest.mark.vitok_only


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Echoes, streams, sends a file, waits, fails: what the path says."""
    path = scope["path"]
    if path == "/stream":
        await send(start())
        for _ in range(40):
            await send(body(bytes(BLOCK), True))
        await send(body())
    elif path == "/endless":
        await send(start())
        while True:
            await send(body(bytes(1000), True))
    elif path == "/file":
        await send(start())
        await send({"type": "http.response.pathsend", "path": __file__})
    elif path == "/wait":
        while (await receive())["type"] != "http.disconnect":
            pass
    elif path == "/fail":
        raise LookupError
    else:
        await respond(send, await read_body(receive) or scope["scheme"].encode())


@pytest.fixture(params=["TLS", "TLS on asyncio's loop", "asyncio's loop"])
def site(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Site]:
    """The application on a transport of asyncio's, and in `site.context` what a client needs to trust it."""
    options: dict[str, Any] = {"timeout_body": 0.5}
    trusting = None
    if "TLS" in request.param:
        options["tls"] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["tls"].load_cert_chain(certificates.certificate, certificates.key)
        trusting = ssl.create_default_context(cafile=str(certificates.certificate))
    if "asyncio" in request.param:
        options["loop"] = asyncio.SelectorEventLoop()
    with serving(application, access_log=True, **options) as site:
        site.context = trusting
        yield site


class Peer:
    """A client made of asyncio's streams."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.reader, self.writer = site.run(asyncio.open_connection(*site.address, ssl=site.context))

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.writer.write(data)
        self.site.run(self.writer.drain())

    def ask(self, data: bytes = GET) -> tuple[bytes, bytes]:
        """Send a request, and read the head and the content of the response."""
        self.send(data)
        return self.answer(has_content=not data.startswith(b"HEAD"))

    def answer(self, *, has_content: bool = True) -> tuple[bytes, bytes]:
        """The head and the content of the next response."""
        return self.site.run(self._answer(has_content))

    async def _answer(self, has_content: bool) -> tuple[bytes, bytes]:
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not has_content:
            return head, b""
        if b"\r\ncontent-length: " in head:
            size = int(head.split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0])
            return head, await self.reader.readexactly(size)
        content = b""
        while size := int(await self.reader.readline(), 16):
            content += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readline()
        return head, content

    def rest(self) -> bytes:
        """Everything up to the end, however it comes."""
        try:
            return self.site.run(self.reader.read())
        except (ConnectionResetError, ssl.SSLError):
            return b""

    def close(self) -> None:
        """Close it, whatever becomes of it."""
        self.writer.transport.abort()
        self.site.turn()


@pytest.fixture
def peer(site: Site) -> Iterator[Peer]:
    """A client of the site, closed afterwards."""
    peer = Peer(site)
    yield peer
    peer.close()


def test_requests(site: Site, peer: Peer) -> None:
    """Requests with and without content, pipelined and not, are answered over one connection."""
    scheme = b"http" if site.context is None else b"https"
    assert peer.ask()[1] == scheme
    content = bytes(range(256)) * 2000
    assert peer.ask(request(method="POST", body=content))[1] == content
    peer.send(GET * 20)
    assert [peer.answer()[1] for _ in range(20)] == [scheme] * 20
    assert peer.ask(HEAD)[0].startswith(b"HTTP/1.1 200 ")
    assert peer.ask()[1] == scheme
    assert site.http.connections == 1


def test_streams_and_files(site: Site, peer: Peer) -> None:
    """Long responses arrive whole, a file among them, which cannot be sent by the kernel here."""
    assert peer.ask(request("/stream"))[1] == bytes(40 * BLOCK)
    text = Path(__file__).read_bytes()
    assert peer.ask(request("/file"))[1] == text
    assert peer.ask(request("/file"))[1] == text
    assert peer.ask()[0].startswith(b"HTTP/1.1 200 ")


def test_the_last_request(site: Site, peer: Peer) -> None:
    """`connection: close` ends the connection after the answer."""
    head, _ = peer.ask(request("/", "connection: close"))
    assert b"connection: close\r\n" in head
    assert peer.rest() == b""
    site.wait(lambda: site.http.connections == 0)


def test_refusals_and_failures(site: Site, peer: Peer) -> None:
    """What is refused or fails is answered and closed."""
    assert peer.ask(request("/fail"))[0].startswith(b"HTTP/1.1 500 ")
    assert peer.rest() == b""
    assert [type(error) for _, error in site.hooks.take()] == [LookupError]
    other = Peer(site)
    assert other.ask(b"nonsense\r\n\r\n")[0].startswith(b"HTTP/1.1 400 ")
    assert other.rest() == b""
    other.close()
    site.wait(lambda: site.http.connections == 0)


def test_the_server_ends(site: Site, peer: Peer) -> None:
    """Idle connections are closed when the server ends, others after their response."""
    busy = Peer(site)
    busy.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nda")
    site.wait(lambda: site.http.running)
    site.http.begin_shutdown()
    assert peer.rest() == b""
    busy.send(b"ta")
    assert busy.answer()[1] == b"data"
    assert busy.rest() == b""
    busy.close()


def test_a_client_that_does_not_read(site: Site, peer: Peer) -> None:
    """Who does not read a stream is cut after the time for that."""
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    peer.send(request("/endless"))
    site.wait(lambda: site.http.requests == 1 and site.http.connections == 0)
    site.wait(lambda: site.http.running == 0)


@pytest.mark.parametrize("path", ["/endless", "/wait", "/stream", "/file"])
def test_a_client_that_leaves(site: Site, peer: Peer, path: str) -> None:
    """A client that asks and leaves at once leaves nothing behind, however the application sends."""
    for turns in range(4):
        other = Peer(site)
        other.writer.write(request(path))
        site.turn(turns)
        other.close()
    site.wait(lambda: site.http.connections == 1 and site.http.running == 0)
    assert peer.ask()[0].startswith(b"HTTP/1.1 200 ")


def test_a_client_that_leaves_a_stream_writes_nothing_into_the_log(
    site: Site, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    """An application that sends many small pieces hears of it at once, and asyncio has no lost write to warn of."""
    for turns in (1, 2, 5, 20):
        other = Peer(site)
        other.send(request("/endless"))
        site.turn(turns)
        other.close()
        site.wait(lambda: site.http.running == 0)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
    assert peer.ask()[0].startswith(b"HTTP/1.1 200 ")
