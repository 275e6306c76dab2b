"""Invalid and too large requests, and smuggling: each is refused, and its connection is closed without reading on.

RFC 9112 sections 2 to 7, end to end; the parser's own tests are in the http crate. A valid request follows each invalid
one, and must never be answered: that would be smuggling.
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
    "coding and length": b"transfer-encoding: chunked\r\ncontent-length: 100\r\n\r\n0\r\n\r\n",
    "two lengths": b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
    "two lengths in one": b"content-length: 4, 5\r\n\r\nabcd",
    "length with a sign": b"content-length: +4\r\n\r\nabcd",
    "negative length": b"content-length: -1\r\n\r\n",
    "hexadecimal length": b"content-length: 0x4\r\n\r\nabcd",
    "length with a blank inside": b"content-length: 1 2\r\n\r\nabcd",
    "empty length": b"content-length: \r\n\r\n",
    "length past 64 bits": b"content-length: 18446744073709551620\r\n\r\nabcd",
    "length with an underscore": b"content-length: 1_0\r\n\r\nabcdefghij",
    "another coding last": b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two codings": b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity": b"transfer-encoding: identity\r\ncontent-length: 4\r\n\r\nabcd",
    "coding with a control character": b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted coding": b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "folded line": b"x: a\r\n b: c\r\n\r\n",
    "folded coding": b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "first line folded": b" x: a\r\n\r\n",
    "blank before the colon": b"content-length : 4\r\n\r\nabcd",
    "tab before the colon": b"transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "bare line feed in a field": b"x: a\nb: c\r\n\r\n",
    "bare line feed behind a field": b"x: a\n\r\n",
    "bare line feeds at the end": b"x: a\r\n\n",
    "bare carriage return": b"x: a\rb: c\r\n\r\n",
    "zero byte": b"x: a\0b\r\n\r\n",
    "no colon": b"x\r\n\r\n",
    "empty name": b": x\r\n\r\n",
    "name with a blank": b"x y: z\r\n\r\n",
    "two hosts": b"host: b\r\n\r\n",
    "chunk size with a sign": b"transfer-encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    "chunk size with 0x": b"transfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "chunk size with an underscore": b"transfer-encoding: chunked\r\n\r\n1_0\r\na\r\n0\r\n\r\n",
    "blank before the chunk size": b"transfer-encoding: chunked\r\n\r\n 1\r\na\r\n0\r\n\r\n",
    "empty chunk size": b"transfer-encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n",
    "chunk size past 64 bits": b"transfer-encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n",
    "chunk without its end": b"transfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "chunk that ends with a line feed": b"transfer-encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "chunk extension with a line feed": b"transfer-encoding: chunked\r\n\r\n1;x\n\r\na\r\n0\r\n\r\n",
    "chunk extension with a carriage return": b"transfer-encoding: chunked\r\n\r\n1;x\rb\r\na\r\n0\r\n\r\n",
    "bad trailer": b"transfer-encoding: chunked\r\n\r\n0\r\nx y: z\r\n\r\n",
    "folded trailer": b"transfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n z\r\n\r\n",
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


@pytest.mark.parametrize("fields", SMUGGLING.values(), ids=SMUGGLING)
def test_smuggling_byte_by_byte(fields: bytes) -> None:
    """The same when each byte comes by itself, as far as the server reads on."""
    application = Guarded()
    with serving(application) as site:
        client = site.connect()
        try:
            for byte in HEAD + fields + SMUGGLED:
                client.offer(bytes([byte]))
                site.turn(1)
        except (BrokenPipeError, ConnectionResetError):
            pass
        text = client.end()
        assert int(text.split(b" ")[1]) in REFUSALS
        assert text.count(b"HTTP/1.1 ") == 1
        assert "/smuggled" not in application.paths


LINES = {
    "no version": (b"GET /\r\n", 400),
    "nothing": (b" \r\n", 400),
    "one word": (b"GET\r\n", 400),
    "two blanks": (b"GET  / HTTP/1.1\r\n", 400),
    "tab": (b"GET\t/ HTTP/1.1\r\n", 400),
    "blank at the end": (b"GET / HTTP/1.1 \r\n", 400),
    "four words": (b"GET / / HTTP/1.1\r\n", 400),
    "bare line feed": (b"GET / HTTP/1.1\n", 400),
    "bad method": (b"G@T / HTTP/1.1\r\n", 400),
    "control character in the target": (b"GET /\x01 HTTP/1.1\r\n", 400),
    "line feed in the target": (b"GET /\nx HTTP/1.1\r\n", 400),
    "bytes of no ASCII in the target": (b"GET /\xff HTTP/1.1\r\n", 400),
    "fragment": (b"GET /#x HTTP/1.1\r\n", 400),
    "no target": (b"GET HTTP/1.1\r\n", 400),
    "relative target": (b"GET x HTTP/1.1\r\n", 400),
    "version in lower case": (b"GET / http/1.1\r\n", 400),
    "another protocol": (b"GET / RTSP/1.0\r\n", 400),
    "a version of three digits": (b"GET / HTTP/1.10\r\n", 400),
    "version 2": (b"GET / HTTP/2.0\r\n", 505),
    "version 0.9": (b"GET / HTTP/0.9\r\n", 505),
    "very long method": (b"A" * 100 + b" / HTTP/1.1\r\n", 501),
    "long line": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", 414),
}


@pytest.mark.parametrize(("line", "status"), LINES.values(), ids=LINES)
def test_request_lines(line: bytes, status: int) -> None:
    """A request line that is wrong is refused with the status that says why, and closed."""
    application = Guarded()
    with serving(application) as site:
        got, _ = refused(site, line + b"host: a\r\n\r\n" + SMUGGLED)
        assert got == status
        assert application.paths == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"", 400),
        (b"host: \r\n", 400),
        (b"host: :80\r\n", 400),
        (b"host: a b\r\n", 400),
        (b"host: a/b\r\n", 400),
        (b"host: a@b\r\n", 400),
        (b"host: a:x\r\n", 400),
        (b"host: [::1]:80\r\n", 200),
        (b"host: a:\r\n", 200),
    ],
)
def test_hosts(fields: bytes, status: int) -> None:
    """A request of 1.1 names its host, once and well formed (RFC 9112 sections 3.2 and 3.3)."""
    with serving(Guarded()) as site:
        client = site.connect()
        client.send(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
        assert client.head().status == status


def test_what_this_server_does_not_do() -> None:
    """A WebSocket and CONNECT get 501; what came along as content is not taken for a request, nor the reverse."""
    application = Guarded()
    upgrade = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: eA=="]
    with serving(application) as site:
        for size in (0, 1, 2):
            client = site.connect()
            client.send(request("/", *upgrade, method="POST", body=SMUGGLED * size) + request("/next"))
            assert client.answer().status == 501
            assert client.answer().body == b"well"
        client = site.connect()
        client.send(b"CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n")
        assert client.answer().status == 501
        assert application.paths == ["/next"] * 3


def test_other_upgrades_are_not_heard() -> None:
    """A wish for another protocol may be left unheard (RFC 9110 section 7.8): the request is answered."""
    with serving(Guarded()) as site:
        assert site.ask(request("/", "connection: upgrade, http2-settings", "upgrade: h2c")).body == b"well"
        assert site.ask(request("/", "upgrade: websocket")).status in (200, 501)


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
    """Other protocols on this port are refused or waited for; if there is an answer it is one of 1.1, once."""
    application = Guarded()
    with serving(application, timeout_header=0.2) as site:
        client = site.connect()
        client.offer(data)
        text = client.end()
        assert text.count(b"HTTP/1.1 ") == (1 if text else 0)
        assert not text or text.split(b" ")[1] in (b"400", b"408", b"505")
        assert application.paths == []
        client.close()
        site.wait(lambda: site.http.connections == 0)


def test_every_single_byte_replaced() -> None:
    """A request with any one byte replaced by another is served or refused, but never answered twice."""
    data = b"POST /a HTTP/1.1\r\nhost: a\r\nx: y\r\ncontent-length: 2\r\n\r\nhi"
    application = Guarded()
    with serving(application, timeout_header=0, timeout_body=0) as site:
        for place in range(len(data) - 2):
            for byte in b"\0\n\r :x\xff":
                client = site.connect()
                client.offer(data[:place] + bytes([byte]) + data[place + 1 :])
                client.half_close()
                assert client.end().count(b"HTTP/1.1 ") <= 1
                client.close()
        site.wait(lambda: site.http.connections == 0 == site.http.running)
        assert site.ask(GET).body == b"well"
