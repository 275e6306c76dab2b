"""The attributes of a request, except its content: the same from a connection and from the scope of another server."""

import asyncio
import gc
import sys
import weakref
from typing import Any

import pytest
import vitok
from request_support import WAYS, Asked, ask, use
from vitok import _native

pytestmark = [pytest.mark.vitok_only, pytest.mark.parametrize("way", WAYS)]


def look(way: str, name: str, line: str = "GET /", fields: list[tuple[str, str]] | None = None, **options: Any) -> Any:
    """An attribute of a request."""
    return vitok.run(ask(way, use(lambda request: getattr(request, name)), line, fields, **options))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "get"])
def test_method(way: str, method: str) -> None:
    """As it was sent: methods are case-sensitive (RFC 9110 section 9.1)."""
    assert look(way, "method", f"{method} /") == method


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query_string"),
    [
        ("/", "/", b"/", b""),
        ("/a/b?c=d?e", "/a/b", b"/a/b", b"c=d?e"),
        ("/caf%C3%a9%20x", "/caf\xe9 x", b"/caf%C3%a9%20x", b""),
        ("/a%2Fb", "/a/b", b"/a%2Fb", b""),
        ("/%ff", "/\ufffd", b"/%ff", b""),
        ("/%zz%", "/%zz%", b"/%zz%", b""),
        ("/a%00", "/a\0", b"/a%00", b""),
        ("/?", "/", b"/", b""),
    ],
)
def test_path_and_query(way: str, target: str, path: str, raw_path: bytes, query_string: bytes) -> None:
    """The path decoded, and everything else as it was sent."""
    line = f"GET {target}"
    assert look(way, "path", line) == path
    assert look(way, "raw_path", line) == raw_path
    assert look(way, "query_string", line) == query_string


def test_url(way: str) -> None:
    """Scheme, host and target."""
    assert look(way, "url", "GET /a%20b?c=d") == "http://a.example/a%20b?c=d"
    assert look(way, "url", "GET /a?") == "http://a.example/a"
    version = "2" if way == "stream" else "1.1"
    assert [look(way, name) for name in ("scheme", "host", "http_version")] == ["http", "a.example", version]


def test_cookies(way: str) -> None:
    """RFC 6265 section 5.4, as lenient as browsers; the first of a name has the longest path."""
    fields = [("cookie", 'a=1; b="2"; a=3'), ("cookie", "c=caf\xc3\xa9;d; =e; f=g=h")]
    found = look(way, "cookies", fields=fields)
    assert found == {"a": "1", "b": "2", "c": "caf\xe9", "": "d", "f": "g=h"}
    assert look(way, "cookies") == {}


@pytest.mark.parametrize(
    ("value", "media_type"),
    [
        ("text/html", "text/html"),
        ("Text/HTML; charset=utf-8", "text/html"),
        ("a/b ;c=d", "a/b"),
        ("nonsense", "nonsense"),
    ],
)
def test_content_type(way: str, value: str, media_type: str) -> None:
    """Without parameters, in lower case."""
    assert look(way, "content_type", fields=[("content-type", value)]) == media_type


def test_no_content_type(way: str) -> None:
    """None."""
    assert look(way, "content_type") is None


def test_content_length(way: str) -> None:
    """As announced; None for content whose end shows its length."""

    async def main() -> list[Any]:
        asked = Asked(way, "POST /", length=5)
        result = asked.start(use(lambda request: request.content_length))
        asked.add(b"12345", more=False)
        return [await result, await ask(way, use(lambda request: request.content_length), parts=[b"1"])]

    assert vitok.run(main()) == [5, None]


def test_state_belongs_to_the_request(way: str) -> None:
    """A dict, the same at each look."""

    def keeps(request: Any) -> object:
        request.state["a"] = 1
        return request.state

    assert vitok.run(ask(way, use(keeps))) == {"a": 1}


@pytest.mark.parametrize("name", ["path", "query", "headers", "cookies", "path_params", "state", "client", "server"])
def test_what_was_made_is_kept(way: str, name: str) -> None:
    """The same object at each look."""
    assert vitok.run(ask(way, use(lambda request: getattr(request, name) is getattr(request, name)), "GET /?a=b"))


def test_attributes_can_not_be_assigned(way: str) -> None:
    """A request is what the client has sent; `state` is for the application."""

    def assign(request: Any) -> None:
        for name in ("method", "path", "other"):
            with pytest.raises(AttributeError):
                setattr(request, name, 1)

    vitok.run(ask(way, use(assign)))


def test_a_request_is_not_made_by_hand(way: str) -> None:
    """TypeError: it belongs to a connection or to a scope."""
    with pytest.raises(TypeError):
        _native.Request()


def test_repr(way: str) -> None:
    """Method and path."""
    assert vitok.run(ask(way, use(repr), "POST /a?b=c", parts=[])) == "<Request POST /a>"


def test_a_request_that_is_kept_has_everything(way: str) -> None:
    """After its response, and the end of its connection."""

    async def main() -> Any:
        asked = Asked(way, "GET /a?b=c", [("x-tag", "d")])
        kept = await asked.start(use(lambda request: request))
        await asyncio.sleep(0)
        asked.leave()
        await asyncio.sleep(0)
        return kept

    kept = vitok.run(main())
    assert (kept.method, kept.path, kept.query["b"], kept.headers["x-tag"]) == ("GET", "/a", "c", "d")
    assert (kept.url, repr(kept)) == ("http://a.example/a?b=c", "<Request GET /a>")
    kept.client, kept.server, kept.state, kept.cookies  # noqa: B018


def test_requests_are_released(way: str) -> None:
    """Neither the request nor what was made of it stays, also in a cycle."""
    references: list[Any] = []

    def look_at_everything(request: Any) -> None:
        references.extend(weakref.ref(thing) for thing in (request, request.headers, request.query))
        request.state["itself"] = request

    vitok.run(ask(way, use(look_at_everything), "GET /?a=b"))
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_no_references_are_lost(way: str) -> None:
    """The counts of shared objects are the same after a thousand looks."""
    names = ["method", "http_version", "scheme", "host", "path", "client", "server", "content_type", "content_length"]

    def look_often(request: Any) -> int:
        def count() -> int:
            return sum(sys.getrefcount(getattr(request, name)) for name in names)

        before = count()
        for _ in range(1000):
            count()
        return count() - before

    # Immortal objects, and the garbage of other tests, make no difference of thousands.
    assert abs(vitok.run(ask(way, use(look_often)))) < 100
