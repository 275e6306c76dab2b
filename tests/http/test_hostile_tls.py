"""Slow and hostile clients over TLS: each is cut off at its limit, as in clear text, without an effect on others.

The same in clear text is tested in test_hostile_slow.py, handshakes in test_serve_handshakes.py.
"""

import asyncio
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_support import BLOCK, GET, Site, echo, hello, request, respond, serving
from certificates_made import Certificates
from tls_driven import DrivenClient

pytestmark = pytest.mark.vitok_only

LIMIT = 0.25
POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n"
# Application data that no key has encrypted (RFC 8446, section 5.1).
NO_RECORD = struct.pack("!BHH", 23, 0x0303, 32) + bytes(32)


class Served:
    """A site over TLS, and its clients."""

    def __init__(self, site: Site, certificates: Certificates) -> None:
        self.site = site
        self.certificates = certificates
        self.clients: list[DrivenClient] = []

    def connect(self, *, receive_buffer: int | None = None) -> DrivenClient:
        """A client with a complete handshake."""
        client = DrivenClient(self.site.address[1], self.certificates, receive_buffer=receive_buffer)
        self.clients.append(client)
        self.site.run(client.shake_hands())
        self.site.wait(lambda: self.site.http.connections >= 1)
        return client

    def is_served(self) -> bool:
        """Whether others are served."""
        client = self.connect()
        self.site.run(client.send(request("/quick", "connection: close")))
        return self.site.run(client.rest()).startswith(b"HTTP/1.1 200 ")

    def wait_for_ends(self) -> None:
        """Wait until no connection is left, on the side of the server."""
        self.site.wait(lambda: self.site.http.connections == 0 and self.site.http.running == 0)


@pytest.fixture
def serve(tls_loop: Any, certificates: Certificates) -> Iterator[Callable[..., Served]]:
    """Serves an application with some options, to the end of the test."""
    opened: list[tuple[Any, Served]] = []

    def begin(application: Any, **options: Any) -> Served:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.both)
        manager = serving(application, loop=tls_loop, tls=context, **options)
        served = Served(manager.__enter__(), certificates)
        opened.append((manager, served))
        return served

    yield begin
    for manager, served in opened:
        for client in served.clients:
            client.sock.close()
        manager.__exit__(None, None, None)


async def endless(scope: Any, receive: Any, send: Any) -> None:
    """Answer `/quick`, and send the rest more than anybody takes."""
    if scope["path"] == "/quick":
        await respond(send, b"quick")
        return
    await send(start())
    for _ in range(400):
        await send(body(bytes(BLOCK), True))


async def one_block(scope: Any, receive: Any, send: Any) -> None:
    """One message that the kernel does not take."""
    await respond(send, bytes(32 * 1024 * 1024))


def test_a_client_that_says_nothing(serve: Callable[..., Served]) -> None:
    """A client that completes its handshake and says nothing is closed without a word."""
    served = serve(hello, timeout_header=LIMIT, timeout_keep_alive=50)
    client = served.connect()
    assert served.site.run(client.rest()) == b""


@pytest.mark.parametrize("data", [b"G", GET[:-1]])
def test_a_head_that_stops(serve: Callable[..., Served], data: bytes) -> None:
    """A client that begins a head and stops is told 408 and closed."""
    served = serve(hello, timeout_header=LIMIT)
    client = served.connect()
    served.site.run(client.send(data))
    assert served.site.run(client.rest()).startswith(b"HTTP/1.1 408 ")


def test_content_that_stops(serve: Callable[..., Served]) -> None:
    """The same for content."""
    served = serve(echo, timeout_body=LIMIT)
    client = served.connect()
    served.site.run(client.send(POST + b"x"))
    assert served.site.run(client.rest()).startswith(b"HTTP/1.1 408 ")
    served.site.wait(lambda: served.site.http.running == 0)


def test_records_that_arrive_a_byte_at_a_time(serve: Callable[..., Served]) -> None:
    """How records are cut into packets makes no difference."""
    served = serve(echo)
    client = served.connect()
    for _ in range(2):
        served.site.run(client.drip(POST + b"some data"))
        answer = b""
        while not answer.endswith(b"some data"):
            answer += served.site.run(client.read())
        assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("application", [endless, one_block])
def test_a_client_that_does_not_read(serve: Callable[..., Served], application: Any) -> None:
    """It is cut off after its time; others are served meanwhile."""
    # A response that asyncio's transport has encrypted counts as sent, so that its client is idle.
    served = serve(application, timeout_body=LIMIT, timeout_keep_alive=LIMIT)
    client = served.connect(receive_buffer=4096)
    served.site.run(client.send(GET))
    if application is endless:
        assert served.is_served()
    served.wait_for_ends()
    served.site.hooks.take()


@pytest.mark.parametrize("application", [endless, one_block])
def test_a_client_that_reads_slowly(serve: Callable[..., Served], application: Any) -> None:
    """A client that reads something within each limit is not cut off."""
    served = serve(application, timeout_body=LIMIT)
    client = served.connect(receive_buffer=4096)
    served.site.run(client.send(GET))
    until = time.monotonic() + 4 * LIMIT
    while time.monotonic() < until:
        taken = 0
        while taken < 2 * BLOCK:
            data = served.site.run(client.read())
            assert data
            taken += len(data)
        served.site.run(asyncio.sleep(LIMIT / 8))
    assert served.site.http.connections == 1
    client.sock.close()
    served.wait_for_ends()
    served.site.hooks.take()


@pytest.mark.parametrize(
    "data", [NO_RECORD, b"GET / HTTP/1.1\r\n\r\n", bytes(300), b"\x17\x03\x03\xff\xff" + bytes(100)]
)
@pytest.mark.parametrize("before", [b"", GET, POST])
def test_bytes_that_are_no_record(serve: Callable[..., Served], data: bytes, before: bytes) -> None:
    """They end their connection, also in the middle of a request, and nothing else."""
    served = serve(echo, timeout_header=LIMIT, timeout_body=LIMIT)
    client = served.connect()
    if before:
        served.site.run(client.send(before))
    served.site.run(served.site.loop.sock_sendall(client.sock, data))
    served.site.run(client.wait_for_end())
    served.wait_for_ends()
    assert served.is_served()


@pytest.mark.parametrize("sent", [b"", GET[:7], POST, POST + b"x", GET])
def test_a_connection_that_ends_without_a_goodbye(serve: Callable[..., Served], sent: bytes) -> None:
    """A client that leaves at any point, and does not say so in TLS, leaves nothing behind."""
    served = serve(echo)
    for turns in range(4):
        client = served.connect()
        if sent:
            served.site.run(client.send(sent))
        served.site.turn(turns)
        client.sock.close()
    served.wait_for_ends()
    assert served.is_served()
