"""Invalid and too large requests, and smuggling: each is refused, and its connection is closed without reading on.

RFC 9112 sections 2 to 7, end to end; all that is refused is tested in crates/http and crates/wire. A valid request
follows each invalid one, and must never be answered: that would be smuggling.
"""

import random
import ssl
from typing import Any

import pytest
from asgi_support import GET, Site, request, respond, serving
from support import open_descriptors

pytestmark = pytest.mark.vitok_only

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"


class Guarded:
    """An application that reads what it gets, and writes down the paths that it was asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.read = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the content and answer, also to a client that is gone."""
        self.paths.append(scope["path"])
        while (event := await receive())["type"] == "http.request":
            self.read += len(event["body"])
            if not event["more_body"]:
                await respond(send, b"well")
                break


def refused(site: Site, data: bytes) -> tuple[int, bytes]:
    """Send, and give the status of the only answer and its text; the connection must have been closed behind it."""
    client = site.connect()
    client.offer(data)
    text = client.end()
    assert text.count(b"HTTP/1.1 ") == 1, text
    head, _, content = text.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower().split(b"\r\n"), head
    client.close()
    site.wait(lambda: site.http.connections == 0)
    return int(text.split(b" ")[1]), content


# Malformed, a length past every limit, an unknown coding.
REFUSALS = (400, 413, 501)
SMUGGLING = {
    "length and coding": b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    "folded line": b"x: a\r\n b: c\r\n\r\n",
    "chunk size with a sign": b"transfer-encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    "bad trailer": b"transfer-encoding: chunked\r\n\r\n0\r\nx y: z\r\n\r\n",
}


@pytest.mark.parametrize("fields", SMUGGLING.values(), ids=SMUGGLING)
def test_smuggling(fields: bytes) -> None:
    """What two servers could read differently is refused with 400 and closed, and nothing behind it is taken for a
    request."""
    application = Guarded()
    with serving(application) as site:
        status, _ = refused(site, HEAD + fields + SMUGGLED)
        assert status in REFUSALS
        assert "/smuggled" not in application.paths
        assert site.ask(GET).body == b"well"


LIMITS: dict[str, tuple[dict[str, Any], bytes, int]] = {
    "request line": ({"limit_request_line": 100}, request("/" + "a" * 100), 414),
    "head": ({"limit_request_head": 200}, request("/", *(f"x{number}: {'y' * 40}" for number in range(5))), 431),
    "one field": ({"limit_request_head": 200}, request("/", "x: " + "y" * 300), 431),
    "fields": ({"limit_request_fields": 5}, request("/", *(f"x{number}: y" for number in range(5))), 431),
    "fields by default": ({}, request("/", *(f"x{number}: y" for number in range(100))), 431),
    "head by default": ({}, request("/", "x: " + "y" * 65536), 431),
    "content": ({"limit_request_body": 10}, request(method="POST", body=b"x" * 11), 413),
    "chunks": (
        {"limit_request_body": 10},
        HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"2\r\nab\r\n" * 6 + b"0\r\n\r\n",
        413,
    ),
    "one chunk": (
        {"limit_request_body": 10},
        HEAD + b"transfer-encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n",
        413,
    ),
    "announced": ({"limit_request_body": 10}, HEAD + b"content-length: 99999999999\r\n\r\n", 413),
    "one extension": ({}, HEAD + b"transfer-encoding: chunked\r\n\r\n1;" + b"x" * 300 + b"\r\na\r\n0\r\n\r\n", 400),
    "extensions": ({}, HEAD + b"transfer-encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 200 + b"\r\na\r\n") * 100, 400),
    "trailers": ({}, HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", 431),
    "number of trailers": ({}, HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 101 + b"\r\n", 431),
}


@pytest.mark.parametrize(("options", "data", "status"), LIMITS.values(), ids=LIMITS)
def test_limits(options: dict[str, Any], data: bytes, status: int) -> None:
    """What is past a limit is refused with its status, in one piece or in many, and does the application no harm."""
    application = Guarded()
    with serving(application, **options) as site:
        got, _ = refused(site, data + SMUGGLED)
        assert got == status
        client = site.connect()
        for start in range(0, len(data), 997):
            try:
                client.offer(data[start : start + 997])
            except (BrokenPipeError, ConnectionResetError):
                break
            site.turn(2)
        assert client.end().startswith(b"HTTP/1.1 %d " % status)
        assert "/smuggled" not in application.paths
        site.wait(lambda: site.http.running == 0)
        assert site.ask(GET).body == b"well"


@pytest.mark.parametrize(
    ("options", "data"),
    [
        ({"limit_request_line": 23}, request("/" + "a" * 9)),
        ({"limit_request_fields": 6}, request("/", *(f"x{number}: y" for number in range(5)))),
        ({"limit_request_body": 10}, request(method="POST", body=b"x" * 10)),
        ({"limit_request_body": None}, request(method="POST", body=b"x" * 100_000)),
        ({"limit_request_body": 0}, request(method="POST", body=b"x" * 100_000)),
        ({"limit_request_line": None}, request("/" + "a" * 20_000)),
    ],
)
def test_just_within_the_limits(options: dict[str, Any], data: bytes) -> None:
    """What is just as large as a limit is served; None and 0 are no limit."""
    with serving(Guarded(), **options) as site:
        assert site.ask(data).body == b"well"


def test_garbage() -> None:
    """Random bytes are refused or waited for, never served, and nobody else notices."""
    random_bytes = random.Random(1).randbytes
    application = Guarded()
    with serving(application) as site:
        before = open_descriptors()
        for size in [1, 2, 3, 10, 100, 1000, 10_000, 100_000] * 5:
            client = site.connect()
            client.offer(random_bytes(size))
            site.turn(2)
            client.close()
        site.wait(lambda: site.http.connections == 0)
        assert application.paths == []
        assert site.ask(GET).body == b"well"
        site.clients[-1].close()
        site.wait(lambda: site.http.connections == 0)
        assert open_descriptors() == before


def client_hello() -> bytes:
    """What a TLS client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="a")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    "data",
    [client_hello(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-x\r\n\r\n", b"\r\n\r\n\r\n\r\n\0\r\n", b"\x16\x03"],
    ids=["TLS", "HTTP/2", "SSH", "blank lines", "two bytes"],
)
def test_other_protocols(data: bytes) -> None:
    """With HTTP/1.1 alone, others are refused or waited for; if there is an answer it is one of 1.1, once."""
    application = Guarded()
    with serving(application, timeout_header=0.2, http="1") as site:
        client = site.connect()
        client.offer(data)
        text = client.end()
        assert text.count(b"HTTP/1.1 ") == (1 if text else 0)
        assert not text or text.split(b" ")[1] in (b"400", b"408", b"505")
        assert application.paths == []
        client.close()
        site.wait(lambda: site.http.connections == 0)
