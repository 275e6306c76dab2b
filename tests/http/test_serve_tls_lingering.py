"""Refusals over TLS reach a client that still sends, and the server does not wait for ever for one that goes on.

What lingers and how long is decided in crates/wire; the same in clear text is tested in test_asgi_unread.py.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgi_support import Site, hello, request, serving
from certificates_made import Certificates
from tls_driven import DrivenClient

pytestmark = pytest.mark.vitok_only

MEBIBYTE = 1024 * 1024
# Short ones, in place of 2 and 30 seconds.
TIMES = {"linger_seconds": 0.4, "linger_seconds_at_most": 1.2, "timeout_header": 1.0}
# A machine under load.
LATE = 5.0
# What is refused, with the status, before it has arrived as a whole.
REFUSED = {
    "a body that is too long": (request("/", "content-length: 50000000", method="POST"), 413),
    "a head that is too long": (b"GET / HTTP/1.1\r\nx: " + bytes(b"a" * 70000), 431),
    "a request line that is too long": (b"GET /" + bytes(b"a" * 9000), 414),
    "what is no request": (b"nonsense\r\n\r\n", 400),
}


@pytest.fixture
def site(tls_loop: Any, certificates: Certificates) -> Iterator[Site]:
    """An application over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.both)
    with serving(hello, loop=tls_loop, tls=context, limit_request_body=1000, **TIMES) as site:
        yield site


@pytest.fixture
def client(site: Site, certificates: Certificates) -> Iterator[DrivenClient]:
    """A client with a complete handshake."""
    client = DrivenClient(site.address[1], certificates)
    site.run(client.shake_hands())
    yield client
    client.sock.close()


async def upload(client: DrivenClient, size: int) -> bool:
    """Send so many bytes without reading. Return whether all were taken."""
    for _ in range(size // 65536):
        if not await client.offer(bytes(65536)):
            return False
    return True


@pytest.mark.parametrize("kind", REFUSED)
def test_a_client_that_reads_after_it_has_sent(site: Site, client: DrivenClient, kind: str) -> None:
    """The whole upload is taken, and the response is there, complete, behind it."""
    data, status = REFUSED[kind]
    site.run(client.send(data))
    assert site.run(upload(client, 4 * MEBIBYTE))
    answer = site.run(client.rest())
    head, _, content = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert f"content-length: {len(content)}".encode() in head.lower()
    client.sock.close()
    site.wait(lambda: site.http.connections == 0)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_client_that_goes_on(site: Site, client: DrivenClient, kind: str) -> None:
    """A client that sends a little now and then, and does not end, is cut off after its time."""
    data, status = REFUSED[kind]
    began = time.monotonic()
    site.run(client.send(data))
    assert site.run(client.read()).startswith(b"HTTP/1.1 %d " % status)

    async def go_on() -> None:
        while site.http.connections and await client.offer(b"x"):
            await asyncio.sleep(0.02)

    site.run(go_on())
    site.wait(lambda: site.http.connections == 0)
    assert time.monotonic() - began < TIMES["linger_seconds_at_most"] + LATE


@pytest.mark.parametrize("kind", REFUSED)
def test_a_client_that_says_goodbye(site: Site, client: DrivenClient, kind: str) -> None:
    """A client that has read its refusal and ends the connection is let go at once."""
    data, status = REFUSED[kind]
    site.run(client.send(data))
    assert site.run(client.read()).startswith(b"HTTP/1.1 %d " % status)
    began = time.monotonic()
    # A server that has said goodbye itself ends the call, another one is waited for.
    with contextlib.suppress(ssl.SSLWantReadError):
        client.tls.unwrap()
    site.run(client.flush())
    site.wait(lambda: site.http.connections == 0)
    assert time.monotonic() - began < TIMES["linger_seconds"]


def test_the_server_ends_meanwhile(site: Site, client: DrivenClient) -> None:
    """A client that is refused and goes on does not hold up a graceful end."""
    site.run(client.send(REFUSED["a body that is too long"][0]))
    site.http.begin_shutdown()
    began = time.monotonic()

    async def go_on() -> None:
        while site.http.connections and await client.offer(b"x"):
            await asyncio.sleep(0.02)

    site.run(go_on())
    site.wait(lambda: site.http.connections == 0)
    assert time.monotonic() - began < TIMES["linger_seconds"] * 2 + LATE


def test_an_ordinary_last_response(site: Site, client: DrivenClient) -> None:
    """`connection: close` ends with a goodbye, without lingering."""
    site.run(client.send(request("/", "connection: close")))
    began = time.monotonic()
    assert site.run(client.rest()).endswith(b"hello")
    assert time.monotonic() - began < LATE
    client.sock.close()
    site.wait(lambda: site.http.connections == 0)


@pytest.mark.parametrize("kind", REFUSED)
def test_our_side_ends_behind_a_refusal(engine: str, certificates: Certificates, kind: str) -> None:
    """A client sees the end of the connection behind its refusal at once, while what it sends is still taken."""
    data, status = REFUSED[kind]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.both)
    with serving(hello, tls=context, limit_request_body=1000, linger_seconds=60, linger_seconds_at_most=60) as site:
        client = DrivenClient(site.address[1], certificates)
        site.run(client.shake_hands())
        site.run(client.send(data))
        assert site.run(client.rest()).startswith(b"HTTP/1.1 %d " % status)
        assert site.run(upload(client, 4 * MEBIBYTE))
        assert site.http.connections == 1
        client.sock.close()
        site.wait(lambda: site.http.connections == 0)
