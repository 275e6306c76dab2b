"""Forms in parts that are sent to do harm, or that are cut off; and how much of a form may be sent."""

import asyncio
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from forms_support import BOUNDARY, FakeRequest, body, part, receive, refusal, split
from vitok.http.native import uploads
from vitok.http.native.errors import HTTPError
from vitok.http.native.forms import receive_form
from vitok.http.native.uploads import UploadedFile

EMPTY = part("a", "1")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "400 the form ends before its last boundary, at byte 0"),
        (EMPTY, f"400 the form ends before its last boundary, at byte {len(EMPTY)}"),
        (EMPTY[:20], "400 the form ends before its last boundary, at byte 20"),
        (body(EMPTY)[:-3], f"400 the form ends before its last boundary, at byte {len(body(EMPTY)) - 3}"),
        (body(EMPTY) + b"x" * 1025, f"400 the form is followed by other content, at byte {len(body(EMPTY)) - 2}"),
        (b"x" * 1025 + body(EMPTY), "400 the form does not begin with its boundary, at byte 0"),
        (body(part("a\0b", "1")), "400 the head of a part has a control character, at byte 51"),
        (body(part("a", "1", head="Content-Type: a\nb\r\n")), "400 a line of a part's head ends in LF without CR"),
        (body(part("a", b"\xff")), "400 a field is not UTF-8, at byte 56"),
        (body(part("a", b"123\xe9")), "400 a field is not UTF-8, at byte 59"),
        (body(EMPTY).replace(b'name="a"', b'name="\xff"'), "400 the name of a part is not UTF-8"),
        (body(EMPTY).replace(b"form-data", b"attachment"), "400 Content-Disposition of a part is not form-data"),
        (
            body(part("a", "YQ==", head="Content-Transfer-Encoding: base64\r\n")),
            "400 Content-Transfer-Encoding of a part",
        ),
        (
            body(part("a", f"1\r\n--{BOUNDARY}x")),
            "400 a line begins with the boundary and does not end behind it, at byte 69",
        ),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_a_form_that_is_wrong_is_refused_with_the_byte(content: bytes, reason: str, size: int) -> None:
    assert asyncio.run(refusal(split(content, size))).startswith(reason)


def test_content_may_contain_all_but_a_boundary_at_the_beginning_of_a_line() -> None:
    content = f" --{BOUNDARY}\r\n --{BOUNDARY}--\n--{BOUNDARY}\r--{BOUNDARY}\r\n--boundar\r\n\r\n--\r\n".encode()
    for size in (1, 3, 100_000):
        form = asyncio.run(receive(split(body(part("f", content, filename="f")), size)))
        file = form.get_file("f")
        assert file is not None
        assert file.file.read() == content


def test_a_part_that_is_multipart_is_content_like_any_other() -> None:
    inner = b'--inner\r\nContent-Disposition: attachment; filename="x"\r\n\r\nx\r\n--inner--\r\n'
    form = asyncio.run(receive(body(part("a", inner, head="Content-Type: multipart/mixed; boundary=inner\r\n"))))
    assert form.items_all() == [("a", inner.decode())]


def test_the_number_of_parts_is_limited() -> None:
    fields = [part(f"f{number}", "x") for number in range(1001)]
    assert len(asyncio.run(receive(body(*fields[:1000])))) == 1000
    begin = len(b"".join(fields[:1000])) + len(BOUNDARY) + 4
    assert asyncio.run(refusal(body(*fields))) == f"413 more fields than 1000, at byte {begin}"
    files = [part(f"f{number}", "x", filename="f") for number in range(101)]
    with asyncio.run(receive(body(*files[:100]))) as form:
        assert len(form) == 100
    assert asyncio.run(refusal(body(*files))).startswith("413 more files than 100, at byte ")


@pytest.mark.parametrize("size", [11, 100_000])
def test_heads_and_names_are_limited(size: int) -> None:
    def reason(content: bytes) -> str:
        return asyncio.run(refusal(split(content, size)))

    assert (
        reason(body(part("n" * 100_000, "1")))
        == f"413 the head of a part has more bytes than 8192, at byte {8192 + 12}"
    )
    assert reason(body(part("n" * 1025, "1"))) == "413 the name of a part has more bytes than 1024, at byte 12"
    assert reason(body(part("n", "1", filename="é" * 513))).startswith(
        "413 the name of a part has more bytes than 1024"
    )
    assert reason(body(part("n", "1", head="A: b\r\n" * 16))).startswith(
        "413 a part has more fields in its head than 16"
    )
    assert reason(body(part("n", "1", head="A: " + "b" * 8192))).startswith("413 the head of a part has more bytes")


def test_sizes_are_limited() -> None:
    content = body(part("a", "123"), part("f", b"12345", filename="f"), part("b", "45"), part("g", b"1", filename="g"))
    for limit, enough, reason in (
        ("field_size", 3, "a field has more bytes than 2"),
        ("fields_size", 11, "all fields together have more bytes than 10"),
        ("file_size", 5, "a file has more bytes than 4"),
        ("files_size", 6, "all files together have more bytes than 5"),
        ("name_size", 1, "the name of a part has more bytes than 0"),
    ):
        asyncio.run(receive(content, **{limit: enough})).close()
        for size in (1, 100_000):
            refused = asyncio.run(refusal(split(content, size), **{limit: enough - 1}))
            assert refused.startswith(f"413 {reason}, at byte "), limit


def endless(begin: bytes, filler: bytes) -> Iterator[bytes]:
    """Give content without an end."""
    yield begin
    while True:
        yield filler


@pytest.mark.parametrize(
    ("begin", "filler", "status"),
    [
        (b"", b"preamble ", 400),
        (b"", b"\r\n", 400),
        (b"--boundary", b" ", 400),
        (b"--boundary\r\n", b"A: b\r\n", 413),
        (b"--boundary\r\nContent-Disposition: ", b"x", 413),
        (EMPTY[:-2], b"x" * 1000, 413),
        (b"", EMPTY, 413),
        (b"", part("f", "1", filename="f"), 413),
        (part("f", "1", filename="f")[:-2], b"\r\n--boundar" * 1000, 413),
        (body(), b"epilogue", 400),
    ],
)
def test_no_form_without_an_end_is_read_for_ever(
    begin: bytes, filler: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thread may close a long file later than the descriptors are counted.
    monkeypatch.setattr(uploads, "CLOSED_AT_ONCE", 2**30)
    request = FakeRequest(endless(begin, filler))
    with pytest.raises(HTTPError) as caught:
        asyncio.run(receive_form(request))
    assert caught.value.status == status


def test_a_form_of_many_parts_in_single_bytes_is_read_in_linear_time() -> None:
    def seconds(count: int) -> float:
        pieces = split(body(*[part("a", "\r\n--bound" * 10)] * count), 1)
        begin = time.process_time()
        asyncio.run(receive(pieces))
        return time.process_time() - begin

    # Four times as many parts; a square would be sixteen.
    assert seconds(200) < 12 * max(seconds(50), 0.01)


def test_a_long_upload_is_not_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CLOSED_AT_ONCE", 2**30)

    async def upload() -> UploadedFile | None:
        def content() -> Iterator[bytes]:
            yield part("f", "", filename="f")[:-2]
            for _ in range(512):
                yield bytes(65536)
            yield b"\r\n--boundary--"

        form = await receive_form(FakeRequest(content()))
        return form.get_file("f")

    tracemalloc.start()
    try:
        file = asyncio.run(upload())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file is not None
    assert file.size == 32 * 2**20
    assert not file.in_memory
    file.close()
    assert peak < 4 * 2**20
