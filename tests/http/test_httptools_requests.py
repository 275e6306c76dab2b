"""vitok.httptools' parser of requests: what it calls is what httptools calls, however the input is split.

Each case is one that both read in the same way; test_httptools_differences.py has the others.
"""

import pytest
from httptools_support import MODULES, Case, calls_of, ours, splits_of

HEAD = b"Host: a.example\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_CALLS = ("begin", "url /", "Host: a.example", "Transfer-Encoding: chunked", "head POST 1.1 keep-alive")
SIMPLE_CALLS = ("begin", "url /", "Host: a.example")

CASES = [
    Case("nothing", b"", []),
    Case("a request", b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n", [*SIMPLE_CALLS, "head GET 1.1 keep-alive", "end"]),
    Case(
        "fields in their case, without the space in front",
        b"GET /a?b=c HTTP/1.1\r\nhOsT:\t a.example\r\nX-Empty:\r\nx-tag: a, b:c\r\nX-Tag: \xe9\r\n\r\n",
        [
            "begin",
            "url /a?b=c",
            "hOsT: a.example",
            "X-Empty: ",
            "x-tag: a, b:c",
            "X-Tag: \\xe9",
            "head GET 1.1 keep-alive",
            "end",
        ],
    ),
    Case(
        "two blank lines in front",
        b"\r\n\r\nGET / HTTP/1.1\r\n" + HEAD + b"\r\n",
        [*SIMPLE_CALLS, "head GET 1.1 keep-alive", "end"],
    ),
    Case(
        "content of known length, and the next request",
        b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: b\r\n\r\n",
        [
            "begin",
            "url /a",
            "Host: a",
            "Content-Length: 5",
            "head PUT 1.1 keep-alive",
            "body hello",
            "end",
            "begin",
            "url /b",
            "Host: b",
            "head GET 1.1 keep-alive",
            "end",
        ],
    ),
    Case(
        "no content",
        b"POST / HTTP/1.1\r\nContent-Length: 0\r\n" + HEAD + b"\r\n",
        ["begin", "url /", "Content-Length: 0", "Host: a.example", "head POST 1.1 keep-alive", "end"],
    ),
    Case(
        "chunks",
        CHUNKED + b'5\r\nhello\r\n00C;a=b;c="d"\r\n\x00\r\n\r\nworld!\n\r\n0\r\n\r\n',
        [
            *CHUNKED_CALLS,
            "chunk",
            "body hello",
            "chunk end",
            "chunk",
            "body \\x00\\r\\n\\r\\nworld!\\n",
            "chunk end",
            "chunk",
            "chunk end",
            "end",
        ],
    ),
    Case(
        "trailers",
        CHUNKED + b"1\r\na\r\n0\r\nVary: *\r\nX-Sum:  9\r\n\r\n",
        [*CHUNKED_CALLS, "chunk", "body a", "chunk end", "chunk", "Vary: *", "X-Sum: 9", "chunk end", "end"],
    ),
    Case(
        "the last request",
        b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n\r\n\r\n",
        [*SIMPLE_CALLS, "Connection: close", "head GET 1.1", "end"],
    ),
    Case(
        "data after the last request",
        b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: foo, Close\r\n\r\nGET",
        [*SIMPLE_CALLS, "Connection: foo, Close", "head GET 1.1", "end", "HttpParserError"],
    ),
    Case(
        "HTTP/1.0",
        b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        [
            "begin",
            "url /",
            "Connection: Keep-Alive",
            "head GET 1.0 keep-alive",
            "end",
            "begin",
            "url /",
            "head GET 1.0",
            "end",
        ],
    ),
    Case(
        "an upgrade",
        b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
        [
            "begin",
            "url /chat",
            "Host: a",
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "head GET 1.1 keep-alive upgrade",
            "end",
            "HttpParserUpgrade 84",
        ],
    ),
    Case(
        "an upgrade of a request with content, which is left to the caller",
        b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
        [
            "begin",
            "url /",
            "Host: a",
            "Connection: upgrade",
            "Upgrade: h2c",
            "Content-Length: 3",
            "head POST 1.1 keep-alive upgrade",
            "end",
            "HttpParserUpgrade 82",
        ],
    ),
    Case(
        "Upgrade that nobody asks for",
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
        ["begin", "url /", "Host: a", "Upgrade: h2c", "head GET 1.1 keep-alive", "end"],
    ),
    Case(
        "CONNECT",
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n\x16\x03",
        [
            "begin",
            "url a.example:443",
            "Host: a.example:443",
            "head CONNECT 1.1 keep-alive upgrade",
            "end",
            "HttpParserUpgrade 55",
        ],
    ),
    Case(
        "OPTIONS for the server",
        b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
        ["begin", "url *", "Host: a.example", "head OPTIONS 1.1 keep-alive", "end"],
    ),
    Case(
        "a whole URI",
        b"GET http://b.example/c HTTP/1.1\r\n" + HEAD + b"\r\n",
        ["begin", "url http://b.example/c", "Host: a.example", "head GET 1.1 keep-alive", "end"],
    ),
    Case("an unknown method", b"SPAM / HTTP/1.1\r\n", ["begin", "HttpParserInvalidMethodError"]),
    Case("a method in small letters", b"get / HTTP/1.1\r\n", ["begin", "HttpParserInvalidMethodError"]),
    Case("no target", b"POST HTTP/1.1", ["begin", "HttpParserInvalidURLError"]),
    Case("a target with a control character", b"GET /\x7f HTTP/1.1\r\n", ["begin", "HttpParserInvalidURLError"]),
    Case("a target that is not ASCII", b"GET /\xe9 HTTP/1.1\r\n", ["begin", "HttpParserInvalidURLError"]),
    Case("a version between", b"GET / HTTP/1.2\r\n", ["begin", "url /", "HttpParserError"]),
    Case("another protocol", b"GET / HTTX/1.1\r\n", ["begin", "url /", "HttpParserError"]),
    Case("a space in a target", b"GET /a b HTTP/1.1\r\n", ["begin", "url /a", "HttpParserError"]),
    Case("a space before a colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", ["begin", "url /", "HttpParserError"]),
    Case("no colon", b"GET / HTTP/1.1\r\nHost\r\n\r\n", ["begin", "url /", "HttpParserError"]),
    Case("no name", b"GET / HTTP/1.1\r\n: a\r\n\r\n", ["begin", "url /", "HttpParserError"]),
    Case("a folded line", b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", ["begin", "url /", "HttpParserError"]),
    Case("a NUL", b"GET / HTTP/1.1\r\nA: b\x00\r\n\r\n", ["begin", "url /", "HttpParserError"]),
    Case("a carriage return alone", b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", ["begin", "url /", "HttpParserError"]),
    Case("a line feed alone in a head", b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", ["begin", "url /", "HttpParserError"]),
    Case("a chunk size that is none", CHUNKED + b"xyz\r\n", [*CHUNKED_CALLS, "HttpParserError"]),
    Case("a chunk size with spaces", CHUNKED + b"1 \r\na\r\n", [*CHUNKED_CALLS, "HttpParserError"]),
    Case("a chunk size of 17 digits", CHUNKED + b"10000000000000000\r\n", [*CHUNKED_CALLS, "HttpParserError"]),
    Case(
        "a chunk that is longer than its size",
        CHUNKED + b"1\r\nab\r\n",
        [*CHUNKED_CALLS, "chunk", "body a", "HttpParserError"],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_requests_are_read_as_httptools_reads_them(case: Case) -> None:
    for module in MODULES:
        assert calls_of(module, [case.data], is_response=False) == list(case.calls), module.__name__


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_split_changes_nothing(case: Case) -> None:
    for pieces in splits_of(case.data):
        assert calls_of(ours, pieces, is_response=False) == list(case.calls), pieces
