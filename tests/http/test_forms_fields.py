"""Forms without files, the class Form, and which content is a form at all."""

import asyncio

import pytest
from forms_support import URLENCODED, FakeRequest, body, part, receive, refusal
from vitok.http.native.errors import HTTPError
from vitok.http.native.form import DEFAULT_LIMITS, Form, FormLimits
from vitok.http.native.forms import parse_form, receive_form
from vitok.http.native.uploads import UploadedFile


def urlencoded(content: bytes) -> Form:
    """Read an urlencoded form that has arrived."""
    return parse_form(FakeRequest([], URLENCODED), content)


def test_a_form_maps_each_name_to_its_first_value() -> None:
    form = urlencoded(b"b=2&a=1&b=3")
    assert dict(form) == {"b": "2", "a": "1"}
    assert list(form) == ["b", "a"]
    assert len(form) == 2
    assert "a" in form
    assert "c" not in form
    assert form["b"] == "2"
    assert form.get("c") is None
    assert form.get("c", "x") == "x"
    assert form.get_all("b") == ["2", "3"]
    assert form.get_all("c") == []
    assert form.items_all() == [("b", "2"), ("a", "1"), ("b", "3")]
    with pytest.raises(KeyError):
        form["c"]


def test_a_form_tells_text_from_files() -> None:
    file = UploadedFile("cat.png", content=b"meow", head=[(b"content-type", b"image/png")])
    form = Form([("x", file), ("x", "text"), ("y", UploadedFile("")), ("y", file)])
    assert form["x"] is file
    assert form.get_text("x") == "text"
    assert form.get_file("x") is file
    # A control in which no file was chosen is sent with an empty name and no content.
    assert form.get_file("y") is file
    assert form.get_text("y") is None
    assert form.get_text("y", "") == ""
    assert form.get_file("z") is None
    assert repr(form) == "<Form x, y>"
    assert file.headers == {"content-type": "image/png"}
    assert repr(file) == "<UploadedFile 'cat.png' application/octet-stream of 4 bytes>"


def test_an_urlencoded_form_is_decoded() -> None:
    form = urlencoded(b"q=caf%C3%A9+au%20lait&%3D=%26&flag&empty=&=unnamed&nul=%00")
    expected = [("q", "café au lait"), ("=", "&"), ("flag", ""), ("empty", ""), ("", "unnamed"), ("nul", "\0")]
    assert form.items_all() == expected
    assert urlencoded(b"").items_all() == []


def test_an_urlencoded_form_arrives_in_pieces(loop: asyncio.AbstractEventLoop) -> None:
    form = loop.run_until_complete(receive([b"a=%C", b"3", b"%A9&b", b"", b"=1"], URLENCODED))
    assert form.items_all() == [("a", "é"), ("b", "1")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a=1&b=%ff&c=2", "400 a field is not UTF-8, at byte 4"),
        (b"a=1&%C3=2", "400 a field is not UTF-8, at byte 4"),
        (b"a=1&b=\xff", "400 a field is not UTF-8, at byte 4"),
        (b"a=1&b%00c=2", "400 the name of a field contains NUL, at byte 4"),
    ],
)
def test_an_urlencoded_form_that_is_wrong_is_refused_with_the_byte(content: bytes, reason: str) -> None:
    assert asyncio.run(refusal(content, URLENCODED)) == reason


def test_the_limits_of_an_urlencoded_form_are_held_to_the_byte() -> None:
    content = b"a=123&bb=45"
    rows: list[tuple[str, int, str]] = [
        ("fields", 2, "413 the form has more fields than 1, at byte 6"),
        ("name_size", 2, "413 the form has a name of more bytes than 1, at byte 6"),
        ("field_size", 3, "413 the form has a field of more bytes than 2, at byte 0"),
        ("fields_size", 11, "413 the form has more bytes than 10, at byte 10"),
    ]
    for name, enough, reason in rows:
        assert len(asyncio.run(receive(content, URLENCODED, **{name: enough}))) == 2
        assert asyncio.run(refusal(content, URLENCODED, **{name: enough - 1})) == reason


def test_an_endless_urlencoded_form_is_not_gathered() -> None:
    # A piece is behind the one that is too much, and is not read.
    pieces = [b"a=1&" * 250_000] * 3
    request = FakeRequest(iter(pieces), URLENCODED)
    with pytest.raises(HTTPError, match=r"413 .*more bytes than 2621440"):
        asyncio.run(receive_form(request))
    assert list(request.pieces) == []
    request = FakeRequest(iter([*pieces, b"never read"]), URLENCODED)
    with pytest.raises(HTTPError):
        asyncio.run(receive_form(request))
    assert list(request.pieces) == [b"never read"]


@pytest.mark.parametrize(
    ("content_type", "reason"),
    [
        (None, "415 a form without Content-Type"),
        ("application/json", "415 the content is application/json where a form is expected"),
        ("multipart/mixed; boundary=b", "415 the content is multipart/mixed where a form is expected"),
        ("application/x-www-form-urlencoded; charset=koi8-r", "415 the form is koi8-r where UTF-8 is expected"),
        ("multipart/form-data", "400 Content-Type: multipart/form-data without a boundary"),
        ("multipart/form-data; boundary=a; boundary=b", "400 Content-Type: a parameter of a media type occurs twice"),
        ("nothing", "400 Content-Type: not a media type, at byte 7"),
        (f"multipart/form-data; boundary={'b' * 71}", "400 the boundary has not 1 to 70 visible characters"),
    ],
)
def test_other_content_is_no_form(content_type: str | None, reason: str) -> None:
    assert asyncio.run(refusal(b"--b--", content_type)).startswith(reason)


@pytest.mark.parametrize("coding", ["gzip", "deflate, br", "GZIP"])
def test_a_form_with_a_content_coding_is_refused(coding: str) -> None:
    request = FakeRequest([b"--boundary--"], content_encoding=coding)
    with pytest.raises(HTTPError, match=r"415.*the content coding") as caught:
        asyncio.run(receive_form(request))
    assert caught.value.headers == [("accept-encoding", "identity")]
    assert len(asyncio.run(receive_form(FakeRequest([b"--boundary--"], content_encoding="Identity")))) == 0


def test_text_in_another_encoding_is_decoded_by_the_charset_of_its_part() -> None:
    encoded = [("iso-8859-1", "ä"), ("Windows-1252", "€"), ("shift_jis", "日本"), ("utf-16", "ü"), ("UTF-8", "é")]
    for charset, text in encoded:
        head = f"Content-Type: text/plain; charset={charset}\r\n"
        form = asyncio.run(receive(body(part("n", text.encode(charset), head=head))))
        assert form["n"] == text, charset


@pytest.mark.parametrize("charset", ["rot13", "zip", "utf-7", "idna", "unknown", "unicode_escape", "\x80"])
def test_codecs_of_python_that_are_no_encodings_of_browsers_are_refused(charset: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}\r\n"
    if charset.isascii():
        expected = f"415 the charset {charset!r} of the content is not known"
        assert asyncio.run(refusal(body(part("n", "x", head=head)))) == expected
    else:
        # A media type that is malformed has no charset.
        assert asyncio.run(receive(body(part("n", "x", head=head))))["n"] == "x"


def test_a_form_in_parts_that_has_arrived_is_read_at_once() -> None:
    content = body(part("a", "1"), part("f", b"\0\xff", filename="f.bin"), part("a", "2"))
    form = parse_form(FakeRequest([]), content)
    file = form["f"]
    assert isinstance(file, UploadedFile)
    assert file.in_memory
    assert file.file.read() == b"\0\xff"
    assert form.get_all("a") == ["1", "2"]
    assert list(form) == ["a", "f"]


def test_limits_are_checked_when_they_are_made() -> None:
    assert FormLimits(file_size=None, fields=0).numbers[0] == 0
    assert FormLimits() == DEFAULT_LIMITS
    assert hash(FormLimits()) == hash(DEFAULT_LIMITS)
    with pytest.raises(ValueError, match="file_size: expected 0 or more, not -1"):
        FormLimits(file_size=-1)
    with pytest.raises(TypeError, match="fields: expected an int, not '3'"):
        FormLimits(fields="3")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="memory_size: expected an int, not None"):
        FormLimits(memory_size=None)  # type: ignore[arg-type]


def test_the_limits_of_an_application_are_used_unless_a_call_has_others() -> None:
    request = FakeRequest([b"a=1&b=2"], URLENCODED)
    request.limits = FormLimits(fields=1)
    with pytest.raises(HTTPError, match="more fields than 1"):
        asyncio.run(receive_form(request))
    assert len(asyncio.run(receive_form(request, FormLimits(fields=2)))) == 2
