"""Extensions of ASGI: early hints, trailers, and content from files (ASGI, "Extensions").

Ordinary content is tested in test_asgi_send.py.
"""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import HEAD, OLD, body, sends, start
from asgi_support import GET, request, respond, serving
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]

TAKES_TRAILERS = request("/", "te: trailers")


def hint(*links: Any) -> dict[str, Any]:
    """An early hint."""
    return {"type": "http.response.early_hint", "links": links}


def trailers(*headers: tuple[bytes, bytes], more: bool = False) -> dict[str, Any]:
    """Trailers."""
    return {"type": "http.response.trailers", "headers": list(headers), "more_trailers": more}


def path_message(path: Any) -> dict[str, Any]:
    """A file by its name."""
    return {"type": "http.response.pathsend", "path": path}


def zero(file: Any, **more: Any) -> dict[str, Any]:
    """A file that is open."""
    return {"type": "http.response.zerocopysend", "file": file, **more}


def test_early_hints() -> None:
    """Each hint is a 103 with its links, before the response; the specification has them behind the start message."""
    application = sends(hint(b"</a>; rel=preload"), start(), hint(b"</b>", bytearray(b"</c>")), hint(), body(b"x"))
    with serving(application) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert (answer.status, answer.body) == (200, b"x")
            assert [interim.status for interim in answer.interim] == [103] * 3
            links = [interim.all(b"link") for interim in answer.interim]
            assert links == [[b"</a>; rel=preload"], [b"</b>", b"</c>"], []]


@pytest.mark.parametrize("link", [b"</a>\r\nx: y", "text", None, 1])
def test_links_that_are_none(link: Any) -> None:
    """A link that cannot be sent raises in `send()`."""
    with serving(sends(hint(link))) as site:
        assert site.ask().status == 500
        [(_, error)] = site.hooks.take()
        assert isinstance(error, (TypeError, RuntimeError))


@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"], []])
def test_trailers(pieces: list[bytes]) -> None:
    """Trailers follow the content for a client that takes them, in one message or in several."""
    messages = [body(piece, True) for piece in pieces]
    ending = [trailers((b"x-a", b"1"), more=True), trailers((b"x-b", b"2"))]
    with serving(sends(start(trailers=True), *messages, body(), *ending)) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask(TAKES_TRAILERS)
            assert (answer.body, answer.trailers) == (b"".join(pieces), [(b"x-a", b"1"), (b"x-b", b"2")])


def test_trailers_that_never_come() -> None:
    """An application that promises trailers and returns without them has not completed its response."""
    with serving(sends(start(trailers=True), body(b"hello"))) as site:
        client = site.connect()
        client.send(TAKES_TRAILERS)
        assert client.cut() == b"hello"
        [(message, _)] = site.hooks.take()
        assert "middle" in message


@pytest.mark.parametrize("bad", [(b"x", b"\n"), (b"x y", b"z"), ("x", b"y")])
def test_bad_trailers(bad: Any) -> None:
    """A trailer that cannot be sent raises in `send()`, and the response is cut short."""
    with serving(sends(start(trailers=True), body(b"hello"), trailers(bad))) as site:
        client = site.connect()
        client.send(TAKES_TRAILERS)
        assert client.cut() == b"hello"
        assert len(site.hooks.take()) == 1


@pytest.mark.parametrize("promised", [False, True])
def test_trailers_out_of_order(promised: bool) -> None:
    """Trailers that were not promised, or content behind them, raise."""
    messages = [body(b"a"), body(b"b")] if promised else [body(b"a", True), trailers()]
    with serving(sends(start(trailers=promised), *messages)) as site:
        client = site.connect()
        client.send(TAKES_TRAILERS)
        assert client.cut() == b"a"
        [(_, error)] = site.hooks.take()
        assert isinstance(error, RuntimeError)


CONTENT = bytes(range(256)) * 3000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some length."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("kind", [str, Path])
def test_pathsend(file: Path, kind: Any) -> None:
    """A file by its name is the whole content, with its length; the connection goes on and the file is closed."""
    with serving(sends(start(), path_message(kind(file)))) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert (answer.one(b"content-length"), answer.body) == (b"%d" % len(CONTENT), CONTENT)


def test_pathsend_of_an_empty_file(tmp_path: Path) -> None:
    """An empty file is an empty response."""
    (tmp_path / "empty").touch()
    with serving(sends(start(), path_message(str(tmp_path / "empty")))) as site:
        client = site.connect()
        assert client.ask().one(b"content-length") == b"0"
        assert client.ask().body == b""


@pytest.mark.parametrize("lines", [[(b"content-length", b"%d" % len(CONTENT))], [(b"etag", b'"x"')]])
def test_files_to_head(file: Path, lines: Any) -> None:
    """To HEAD a file gives its length and nothing else."""
    with serving(sends(start(200, *lines), path_message(str(file)))) as site:
        client = site.connect()
        assert client.ask(HEAD).one(b"content-length") == b"%d" % len(CONTENT)
        assert client.ask(GET).body == CONTENT


@http1_only("an older version")
def test_files_to_1_0(file: Path) -> None:
    """To 1.0 a file has its length as well."""
    with serving(sends(start(), path_message(str(file)))) as site:
        answer = site.ask(OLD)
        assert (answer.one(b"content-length"), answer.body) == (b"%d" % len(CONTENT), CONTENT)


@pytest.mark.parametrize(
    ("target", "kind"),
    [("missing", FileNotFoundError), (".", IsADirectoryError), ("a\0b", ValueError), (17, Exception)],
)
def test_files_that_cannot_be_opened(tmp_path: Path, target: Any, kind: type[Exception]) -> None:
    """A file that cannot be opened raises in `send()`, and the response is not sent as if it were whole."""
    target = str(tmp_path / target) if isinstance(target, str) else object()
    with serving(sends(start(), path_message(target))) as site:
        client = site.connect()
        client.send(GET)
        client.fails()
        [(_, error)] = site.hooks.take()
        assert isinstance(error, kind)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, CONTENT),
        ({"offset": 0}, CONTENT),
        ({"offset": 1000}, CONTENT[1000:]),
        ({"count": 5}, CONTENT[:5]),
        ({"offset": 10, "count": 300_000}, CONTENT[10:300_010]),
        ({"offset": 10, "count": 0}, b""),
        ({"offset": len(CONTENT)}, b""),
        ({"offset": len(CONTENT) + 10}, b""),
        ({"offset": None, "count": None, "more_body": False}, CONTENT),
    ],
)
@pytest.mark.parametrize("kind", ["object", "number", "unbuffered"])
def test_zerocopysend(file: Path, options: dict[str, Any], wanted: bytes, kind: str) -> None:
    """`offset` and `count` say which part of a file is sent; the file stays open, and is the application's to close."""
    with file.open("rb", buffering=0 if kind == "unbuffered" else -1) as opened:
        given = opened.fileno() if kind == "number" else opened
        with serving(sends(start(), zero(given, **options))) as site:
            client = site.connect()
            client.send(GET)
            answer = client.answer()
            assert (answer.one(b"content-length"), answer.body) == (b"%d" % len(wanted), wanted)
        assert not opened.closed
        os.fstat(opened.fileno())


def test_zerocopysend_from_where_the_file_stands(file: Path) -> None:
    """Without `offset` a file is sent from its position, which moves on."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        with file.open("rb") as opened:
            opened.seek(1000)
            await send(start())
            await send(zero(opened, count=500, more_body=True))
            await send(zero(opened, count=500, more_body=True))
            await send(zero(opened.fileno(), count=7))

    with serving(application) as site:
        answer = site.ask()
        assert answer.body == CONTENT[1000:2007]
        assert answer.chunks == [CONTENT[1000:1500], CONTENT[1500:2000], CONTENT[2000:2007]]


def test_files_among_other_content(file: Path) -> None:
    """Files and ordinary content mix, each a chunk."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        with file.open("rb") as opened:
            await send(start())
            await send(body(b"before", True))
            await send(zero(opened, offset=0, count=3, more_body=True))
            await send(body(b"between", True))
            await send(zero(opened, offset=5, count=2, more_body=True))
            await send(body(b"after"))

    with serving(application) as site:
        client = site.connect()
        for _ in range(2):
            wanted = [b"before", CONTENT[:3], b"between", CONTENT[5:7], b"after"]
            assert client.ask().chunks == wanted


def test_a_file_under_a_length_of_the_applications_own(file: Path) -> None:
    """Content-Length and a file that has just this length belong together."""
    with file.open("rb") as opened:
        application = sends(start(206, (b"content-length", b"10")), zero(opened, offset=4, count=10))
        with serving(application) as site:
            client = site.connect()
            assert client.ask().body == CONTENT[4:14]
            assert client.ask().body == CONTENT[4:14]


@pytest.mark.parametrize("length", [b"5", b"5000000"])
def test_a_file_of_another_length_than_announced(file: Path, length: bytes) -> None:
    """A file that is longer than the Content-Length is a 500, a shorter one is sent and the connection closed."""
    with serving(sends(start(200, (b"content-length", length)), path_message(str(file)))) as site:
        client = site.connect()
        client.send(GET)
        answer = client.fails()
        assert answer.status == (500 if length == b"5" else 200)
        assert len(answer.body) <= len(CONTENT)
        [(_, error)] = site.hooks.take()
        assert isinstance(error, RuntimeError)
        assert "Content-Length" in str(error)


def test_a_file_that_is_shorter_than_promised(file: Path) -> None:
    """A count past the end of the file is a promise that is not kept: an OSError, and the connection is cut."""
    with file.open("rb") as opened, serving(sends(start(), zero(opened, offset=0, count=len(CONTENT) + 1))) as site:
        client = site.connect()
        client.send(GET)
        assert client.head().one(b"content-length") == b"%d" % (len(CONTENT) + 1)
        assert len(client.cut()) <= len(CONTENT)
        site.turn()
        for _, error in site.hooks.take():
            assert isinstance(error, OSError)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.response.pathsend"},
        {"type": "http.response.zerocopysend"},
        zero(None),
        zero("text"),
        zero(1 << 40),
        zero(-1),
        zero(io.BytesIO(b"abc"), offset="1"),
        zero(io.BytesIO(b"abc"), count="1"),
        zero(io.BytesIO(b"abc"), count=-1),
        zero(io.BytesIO(b"abc"), offset=-1),
    ],
)
def test_files_that_are_none(message: Any) -> None:
    """What is no file, or has an impossible offset or count, raises in `send()` and hurts nobody else."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/well":
            await respond(send, b"well")
            return
        await send(start())
        await send(message)

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        client.fails()
        assert len(site.hooks.take()) == 1
        assert site.ask(request("/well")).body == b"well"


def test_a_file_before_the_start(file: Path) -> None:
    """A file before the start message raises, and the client gets a 500."""
    with serving(sends(path_message(str(file)))) as site:
        assert site.ask().status == 500
        [(_, error)] = site.hooks.take()
        assert isinstance(error, RuntimeError)


def test_content_while_a_file_is_sent(file: Path, tmp_path: Path) -> None:
    """A message beside a file that is still being sent raises, and does not get in between."""
    import asyncio

    big = tmp_path / "big"
    big.write_bytes(CONTENT * 20)
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        sending = asyncio.create_task(send(path_message(str(big))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            await send(body(b"x"))
        except RuntimeError as error:
            errors.append(error)
        await sending

    with serving(application) as site:
        client = site.connect(receive_buffer=4096)
        assert client.ask().body == CONTENT * 20
    assert len(errors) == 1
