"""Forms as a native application reads them, over a connection: slow, long, cut off, and refused in the middle."""

import gc
from collections.abc import Iterator
from typing import IO, Any

import pytest
from asgi_support import Client, Site, serving
from forms_support import MULTIPART, URLENCODED, body, part
from vitok._native import Request
from vitok.http import App, Form, FormLimits, HTTPError, UploadedFile
from vitok.http.native import uploads
from wires import both_wires, http2_only

pytestmark = [pytest.mark.vitok_only, both_wires]

BIG = bytes(range(256)) * 8192  # 2 MiB


def seen(form: Form) -> list[list[str | int]]:
    """Return what a form has, as JSON can say it."""
    rows: list[list[str | int]] = []
    for name, value in form.items_all():
        rows.append([name, value] if isinstance(value, str) else [name, value.filename, value.content_type, value.size])
    return rows


def application(**options: Any) -> App:
    """An application that reads forms in each way, and keeps the errors of its handlers."""
    app = App(**options)

    @app.post("/form")
    async def form(request: Request) -> Any:
        with await request.form() as read:
            # A second call gives the same form.
            assert await request.form() is read
            return seen(read)

    @app.post("/plain")
    def plain(request: Request) -> Any:
        return seen(request.read_form())

    @app.post("/small")
    async def small(request: Request) -> Any:
        return seen(await request.form(limits=FormLimits(fields=1, file_size=10)))

    @app.post("/leak")
    async def leak(request: Request) -> Any:
        # Nobody closes the form.
        return seen(await request.form())

    @app.post("/fail")
    async def fail(request: Request) -> Any:
        raise HTTPError(409, str(len(await request.form())))

    return app


@pytest.fixture
def site() -> Iterator[Site]:
    """The application, served."""
    with serving(application()._compiled()) as site:
        yield site
        site.run(site.loop.shutdown_default_executor())


def post(path: str, content: bytes, content_type: str | None = MULTIPART, *fields: str) -> bytes:
    """Return a request with a form."""
    return head(path, len(content), content_type, *fields) + content


def head(path: str, length: int, content_type: str | None = MULTIPART, *fields: str) -> bytes:
    """Return the head of a request with a form."""
    lines = [f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {length}", *fields]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("path", ["/form", "/plain"])
def test_a_form_is_read_by_either_kind_of_handler(site: Site, path: str) -> None:
    client = site.connect()
    assert client.ask(post(path, b"q=a+b&q=%C3%A9&", URLENCODED)).json == [["q", "a b"], ["q", "é"]]
    with_charset = f"{URLENCODED}; charset=UTF-8"
    assert client.ask(post(path, b"a=1", with_charset)).json == [["a", "1"]]
    assert client.ask(post(path, b"", URLENCODED)).json == []
    content = body(part("a", "1"), part("f", b"\xff", filename="x/f.bin", head="Content-Type: image/png\r\n"))
    expected = [["a", "1"], ["f", "f.bin", "image/png", 1]]
    assert client.ask(post(path, content)).json == expected


@pytest.mark.parametrize("path", ["/form"])
def test_a_form_is_read_in_whatever_pieces_it_arrives(site: Site, path: str) -> None:
    content = body(part("a", "1"), part("f", b"\r\n--b", filename="f"))
    for pieces in (content, b"a=%C3%A9&b=2"):
        content_type = MULTIPART if pieces is content else URLENCODED
        client = site.connect()
        client.send(head(path, len(pieces), content_type))
        for place in range(len(pieces)):
            client.send(pieces[place : place + 1])
        assert client.answer("POST").status == 200
        client.close()


@pytest.mark.parametrize("path", ["/form", "/plain"])
@pytest.mark.parametrize(
    ("content", "content_type", "status", "detail"),
    [
        (b"a=%ff", URLENCODED, 400, "a field is not UTF-8, at byte 0"),
        (b"--boundary", MULTIPART, 400, "the form ends before its last boundary, at byte 10"),
        (b"a=1&" * 1001, URLENCODED, 413, "the form has more fields than 1000, at byte 4000"),
        (b"{}", "application/json", 415, "the content is application/json where a form is expected"),
        (b"a=1", None, 415, ""),
        (
            b"a=1",
            "application/x-www-form-urlencoded; charset=latin-1",
            415,
            "the form is latin-1 where UTF-8 is expected",
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_problem(
    site: Site, path: str, content: bytes, content_type: str | None, status: int, detail: str
) -> None:
    answer = site.connect().ask(post(path, content, content_type))
    assert answer.status == status
    assert answer.one(b"content-type") == b"application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["detail"].startswith(detail)


def test_a_form_with_a_content_coding_is_refused(site: Site) -> None:
    for path in ("/form", "/plain"):
        for content, content_type in ((b"a=1", URLENCODED), (body(), MULTIPART)):
            answer = site.connect().ask(post(path, content, content_type, "Content-Encoding: gzip"))
            assert answer.status == 415
            assert answer.one(b"accept-encoding") == b"identity"


def test_limits_of_a_call_and_of_an_application(site: Site) -> None:
    client = site.connect()
    assert client.ask(post("/small", b"a=1", URLENCODED)).json == [["a", "1"]]
    assert client.ask(post("/small", b"a=1&b=2", URLENCODED)).status == 413
    assert site.connect().ask(post("/small", body(part("f", b"x" * 11, filename="f")))).status == 413
    with serving(application(form_limits=FormLimits(fields=1))._compiled()) as limited:
        for path in ("/form", "/plain"):
            assert limited.connect().ask(post(path, b"a=1&b=2", URLENCODED)).status == 413
            assert limited.connect().ask(post(path, body(part("a", "1"), part("b", "2")))).status == 413
            assert limited.connect().ask(post(path, b"a=1", URLENCODED)).json == [["a", "1"]]


@pytest.mark.parametrize("path", ["/form", "/leak", "/fail"])
def test_a_long_file_is_spooled_and_deleted_with_its_request(site: Site, path: str, opened: list[IO[bytes]]) -> None:
    client = site.connect()
    answer = client.ask(post(path, body(part("f", BIG, filename="f"), part("g", BIG, filename="g"))))
    assert answer.status == (409 if path == "/fail" else 200)
    gc.collect()
    # A thread may close them.
    site.wait(lambda: [file.closed for file in opened] == [True, True])
    # The connection goes on.
    assert client.ask(post("/form", b"a=1", URLENCODED)).json == [["a", "1"]]


def test_content_over_the_limit_of_memory_is_no_limit_of_uploads(opened: list[IO[bytes]]) -> None:
    with serving(application(max_body=1000)._compiled()) as site:
        upload = post("/form", body(part("f", BIG, filename="f")))
        assert site.connect().ask(upload).json == [["f", "f", "application/octet-stream", len(BIG)]]
        assert site.connect().ask(upload.replace(b"POST /form", b"POST /plain")).status == 413
        site.run(site.loop.shutdown_default_executor())
    assert all(file.closed for file in opened)


def test_a_form_is_refused_while_it_arrives(site: Site, opened: list[IO[bytes]]) -> None:
    client = site.connect()
    client.send(head("/form", 2**29) + part("f", BIG, filename="f") + b"--boundary?")
    assert client.answer("POST").status == 400
    gc.collect()
    site.wait(lambda: [file.closed for file in opened] == [True])
    client.close()


def upload_half(client: Client, opened: list[IO[bytes]]) -> None:
    """Send the first half of an upload, and wait until it is on the disk."""
    client.send(head("/form", 2**29) + part("f", BIG, filename="f")[:-2])
    client.site.wait(lambda: opened)


@pytest.mark.parametrize("way", ["close", "reset", "half_close", pytest.param("leave", marks=http2_only("a stream"))])
def test_the_files_of_a_client_that_leaves_are_deleted(site: Site, way: str, opened: list[IO[bytes]]) -> None:
    client = site.connect()
    upload_half(client, opened)
    getattr(client, way)()
    site.wait(lambda: opened[0].closed)
    client.close()
    site.wait(lambda: site.http.running == 0)
    assert len(opened) == 1


def test_a_full_disk_is_an_error_of_the_server(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: str | None) -> IO[bytes]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads, "open_temporary", no_room)
    assert site.connect().ask(post("/form", body(part("f", BIG, filename="f")))).status == 500
    ((_, error),) = site.hooks.take()
    assert isinstance(error, OSError)
    assert error.errno == 28


def test_an_uploaded_file_outlives_its_request_as_long_as_it_is_kept() -> None:
    kept: list[UploadedFile] = []
    app = App()

    @app.post("/keep")
    async def keep(request: Request) -> str:
        file = (await request.form()).get_file("f")
        assert file is not None
        kept.append(file)
        return file.filename

    with serving(app._compiled()) as site:
        assert site.connect().ask(post("/keep", body(part("f", BIG, filename="f")))).body == b"f"
        gc.collect()
        assert site.run(kept[0].read()) == BIG
        kept.pop()
        site.run(site.loop.shutdown_default_executor())
