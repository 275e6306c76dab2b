"""Content as text, JSON, XML and forms, and what is wrong with it: HTTPError says where."""

import asyncio
import json
from typing import Any

import pytest
import vitok
from request_support import WAYS, Asked, ask
from vitok.http.native import values
from vitok.http.native.errors import HTTPError

pytestmark = [pytest.mark.vitok_only, pytest.mark.parametrize("way", WAYS)]

DECODERS = [None, json.loads, values.decode_json]


def read(way: str, method: str, content: bytes, content_type: str | None = None, **options: Any) -> Any:
    """What a method returns for content: a coroutine's result, twice the same, and that of the plain function."""

    async def reads(request: Any) -> Any:
        value = await getattr(request, method)()
        assert await getattr(request, method)() is value
        assert getattr(request, f"read_{method}")() is value
        return value

    fields = [] if content_type is None else [("content-type", content_type)]
    return vitok.run(ask(way, reads, "POST /", fields, parts=[content], **options))


def refused(way: str, method: str, content: bytes, content_type: str | None = None, **options: Any) -> tuple[int, str]:
    """The status and the detail with which content is refused, by both ways of reading it."""

    async def reads(request: Any) -> list[tuple[int, str]]:
        seen = []
        with pytest.raises(HTTPError) as raised:
            await getattr(request, method)()
        seen.append((raised.value.status, raised.value.detail))
        await request.body()
        with pytest.raises(HTTPError) as raised:
            getattr(request, f"read_{method}")()
        seen.append((raised.value.status, raised.value.detail))
        return seen

    fields = [] if content_type is None else [("content-type", content_type)]
    first, second = vitok.run(ask(way, reads, "POST /", fields, parts=[content], **options))
    assert first == second
    return first


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        (b"", None, ""),
        (b"caf\xc3\xa9", None, "caf\xe9"),
        (b"caf\xc3\xa9", "text/plain; charset=UTF-8", "caf\xe9"),
        (b"caf\xe9", 'text/plain; charset="ISO-8859-1"', "caf\xe9"),
        (b"\x80", "text/plain;charset=windows-1252", "\u20ac"),
        (b"a\0b", "anything/else", "a\0b"),
    ],
)
def test_text(way: str, content: bytes, content_type: str | None, text: str) -> None:
    """By the charset of Content-Type, or UTF-8."""
    assert read(way, "text", content, content_type) == text


@pytest.mark.parametrize(
    ("content", "content_type", "status", "detail"),
    [
        (b"ab\xff", None, 400, "the content is not utf-8, at byte 2"),
        (b"caf\xe9", "text/plain; charset=ascii", 400, "the content is not ascii, at byte 3"),
        (b"a", "text/plain; charset=unheard-of", 415, "the charset 'unheard-of' of the content is not known"),
        (b"a", "text/plain; charset=idna", 415, "the charset 'idna' of the content is not known"),
        (b"a", "text/plain; charset=hex", 415, "the charset 'hex' of the content is not known"),
        (b"a", "text", 400, "Content-Type: not a media type, at byte 4"),
        (b"a", "text/plain; charset=utf-8; charset=ascii", 400, "Content-Type: a parameter"),
    ],
)
def test_text_that_is_none(way: str, content: bytes, content_type: str | None, status: int, detail: str) -> None:
    """400 with the byte, 415 for a charset that is not known."""
    found, text = refused(way, "text", content, content_type)
    assert (found, text[: len(detail)]) == (status, detail)


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("content_type", [None, "application/json", "APPLICATION/JSON; charset=utf-8", "a/b+json"])
def test_json(way: str, content_type: str | None, decode: Any) -> None:
    """Any value, by any decoder."""
    value = {"a": [1, 2.5, None, True, "caf\xe9"], "b": {}}
    content = json.dumps(value, ensure_ascii=False).encode()
    assert read(way, "json", content, content_type, json_decode=decode) == value
    for small in (None, 1, "", []):
        assert read(way, "json", json.dumps(small).encode(), json_decode=decode) == small


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-json", "application/xjson", "json/json"])
def test_json_of_another_media_type(way: str, content_type: str) -> None:
    """415, before the content is read."""
    status, detail = refused(way, "json", b"{}", content_type)
    assert (status, detail) == (415, f"the content is {content_type} where application/json is expected")


@pytest.mark.parametrize("decode", [None, values.decode_json])
@pytest.mark.parametrize("content", [b"", b"{", b'{"a": }', b"NaN", b"[Infinity]", b'"\xff"', b"[1,]", b"1 2"])
def test_json_that_is_none(way: str, content: bytes, decode: Any) -> None:
    """400."""
    status, detail = refused(way, "json", content, json_decode=decode)
    assert status == 400
    assert detail.startswith("the content is not JSON: ")


def test_the_place_of_a_mistake_in_json(way: str) -> None:
    """Line and column, from the decoder."""
    detail = refused(way, "json", b'{\n  "a": x\n}')[1]
    assert "line 2 column 8" in detail


def test_json_that_is_nested_too_deeply(way: str) -> None:
    """400, and no RecursionError, for the decoder of the standard library."""
    status, detail = refused(way, "json", b"[" * 100_000)
    assert status == 400
    assert detail.startswith("the content is")


def test_a_decoder_that_fails(way: str) -> None:
    """An exception that is no ValueError is the application's."""

    def fails(_: bytes) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        read(way, "json", b"{}", json_decode=fails)


@pytest.mark.parametrize("content_type", [None, "application/xml", "text/xml; charset=utf-8", "image/svg+xml"])
def test_xml(way: str, content_type: str | None) -> None:
    """An element of xml.etree."""
    element = read(way, "xml", b"<a b='c'>d</a>", content_type)
    assert (element.tag, element.attrib, element.text) == ("a", {"b": "c"}, "d")


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [(b"<a>", None, 400), (b"", None, 400), (b"<a/>", "text/html", 415), (b"<!DOCTYPE a><a>&b;</a>", "text/xml", 400)],
)
def test_xml_that_is_none(way: str, content: bytes, content_type: str | None, status: int) -> None:
    """400 with the place, or 415."""
    assert refused(way, "xml", content, content_type)[0] == status


def test_a_form(way: str) -> None:
    """urlencoded, in one step."""
    form = read(way, "form", b"a=1&b=caf%C3%A9+x&a=2", "application/x-www-form-urlencoded")
    assert (form["a"], form["b"], form.get_all("a")) == ("1", "caf\xe9 x", ["1", "2"])


def test_a_form_in_parts(way: str) -> None:
    """Read as it arrives, and kept: the second call has nothing to read."""
    content = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'

    async def reads(request: Any) -> Any:
        form = await request.form()
        assert await request.form() is form
        assert request.read_form() is form
        return form["a"]

    fields = [("content-type", "multipart/form-data; boundary=x")]
    assert vitok.run(ask(way, reads, "POST /", fields, parts=[content[:30], content[30:]])) == "1"


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"a=1", None, 415),
        (b"a=1", "text/plain", 415),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"a=1", "application/x-www-form-urlencoded; charset=utf-16", 415),
        (b"&".join(b"a" for _ in range(5000)), "application/x-www-form-urlencoded", 413),
    ],
)
def test_a_form_that_is_none(way: str, content: bytes, content_type: str | None, status: int) -> None:
    """415 for another media type or none, 400 for text that is not UTF-8, 413 for too many fields."""
    assert refused(way, "form", content, content_type)[0] == status


def test_the_media_type_is_refused_before_the_content_arrives(way: str) -> None:
    """The client is not asked for the content (RFC 9110 section 10.1.1)."""

    async def main() -> None:
        fields = [("content-type", "text/plain"), ("expect", "100-continue")]
        asked = Asked(way, "POST /", fields, length=5)

        async def reads(request: Any) -> None:
            with pytest.raises(HTTPError):
                await request.json()
            if way != "scope":
                assert asked.interim() == []
            body = asyncio.ensure_future(request.body())
            await asyncio.sleep(0)
            if way != "scope":
                await asyncio.sleep(0)
                assert asked.interim() == [100]
            asked.add(b"12345", more=False)
            assert await body == b"12345"

        await asked.start(reads)

    vitok.run(main())
