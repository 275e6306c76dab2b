"""The server over TLS and on asyncio's own loop: transports of asyncio's, driven by their methods.

Certificates are made in conftest.py; requests are tested in test_asgi_scope.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import HEAD, body, start
from asgi_places import Place
from asgi_support import BLOCK, GET, Site, read_body, request, respond, serving
from certificates_made import Certificates
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]


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
def place(request: pytest.FixtureRequest, wire: str, certificates: Certificates) -> Iterator[Place]:
    """The transports of asyncio's."""
    place = Place(request.param, certificates)
    yield place
    place.close()


@pytest.fixture
def site(place: Place) -> Iterator[Site]:
    """The application on a transport of asyncio's."""
    with serving(application, access_log=True, timeout_body=0.5, **place.options) as site:
        yield site


@pytest.fixture
def peer(site: Site, place: Place) -> Any:
    """A client of the site, of asyncio's streams."""
    return place.connect(site)


def test_requests(site: Site, peer: Any, place: Place) -> None:
    """Requests with and without content, pipelined and not, are answered over one connection."""
    scheme = b"http" if place.trusting is None else b"https"
    assert peer.ask().body == scheme
    content = bytes(range(256)) * 2000
    assert peer.ask(request(method="POST", body=content)).body == content
    peer.send(GET * 20)
    assert [peer.answer().body for _ in range(20)] == [scheme] * 20
    assert peer.ask(HEAD).status == 200
    assert peer.ask().body == scheme
    assert site.http.connections == 1


def test_streams_and_files(site: Site, peer: Any) -> None:
    """Long responses arrive whole, a file among them, which cannot be sent by the kernel here."""
    assert peer.ask(request("/stream")).body == bytes(40 * BLOCK)
    text = Path(__file__).read_bytes()
    assert peer.ask(request("/file")).body == text
    assert peer.ask(request("/file")).body == text
    assert peer.ask().status == 200


def test_the_last_request(site: Site, peer: Any) -> None:
    """`connection: close` ends the connection after the answer."""
    assert peer.ends_after(peer.ask(request("/", "connection: close")))
    if peer.version == "1.1":
        site.wait(lambda: site.http.connections == 0)


def test_failures(site: Site, peer: Any) -> None:
    """What fails is answered, and HTTP/1.1 ends with it."""
    answer = peer.ask(request("/fail"))
    assert answer.status == 500
    assert peer.ends_after(answer)
    assert [type(error) for _, error in site.hooks.take()] == [LookupError]


@http1_only("text that is no request")
def test_refusals(site: Site, peer: Any) -> None:
    """What is refused is answered and closed."""
    answer = peer.ask(b"nonsense\r\n\r\n")
    assert answer.status == 400
    assert peer.ends_after(answer)
    site.wait(lambda: site.http.connections == 0)


def test_the_server_ends(site: Site, peer: Any, place: Place) -> None:
    """Idle connections are closed when the server ends, others after their response."""
    busy = place.connect(site)
    busy.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nda")
    site.wait(lambda: site.http.running)
    site.http.begin_shutdown()
    busy.send(b"ta")
    assert busy.answer().body == b"data"
    peer.closed()
    busy.closed()


def test_a_client_that_does_not_read(site: Site, peer: Any) -> None:
    """Who does not read a stream is cut after the time for that."""
    peer.channel.pause()
    peer.send(request("/endless"))
    site.wait(lambda: site.http.requests == 1 and site.http.running == 0)
    if peer.version == "1.1":
        site.wait(lambda: site.http.connections == 0)


@pytest.mark.parametrize("path", ["/endless", "/wait", "/stream", "/file"])
def test_a_client_that_leaves(site: Site, peer: Any, place: Place, path: str) -> None:
    """A client that asks and leaves at once leaves nothing behind, however the application sends."""
    for turns in range(4):
        other = place.connect(site)
        other.offer(request(path))
        site.turn(turns)
        other.abort()
        site.turn()
    site.wait(lambda: site.http.connections == 1 and site.http.running == 0)
    assert peer.ask().status == 200


def test_a_client_that_leaves_a_stream_writes_nothing_into_the_log(
    site: Site, peer: Any, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """An application that sends many small pieces hears of it at once, and asyncio has no lost write to warn of."""
    for turns in (1, 2, 5, 20):
        other = place.connect(site)
        other.send(request("/endless"))
        site.turn(turns)
        other.abort()
        site.turn()
        site.wait(lambda: site.http.running == 0)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
    assert peer.ask().status == 200
