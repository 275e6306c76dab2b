"""vitok.httptools.parse_url: the parts are those of httptools, also for random URLs."""

import random
from typing import Any

import pytest
from httptools_support import MODULES, PEER, ours

PARTS = ("schema", "host", "port", "path", "query", "fragment", "userinfo")
# Bytes and words that mean something in a URL.
WORDS = [
    *(b"/", b"//", b"://", b"?", b"#", b"@", b":", b"[", b"]", b"%", b"*", b".", b"-", b"_", b"~", b"&", b"a", b"Z"),
    *(
        b"http",
        b"80",
        b"65536",
        b"0",
        b"::1",
        b"fe80::1",
        b"%eth0",
        b" ",
        b"\t",
        b"\f",
        b"\n",
        b"\x00",
        b"\x7f",
        b"\x80",
    ),
    *(b"\x80", b"|", b"^", b'"', b"{", b"\\", b"`", b"!", b"+", b",", b";", b"=", b"$", b"'", b"(", b"<"),
]


def parts_of(module: Any, url: Any) -> tuple[Any, ...] | str:
    """The parts of a URL, or the name of the error."""
    try:
        parsed = module.parse_url(url)
    except module.HttpParserError as error:
        return type(error).__name__
    return tuple(getattr(parsed, part) for part in PARTS)


CASES = [
    (b"/", (None, None, None, b"/", None, None, None)),
    (b"*", (None, None, None, b"*", None, None, None)),
    (b"/a/b?c=d&e[]=f#g", (None, None, None, b"/a/b", b"c=d&e[]=f", b"g", None)),
    (b"//a", (None, None, None, b"//a", None, None, None)),
    (b"/a?", (None, None, None, b"/a", None, None, None)),
    (b"/a??b?", (None, None, None, b"/a", b"?b?", None, None)),
    (b"/a##b#c", (None, None, None, b"/a", None, b"b#c", None)),
    (b"http://a.example", (b"http", b"a.example", None, None, None, None, None)),
    (b"http://a.example?b", (b"http", b"a.example", None, None, b"b", None, None)),
    (b"ws://me:pw@a.example:8080/b", (b"ws", b"a.example", 8080, b"/b", None, None, b"me:pw")),
    (b"http://@a/", (b"http", b"a", None, b"/", None, None, None)),
    (b"http://[::1]:65535/", (b"http", b"::1", 65535, b"/", None, None, None)),
    (b"http://[fe80::1%25eth0]/", (b"http", b"fe80::1%25eth0", None, b"/", None, None, None)),
    (b"http://a-b.c.d:0080", (b"http", b"a-b.c.d", 80, None, None, None, None)),
    *((url, "HttpParserInvalidURLError") for url in (b"", b" ", b"a", b"http:", b"http:/a", b"http:///a", b"://a")),
    *(
        (url, "HttpParserInvalidURLError")
        for url in (b"http://a:/", b"http://a:65536/", b"http://[]/", b"http://a@b@c")
    ),
    *(
        (url, "HttpParserInvalidURLError")
        for url in (b"http://a_b/", b"http://a#b", b"/ ", b"/\x7f", b"h2://a", b"http://a b/")
    ),
]


@pytest.mark.parametrize(("url", "parts"), CASES)
def test_a_url_has_the_parts_of_httptools(url: bytes, parts: tuple[Any, ...] | str) -> None:
    for module in MODULES:
        assert parts_of(module, url) == parts, module.__name__
        assert parts_of(module, memoryview(bytearray(url))) == parts, module.__name__


def test_random_urls_have_the_parts_of_httptools() -> None:
    if PEER is None:
        pytest.skip("httptools is not installed: pip install --group programs")
    draw = random.Random(15)
    for _ in range(30_000):
        url = draw.choice([b"", b"/", b"http://", b"http://a", b"http://a@b:"]) + b"".join(
            draw.choices(WORDS, k=draw.randrange(8))
        )
        assert parts_of(ours, url) == parts_of(PEER, url), url


def test_a_url_is_read_only_and_shows_its_parts() -> None:
    for module in MODULES:
        url = module.parse_url(b"http://me@a:1/b?c#d")
        with pytest.raises(AttributeError, match="not writable"):
            url.port = 2
        assert repr(url) == (
            "<URL schema: b'http', host: b'a', port: 1, path: b'/b', query: b'c', fragment: b'd', userinfo: b'me'>"
        )


def test_what_is_no_url_is_refused() -> None:
    for module in MODULES:
        with pytest.raises(TypeError, match="bytes-like object"):
            module.parse_url("http://a")
        with pytest.raises(TypeError):
            module.parse_url(None)
        with pytest.raises(module.HttpParserInvalidURLError, match="too long"):
            module.parse_url(b"/" * 65536)
        with pytest.raises(module.HttpParserInvalidURLError, match=r"invalid url b'/\\x00'"):
            module.parse_url(b"/\x00")
        assert module.parse_url(b"/" * 65535).path == b"/" * 65535
