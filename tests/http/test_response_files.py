"""Responses from files: the same natively, where a small file is sent at once, and by the coroutine for all others.

Conditions and ranges as such are tested in crates/content.
"""

import os
import re
import socket
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from asgi_support import request as wire_request
from asgi_support import serving
from files_support import Recorded, sent
from native_support import compiled, plain
from vitok.http.native import responses
from vitok.http.native.errors import HTTPError
from vitok.http.native.file_responses import content_type_of
from vitok.http.native.responses import Response
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]

Ask = Callable[..., Recorded]
SMALL = bytes(range(256)) * 4
LARGE = SMALL * 300
TIME = 1_700_000_000


def natively(response: Response, method: str = "GET", fields: Any = ()) -> Recorded:
    """Send a response by a server."""
    lines = [f"{name}: {value}" for name, value in fields]
    with serving(compiled(plain(lambda _: response), send=responses.send)) as site:
        answer = site.connect().ask(wire_request("/", *lines, method=method))
    length = answer.one(b"content-length")
    headers = [(name, value) for name, value in answer.fields if name not in {b"content-length", b"date", b"server"}]
    return Recorded(answer.status, headers, None if length is None else int(length), [answer.body], has_ended=True)


@pytest.fixture(params=[natively, sent])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Each way."""
    made: Ask = request.param
    return made


@pytest.fixture(params=[SMALL, LARGE], ids=["small", "large"])
def content(request: pytest.FixtureRequest) -> bytes:
    """What a thread of the loop sends itself, and what it does not."""
    made: bytes = request.param
    return made


def a_file(folder: Path, content: bytes, name: str = "file.txt") -> Path:
    """A file with a known time."""
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (TIME, TIME))
    return path


def test_a_file_as_a_whole(tmp_path: Path, ask: Ask, content: bytes) -> None:
    """Status, content and fields."""
    answer = ask(Response.file(a_file(tmp_path, content)))
    assert (answer.status, answer.body, answer.length) == (200, content, len(content))
    assert sorted(answer.headers) == [
        (b"accept-ranges", b"bytes"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"etag", f'"{TIME:x}.0-{len(content):x}"'.encode()),
        (b"last-modified", formatdate(TIME, usegmt=True).encode()),
    ]


def test_options_and_fields_of_the_application(tmp_path: Path, ask: Ask, content: bytes) -> None:
    """What the application sets counts more than what follows from the file."""
    headers = {"ETag": '"own"', "X-A": "b", "Cache-Control": "no-store"}
    options: dict[str, Any] = {"filename": "naïve.bin", "cache_control": "max-age=60", "last_modified": False}
    response = Response.file(a_file(tmp_path, content), 203, headers, **options)
    for _ in range(2):
        answer = ask(response, fields=[("Range", "bytes=0-1"), ("If-None-Match", '"own"')])
        assert (answer.status, answer.body) == (203, content)
        assert sorted(answer.headers) == [
            (b"accept-ranges", b"bytes"),
            (b"cache-control", b"no-store"),
            (b"content-disposition", b"attachment; filename=\"na_ve.bin\"; filename*=UTF-8''na%C3%AFve.bin"),
            (b"content-type", b"application/octet-stream"),
            (b"etag", b'"own"'),
            (b"x-a", b"b"),
        ]
    assert ask(Response.file(tmp_path / "file.txt", headers=headers), fields=[("If-None-Match", '"own"')]).status == 304


@pytest.mark.parametrize(
    ("fields", "status", "start", "end"),
    [
        ([("Range", "bytes=0-0")], 206, 0, 1),
        ([("Range", "bytes=-5")], 206, -5, None),
        ([("Range", "bytes=1000-")], 206, 1000, None),
        ([("Range", "bytes=100-199"), ("If-Range", "{etag}")], 206, 100, 200),
        ([("Range", "bytes=100-199"), ("If-Range", "{date}")], 206, 100, 200),
        ([("Range", "bytes=100-199"), ("If-Range", '"other"')], 200, 0, None),
        ([("Range", "bytes=0-1,1-2")], 200, 0, None),
        ([("Range", ",".join(["bytes=0-0", *(f"{place * 2}-{place * 2}" for place in range(1, 20))]))], 200, 0, None),
        ([("Range", "lines=0-1")], 200, 0, None),
        ([("Range", "bytes=0-1"), ("Range", "bytes=0-1")], 200, 0, None),
    ],
)
def test_ranges(
    tmp_path: Path, ask: Ask, content: bytes, fields: list[tuple[str, str]], status: int, start: int, end: int | None
) -> None:
    """RFC 9110 section 14: one range, or what is answered whole."""
    etag, date = f'"{TIME:x}.0-{len(content):x}"', formatdate(TIME, usegmt=True)
    fields = [(name, value.replace("{etag}", etag).replace("{date}", date)) for name, value in fields]
    answer = ask(Response.file(a_file(tmp_path, content)), fields=fields)
    assert (answer.status, answer.body) == (status, content[start:end])
    assert answer.length == len(answer.body)
    if status == 206:
        first = start % len(content)
        described = f"bytes {first}-{first + len(answer.body) - 1}/{len(content)}"
        assert answer.one(b"content-range") == described.encode()
    else:
        assert answer.one(b"content-range") is None


def test_several_ranges(tmp_path: Path, ask: Ask, content: bytes) -> None:
    """Section 14.6: a multipart of parts, in the order of the request."""
    answer = ask(Response.file(a_file(tmp_path, content)), fields=[("Range", "bytes=-2,0-0,500-501")])
    kind = answer.one(b"content-type")
    assert kind is not None
    found = re.fullmatch(rb"multipart/byteranges; boundary=([0-9a-f]{32})", kind)
    assert found is not None
    size = len(content)

    def part(first: int, data: bytes) -> bytes:
        head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {first}-{first + len(data) - 1}/{size}"
        return b"--" + found[1] + b"\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n"

    parts = [part(size - 2, content[-2:]), part(0, content[:1]), part(500, content[500:502])]
    assert answer.body == b"".join(parts) + b"--" + found[1] + b"--\r\n"
    assert (answer.status, answer.length) == (206, len(answer.body))
    assert answer.one(b"content-range") is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([("If-None-Match", "{etag}")], 304),
        ([("If-None-Match", "*")], 304),
        ([("If-None-Match", 'W/"x", {etag}'), ("Range", "bytes=0-1")], 304),
        ([("If-Modified-Since", "{date}")], 304),
        ([("If-None-Match", '"x"'), ("If-Modified-Since", "{date}")], 200),
        ([("If-Match", '"x"')], 412),
        ([("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")], 412),
        ([("Range", "bytes=999999-")], 416),
    ],
)
def test_conditions(tmp_path: Path, ask: Ask, content: bytes, fields: list[tuple[str, str]], status: int) -> None:
    """RFC 9110 section 13: without content, but with the fields that say what is there."""
    etag, date = f'"{TIME:x}.0-{len(content):x}"', formatdate(TIME, usegmt=True)
    fields = [(name, value.replace("{etag}", etag).replace("{date}", date)) for name, value in fields]
    answer = ask(Response.file(a_file(tmp_path, content), cache_control="max-age=60"), fields=fields)
    assert answer.status == status
    assert answer.one(b"etag") == etag.encode()
    assert answer.one(b"cache-control") == b"max-age=60"
    if status != 200:
        assert (answer.body, answer.one(b"content-type")) == (b"", None)
        assert answer.length == (None if status == 304 else 0)
    assert answer.one(b"content-range") == (f"bytes */{len(content)}".encode() if status == 416 else None)


def test_head(tmp_path: Path, ask: Ask, content: bytes) -> None:
    """HEAD has the fields of GET, and no ranges (section 14.2)."""
    answer = ask(Response.file(a_file(tmp_path, content)), "HEAD", [("Range", "bytes=0-1")])
    assert (answer.status, answer.length, answer.body) == (200, len(content), b"")


def test_an_empty_file(tmp_path: Path, ask: Ask) -> None:
    """It has no range."""
    response = Response.file(a_file(tmp_path, b""))
    assert (ask(response).status, ask(response).length) == (200, 0)
    assert ask(response, fields=[("Range", "bytes=0-")]).status == 416
    assert ask(response, fields=[("Range", "bytes=-1")]).status == 200


def test_what_is_no_file(tmp_path: Path) -> None:
    """404 for what does not exist, and for each kind of file that is not regular, without waiting for it."""
    os.mkfifo(tmp_path / "fifo")
    seen: list[Exception] = []

    def handle(_: Any, error: Exception) -> Any:
        seen.append(error)
        return "none", 404

    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "none", tmp_path / "none" / "file", tmp_path, tmp_path / "fifo", tmp_path / "socket"):
            response = Response.file(path)
            with pytest.raises(HTTPError) as caught:
                sent(response)
            assert caught.value.status == 404
            application = compiled(plain(lambda _, made=response: made), on_exception=handle, send=responses.send)
            with serving(application) as site:
                client = site.connect()
                assert client.ask().line == client.line_of(404, b"Not Found")
    assert [type(error) for error in seen] == [HTTPError] * 5
    with pytest.raises(ValueError, match="NUL"):
        Response.file("a\0b")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("A.CSS", "text/css; charset=utf-8"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.woff2", "font/woff2"),
        ("a.json", "application/json"),
        ("a.svgz", "application/gzip"),
        ("a.tar.gz", "application/gzip"),
        ("folder.html/a", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    """The type follows from the suffix."""
    assert content_type_of(name) == expected
