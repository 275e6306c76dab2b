"""The table of docs/reference/httptools.md: what vitok.httptools reads in another way than httptools, and how."""

from typing import NamedTuple

import pytest
from httptools_support import PEER, calls_of, ours, splits_of

HOST = b"Host: a\r\n"


class Row(NamedTuple):
    """An input, and the last calls that httptools and vitok make of it."""

    name: str
    data: bytes
    theirs: str
    ours: str


def get(fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    """A request with these fields."""
    return line + b"\r\n" + fields + b"\r\n"


def chunked(content: bytes) -> bytes:
    """A request with this content."""
    return get(HOST + b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.1") + content


REQUESTS = [
    Row("no Host", get(b""), "head GET 1.1 keep-alive | end", "url / | HttpParserError"),
    Row("two Hosts", get(HOST * 2), "head GET 1.1 keep-alive | end", "Host: a | HttpParserError"),
    Row("a malformed Host", get(b"Host: a b\r\n"), "head GET 1.1 keep-alive | end", "Host: a b | HttpParserError"),
    Row("no version", get(HOST, b"GET /"), "head GET 0.9 | end", "begin | HttpParserInvalidURLError"),
    Row("version 2.0", get(HOST, b"GET / HTTP/2.0"), "head GET 2.0 | end", "url / | HttpParserError"),
    Row(
        "a fragment",
        get(HOST, b"GET /#a HTTP/1.1"),
        "head GET 1.1 keep-alive | end",
        "begin | HttpParserInvalidURLError",
    ),
    Row(
        "another scheme",
        get(HOST, b"GET ftp://a/ HTTP/1.1"),
        "head GET 1.1 keep-alive | end",
        "begin | HttpParserInvalidURLError",
    ),
    Row(
        "* without OPTIONS",
        get(HOST, b"GET * HTTP/1.1"),
        "head GET 1.1 keep-alive | end",
        "begin | HttpParserInvalidURLError",
    ),
    Row(
        "several spaces",
        get(HOST, b"GET  / HTTP/1.1"),
        "head GET 1.1 keep-alive | end",
        "begin | HttpParserInvalidURLError",
    ),
    Row(
        "a method of RTSP",
        get(HOST, b"PLAY rtsp://a/ RTSP/1.0"),
        "head PLAY 1.0 | end",
        "begin | HttpParserInvalidMethodError",
    ),
    Row(
        "a method that llhttp does not know",
        get(HOST, b"LABEL / HTTP/1.1"),
        "begin | HttpParserInvalidMethodError",
        "head LABEL 1.1 keep-alive | end",
    ),
    Row("three blank lines", b"\r\n" * 3 + get(HOST), "head GET 1.1 keep-alive | end", "HttpParserError"),
    Row("a bare line feed", b"\n" + get(HOST), "head GET 1.1 keep-alive | end", "begin | HttpParserInvalidMethodError"),
    Row(
        "white space after a value",
        get(HOST + b"A: b \t\r\n"),
        "A: b \\t | head GET 1.1 keep-alive | end",
        "A: b | head GET 1.1 keep-alive | end",
    ),
    Row(
        "a coding in HTTP/1.0",
        get(b"Transfer-Encoding: chunked\r\n", b"POST / HTTP/1.0"),
        "Transfer-Encoding: chunked | head POST 1.0",
        "Transfer-Encoding: chunked | HttpParserError",
    ),
    Row(
        "another coding",
        get(HOST + b"Transfer-Encoding: gzip, chunked\r\n"),
        "Transfer-Encoding: gzip, chunked | head GET 1.1 keep-alive",
        "Transfer-Encoding: gzip, chunked | HttpParserError",
    ),
    Row(
        "a coding that is not chunked",
        get(HOST + b"Transfer-Encoding: gzip\r\n"),
        "head GET 1.1 keep-alive | HttpParserError",
        "Transfer-Encoding: gzip | HttpParserError",
    ),
    Row(
        "a length and a coding",
        get(HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\nA: b\r\n"),
        "Content-Length: 1 | HttpParserError",
        "A: b | HttpParserError",
    ),
    Row(
        "a length twice",
        get(HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n"),
        "Content-Length: 1 | HttpParserError",
        "Content-Length: 1 | Content-Length: 1 | HttpParserError",
    ),
    Row(
        "a trailer that belongs in the head",
        chunked(b"0\r\nHost: b\r\n\r\n"),
        "Host: b | chunk end | end",
        "chunk | HttpParserError",
    ),
    Row(
        "Upgrade in HTTP/1.0",
        get(b"Upgrade: a\r\nConnection: upgrade\r\n", b"GET / HTTP/1.0"),
        "head GET 1.0 upgrade | end | HttpParserUpgrade 51",
        "head GET 1.0 | end",
    ),
]

RESPONSES = [
    Row("version 2.0", b"HTTP/2.0 200 OK\r\n\r\n", "status OK | head 200 2.0", "begin | HttpParserError"),
    Row("a low status", b"HTTP/1.1 099 A\r\n\r\n", "status A | head 99 1.1", "begin | HttpParserInvalidStatusError"),
    Row(
        "101 without Upgrade",
        b"HTTP/1.1 101 A\r\n\r\na",
        "head 101 1.1 keep-alive | end | HttpParserError",
        "status A | HttpParserError",
    ),
    Row(
        "chunked that is not last",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "Transfer-Encoding: chunked, gzip | head 200 1.1",
        "Transfer-Encoding: chunked, gzip | HttpParserError",
    ),
    Row(
        "an interim response with Connection: close",
        b"HTTP/1.1 100 A\r\nConnection: close\r\n\r\nHTTP/1.1 204 B\r\n\r\n",
        "head 100 1.1 | end | HttpParserError",
        "status B | head 204 1.1 keep-alive | end",
    ),
]

ROWS = [(row, False) for row in REQUESTS] + [(row, True) for row in RESPONSES]
NAMES = [row.name for row, _ in ROWS]


@pytest.mark.parametrize(("row", "is_response"), ROWS, ids=NAMES)
def test_ours_is_strict(row: Row, *, is_response: bool) -> None:
    for pieces in ([row.data], *splits_of(row.data)):
        calls = calls_of(ours, pieces, is_response=is_response)
        assert " | ".join(calls).endswith(row.ours), pieces


@pytest.mark.parametrize(("row", "is_response"), ROWS, ids=NAMES)
def test_httptools_reads_it_in_another_way(row: Row, *, is_response: bool) -> None:
    if PEER is None:
        pytest.skip("httptools is not installed: pip install --group programs")
    assert row.theirs != row.ours
    assert " | ".join(calls_of(PEER, [row.data], is_response=is_response)).endswith(row.theirs)
