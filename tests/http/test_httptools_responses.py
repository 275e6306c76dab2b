"""vitok.httptools' parser of responses: what it calls is what httptools calls, however the input is split.

Each case is one that both read in the same way; test_httptools_differences.py has the others.
"""

import pytest
from httptools_support import MODULES, Case, calls_of, ours, splits_of

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED_CALLS = ("begin", "status OK", "Transfer-Encoding: chunked", "head 200 1.1 keep-alive")
OK = ("begin", "status OK")

CASES = [
    Case("nothing", b"", []),
    Case(
        "content of known length, and the next response",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        [
            *OK,
            "Content-Length: 2",
            "head 200 1.1 keep-alive",
            "body hi",
            "end",
            "begin",
            "status Not Found",
            "Content-Length: 0",
            "head 404 1.1 keep-alive",
            "end",
        ],
    ),
    Case(
        "chunks and trailers",
        CHUNKED + b"2\r\nhi\r\n0\r\nETag: a\r\n\r\n",
        [*CHUNKED_CALLS, "chunk", "body hi", "chunk end", "chunk", "ETag: a", "chunk end", "end"],
    ),
    Case(
        "chunks of encoded content",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\n\x1f\r\n0\r\n\r\n",
        [
            *OK,
            "Transfer-Encoding: gzip, chunked",
            "head 200 1.1 keep-alive",
            "chunk",
            "body \\x1f",
            "chunk end",
            "chunk",
            "chunk end",
            "end",
        ],
    ),
    Case("content until the end", b"HTTP/1.1 200 OK\r\n\r\nabc\r\n", [*OK, "head 200 1.1", "body abc\\r\\n"]),
    Case(
        "encoded content until the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n\x1f",
        [*OK, "Transfer-Encoding: gzip", "head 200 1.1", "body \\x1f"],
    ),
    Case("HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nabc", [*OK, "head 200 1.0", "body abc"]),
    Case(
        "HTTP/1.0 that goes on",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\naHTTP/1.0 200 OK\r\n\r\n",
        [
            *OK,
            "Connection: keep-alive",
            "Content-Length: 1",
            "head 200 1.0 keep-alive",
            "body a",
            "end",
            *OK,
            "head 200 1.0",
        ],
    ),
    Case(
        "responses without content, whatever their fields say",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        [
            "begin",
            "status Not Modified",
            "Content-Length: 5",
            "head 304 1.1 keep-alive",
            "end",
            "begin",
            "status No Content",
            "head 204 1.1 keep-alive",
            "end",
        ],
    ),
    Case(
        "interim responses",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        [
            "begin",
            "status Continue",
            "head 100 1.1 keep-alive",
            "end",
            "begin",
            "status Early Hints",
            "Link: a",
            "head 103 1.1 keep-alive",
            "end",
            *OK,
            "Content-Length: 0",
            "head 200 1.1 keep-alive",
            "end",
        ],
    ),
    Case(
        "another protocol",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n\x81",
        [
            "begin",
            "status Switching Protocols",
            "Upgrade: a",
            "Connection: Upgrade",
            "head 101 1.1 keep-alive upgrade",
            "end",
            "HttpParserUpgrade 69",
        ],
    ),
    Case(
        "an offer of another protocol",
        b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\na",
        [*OK, "Upgrade: h2c", "Connection: upgrade", "Content-Length: 1", "head 200 1.1 keep-alive", "body a", "end"],
    ),
    Case(
        "an empty reason, and none",
        b"HTTP/1.1 204 \r\n\r\nHTTP/1.1 204\r\n\r\n",
        ["begin", "status ", "head 204 1.1 keep-alive", "end", "begin", "head 204 1.1 keep-alive", "end"],
    ),
    Case(
        "a reason that is not ASCII",
        b"HTTP/1.1 204 \xe9 \tz\r\n\r\n",
        ["begin", "status \\xe9 \\tz", "head 204 1.1 keep-alive", "end"],
    ),
    Case(
        "data after the last response",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n\r\nHTTP/1.1",
        [*OK, "Connection: close", "Content-Length: 0", "head 200 1.1", "end", "HttpParserError"],
    ),
    Case("a request", b"GET / HTTP/1.1\r\n", ["begin", "HttpParserError"]),
    Case("digits", b"12123123", ["begin", "HttpParserError"]),
    Case("a status of four digits", b"HTTP/1.1 1299 FOO\r\n", ["begin", "HttpParserInvalidStatusError"]),
    Case("a status of two digits", b"HTTP/1.1 20 OK\r\n", ["begin", "HttpParserInvalidStatusError"]),
    Case("two spaces", b"HTTP/1.1  200 OK\r\n", ["begin", "HttpParserInvalidStatusError"]),
    Case("no space after the status", b"HTTP/1.1 200OK\r\n", ["begin", "HttpParserInvalidStatusError"]),
    Case(
        "a folded line",
        b"HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n\r\n",
        [*OK, "HttpParserError"],
    ),
    Case("a malformed name", b"HTTP/1.1 200 OK\r\nA@: b\r\n\r\n", [*OK, "HttpParserError"]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_responses_are_read_as_httptools_reads_them(case: Case) -> None:
    for module in MODULES:
        assert calls_of(module, [case.data], is_response=True) == list(case.calls), module.__name__


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_split_changes_nothing(case: Case) -> None:
    for pieces in splits_of(case.data):
        assert calls_of(ours, pieces, is_response=True) == list(case.calls), pieces
