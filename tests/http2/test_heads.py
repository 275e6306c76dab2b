"""Heads of HTTP/2: what a request becomes for an application, and what is refused (RFC 9113 section 8).

Most refusals concern one stream; those of the server's own rules are logged as in HTTP/1.1.
"""

import re
from typing import Any

import http2_frames as frames
import pytest
import wires
from asgi_support import GET, serving
from http2_frames import Code, Flags, Kind
from http2_peer import Stream

pytestmark = pytest.mark.vitok_only

HEAD = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"a.example"), (b":path", b"/a?b=c")]
POST = [(b":method", b"POST"), *HEAD[1:]]


class Seen:
    """An application that keeps the scopes, and answers when it has all content."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Take one request."""
        self.scopes.append(scope)
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"ok"})


def ask(site: Any, *parts: bytes) -> Stream:
    """Send frames of stream 1 on a new connection. Return what has become of the stream."""
    wires.choose(wires.HTTP2)
    client = site.connect()
    client.peer.raw(b"".join(parts))
    streams = client.peer.streams
    site.run(client._flush())
    assert site.run(client._until(lambda: 1 in streams and streams[1].is_over)), client.peer.goaways
    stream: Stream = streams[1]
    # The connection goes on.
    assert client.peer.goaways == []
    client.peer.raw(frames.headers(3, frames.block(HEAD)))
    site.run(client._flush())
    site.run(client._until(lambda: 3 in streams and streams[3].is_over))
    assert streams[3].status == 200
    return stream


def replaced(name: bytes, *values: bytes) -> list[tuple[bytes, bytes]]:
    """The head with other values of a pseudo-header, or none."""
    return [pair for field in HEAD for pair in ([(name, value) for value in values] if field[0] == name else [field])]


def test_a_request() -> None:
    """The pseudo-headers are what a request line says; :authority is Host; cookies are one (RFC 9113 section 8.2.3)."""
    seen = Seen()
    fields = [*HEAD, (b"cookie", b"a=b"), (b"x-y", b"z"), (b"cookie", b"c=d"), (b"host", b"A.example")]
    with serving(seen) as site:
        assert ask(site, frames.headers(1, frames.block(fields))).status == 200
    scope = seen.scopes[0]
    assert (scope["http_version"], scope["method"], scope["scheme"]) == ("2", "GET", "http")
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a", b"/a", b"b=c")
    assert [tuple(pair) for pair in scope["headers"]] == [
        (b"host", b"a.example"),
        (b"cookie", b"a=b; c=d"),
        (b"x-y", b"z"),
    ]


MALFORMED = {
    "no method": replaced(b":method"),
    "no scheme": replaced(b":scheme"),
    "no path": replaced(b":path"),
    "an empty path": replaced(b":path", b""),
    "a path without a slash": replaced(b":path", b"a"),
    "a whole URI": replaced(b":path", b"http://a.example/"),
    "the server as a whole": replaced(b":path", b"*"),
    "two paths": replaced(b":path", b"/", b"/"),
    "a space in the path": replaced(b":path", b"/a b"),
    "no authority and no host": replaced(b":authority"),
    "an authority with a user": replaced(b":authority", b"me@a.example"),
    "an authority that is no host": replaced(b":authority", b"a b"),
    "a status": [*HEAD, (b":status", b"200")],
    "a pseudo-header behind a field": [*HEAD[1:], (b"a", b"b"), HEAD[0]],
    "another host": [*HEAD, (b"host", b"b.example")],
    "two hosts": [*HEAD, (b"host", b"a.example"), (b"host", b"a.example")],
    "a quotation mark in a name": [*HEAD, (b'x"', b"a")],
    "a space before a value": [*HEAD, (b"x", b" a")],
    "a tab behind a value": [*HEAD, (b"x", b"a\t")],
    "connection": [*HEAD, (b"connection", b"close")],
    "keep-alive": [*HEAD, (b"keep-alive", b"5")],
    "proxy-connection": [*HEAD, (b"proxy-connection", b"close")],
    "transfer-encoding": [*HEAD, (b"transfer-encoding", b"chunked")],
    "upgrade": [*HEAD, (b"upgrade", b"h2c")],
    "te": [*HEAD, (b"te", b"gzip")],
    "a length that is none": [*HEAD, (b"content-length", b"-1")],
    "two lengths": [*HEAD, (b"content-length", b"0"), (b"content-length", b"0")],
    "a length without content": [*HEAD, (b"content-length", b"1")],
    "CONNECT with a path": replaced(b":method", b"CONNECT"),
}


# h2 does not go on after these: a stream error may be treated as one of the connection (RFC 9113 section 5.4.1).
HOPELESS = {
    "a method that is no token": replaced(b":method", b"G T"),
    "an unknown pseudo-header": [*HEAD, (b":own", b"x")],
    "a capital in a name": [*HEAD, (b"X-Own", b"a")],
    "a space in a name": [*HEAD, (b"x own", b"a")],
    "a line feed in a value": [*HEAD, (b"x", b"a\nb")],
    "a zero in a value": [*HEAD, (b"x", b"a\0b")],
}


@pytest.mark.parametrize("what", HOPELESS)
def test_hopeless(what: str) -> None:
    """What cannot stand in any field ends the connection."""
    seen = Seen()
    with serving(seen) as site:
        wires.choose(wires.HTTP2)
        client = site.connect()
        client.peer.raw(frames.headers(1, frames.block(HOPELESS[what])))
        site.run(client._flush())
        client.closed()
        assert client.peer.goaways[-1].code == Code.PROTOCOL_ERROR
    assert seen.scopes == []


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed(what: str) -> None:
    """A malformed request is a stream error, whether h2 or the server's own rules find it (RFC 9113 section 8.1.1)."""
    seen = Seen()
    with serving(seen) as site:
        stream = ask(site, frames.headers(1, frames.block(MALFORMED[what])))
    assert (stream.status, stream.code) == (None, Code.PROTOCOL_ERROR)
    assert len(seen.scopes) == 1


@pytest.mark.parametrize(
    ("content", "length"),
    [(b"abc", b"4"), (b"abc", b"2"), (b"abc", b"0")],
)
def test_content_of_another_length(content: bytes, length: bytes) -> None:
    """Content that is not as long as its head says is a stream error, and no application takes it for complete."""
    seen = Seen()
    head = frames.headers(1, frames.block([*POST, (b"content-length", length)]), end_stream=False)
    with serving(seen) as site:
        stream = ask(site, head, frames.data(1, content, end_stream=True))
        assert stream.code == Code.PROTOCOL_ERROR


LIMITS = {
    "the target": ({"limit_request_line": 100}, replaced(b":path", b"/" + b"a" * 100), 414),
    "how many fields": ({"limit_request_fields": 3}, [*HEAD, *[(b"x", b"a")] * 3], 431),
    "the method": ({}, replaced(b":method", b"A" * 200), 501),
    "the content": ({"limit_request_body": 5}, [*HEAD, (b"content-length", b"6")], 413),
}


@pytest.mark.parametrize("what", LIMITS)
def test_limits(what: str) -> None:
    """A request beyond a limit gets the status that it gets over HTTP/1.1, and the rest of it is not waited for."""
    options, fields, status = LIMITS[what]
    seen = Seen()
    with serving(seen, access_log=True, **options) as site:
        stream = ask(site, frames.headers(1, frames.block(fields), end_stream=False))
        line = site.hooks.lines[0]
    assert stream.status == status
    assert stream.is_ended
    assert dict(stream.fields)[b"content-length"] == b"%d" % len(stream.body)
    assert stream.code in (None, Code.NO_ERROR)
    assert len(seen.scopes) == 1
    method, path = dict(fields)[b":method"].decode(), dict(fields)[b":path"].decode()
    asked = re.escape(f'"{method} {path} HTTP/2" {status} 0B')
    assert re.search(rf"{asked} .*\(.* \(RFC \d+ section [\d.]+\)\)$", line)


def test_a_head_that_is_too_large() -> None:
    """A list of fields that is larger than was announced gets its status, too."""
    seen = Seen()
    with serving(seen, limit_request_head=200) as site:
        assert ask(site, frames.headers(1, frames.block([*HEAD, (b"x", b"a" * 200)]))).status == 431
    assert len(seen.scopes) == 1


def test_the_log_of_a_malformed_request() -> None:
    """It has the reason, and no status: none was sent."""
    with serving(Seen(), access_log=True) as site:
        ask(site, frames.headers(1, frames.block([*HEAD, (b"host", b"b.example")])))
        line = site.hooks.lines[0]
    assert re.search(
        r'"GET /a\?b=c HTTP/2" - 0B .*\(a Host other than :authority \(RFC 9113 section 8\.3\.1\)\)$', line
    )


def test_request_trailers() -> None:
    """Trailers end the content; ASGI has no place for them."""
    seen = Seen()
    head = frames.headers(1, frames.block(POST), end_stream=False)
    trailers = frames.headers(1, frames.block([(b"x-sum", b"3")]))
    with serving(seen) as site:
        assert ask(site, head, frames.data(1, b"abc"), trailers).status == 200
    assert all(name != b"x-sum" for name, _ in seen.scopes[0]["headers"])


def test_malformed_trailers() -> None:
    """Trailers that no head may have are a stream error (RFC 9113 section 8.1)."""
    head = frames.headers(1, frames.block(POST), end_stream=False)
    trailers = frames.headers(1, frames.block([(b"connection", b"close")]))
    with serving(Seen()) as site:
        stream = ask(site, head, frames.data(1, b"abc"), trailers)
        assert stream.code == Code.PROTOCOL_ERROR


def test_http_1_goes_on() -> None:
    """The other version on the same port knows nothing of it."""
    with serving(Seen()) as site:
        assert ask(site, frames.frame(Kind.HEADERS, frames.block(HEAD), flags=Flags(5), stream=1)).status == 200
        wires.choose(wires.HTTP1)
        assert site.ask(GET).status == 200
