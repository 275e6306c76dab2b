"""Applications in popular frameworks, served over ASGI and visited by curl.

All have the same routes, as far as their framework supports them. An application handles all requests in one run, whose
output is checked when SIGTERM ends it; a second run shows the effect of an error in a handler.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from apps.scene import LARGE_BODY
from asgi import served
from children import Flavour, Judge, judge
from needs import need_command, need_library
from sites import Site, leave_without_a_word

LOOPS = {"asyncio": "asyncio.unix_events._UnixSelectorEventLoop", "vitok": "vitok.Loop"}
# What the programs in apps/ say of themselves, in apps/routes.py.
GOODBYE = "the hook of the end ran"
BROKEN = "broken on purpose"
JSON = ("--header", "Content-Type: application/json", "--data-binary")
RECEIPT = {"name": "large.bin", "length": len(LARGE_BODY), "sha256": hashlib.sha256(LARGE_BODY).hexdigest()}
# curl does not fail at a status that is no success, and writes it behind the answer.
STATUS = ("--no-fail", "--write-out", "\n%{http_code}")


@dataclass(frozen=True, slots=True)
class Framework:
    """What an application needs, and what its framework leaves out."""

    libraries: tuple[str, ...]
    has_hooks: bool = True
    has_background: bool = True
    takes_chunked_uploads: bool = True
    has_files: bool = True
    # Whether it answers HEAD with a file's length.
    has_file_heads: bool = True
    knows_ranges: bool = False
    # Whether the program in apps/ has middleware that marks each response.
    has_middleware: bool = False
    # Whether it tells a handler that the visitor is gone.
    notices_leaving: bool = True


FRAMEWORKS = {
    "fastapi": Framework(("fastapi", "python_multipart"), knows_ranges=True, has_middleware=True),
    "starlette": Framework(("starlette", "python_multipart"), knows_ranges=True),
    # Django reads no upload whose length nobody has named.
    "django": Framework(("django",), has_hooks=False, has_background=False, takes_chunked_uploads=False),
    # Quart ends a handler whose visitor has all of the answer, and may then leave a file to the garbage collector.
    "quart": Framework(("quart",), has_files=False, has_file_heads=False),
    "litestar": Framework(("litestar",)),
    # Over ASGI, Sanic never asks whether anybody is still there, and answers HEAD for a file as if it were a stream.
    "sanic": Framework(("sanic",), has_file_heads=False, notices_leaving=False),
}


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that is uploaded."""
    path = tmp_path_factory.mktemp("files") / "large.bin"
    path.write_bytes(LARGE_BODY)
    return path


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_application(name: str, flavour: Flavour, large_file: Path, subtests: pytest.Subtests) -> None:
    """An application in a framework does over our server what it does over uvicorn, and complains of nothing."""
    framework = FRAMEWORKS[name]
    judged_by = judge_hooks if framework.has_hooks else None
    with running(name, flavour, judged_by=judged_by, PROGRAM_FILE=str(large_file)) as site:
        with subtests.test("the loop is the one that the user chose"):
            assert site.curl("/loop").decode() == LOOPS[flavour.loop]
        for check in checks_of(framework):
            with subtests.test(check.__doc__):
                check(site, large_file)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_mistake(name: str, flavour: Flavour) -> None:
    """A handler that raises gives 500 and a traceback in the log, and the server goes on."""
    with running(name, flavour, judged_by=judge_mistake) as site:
        answer, _, status = site.curl("/broken", *STATUS).rpartition(b"\n")
        assert (status, BROKEN.encode() in answer) == (b"500", False)
        assert site.curl("/loop").decode() == LOOPS[flavour.loop]


@contextmanager
def running(name: str, flavour: Flavour, *, judged_by: Judge | None, **environment: str) -> Iterator[Site]:
    """An application, served. What has hooks must have them run; of others the server finds out that they have none."""
    framework = FRAMEWORKS[name]
    for library in framework.libraries:
        need_library(library)
    curl = need_command("curl", package="curl")
    lifespan = "on" if framework.has_hooks else "auto"
    with served(f"asgi_{name}:app", flavour, lifespan=lifespan, judged_by=judged_by, **environment) as server:
        yield Site(server.address, curl=curl)


def judge_hooks(exit_code: int, output: str, *, expected: int) -> None:
    """As always, and the hook of the end has run, once."""
    judge(exit_code, output, expected=expected)
    assert output.count(GOODBYE) == 1, output


def judge_mistake(exit_code: int, output: str, *, expected: int) -> None:
    """The server ended as it should, and the log has the traceback."""
    assert (exit_code, f"RuntimeError: {BROKEN}" in output) == (expected, True), output


def check_routes(site: Site, file: Path) -> None:
    """A part of the path, a part of the query, and what is not there."""
    assert json.loads(site.curl("/items/7?word=s%C3%A9v%20en")) == {"number": 7, "word": "sév en"}
    assert site.curl("/nothing", *STATUS).endswith(b"\n404")
    assert site.curl("/loop", "--request", "DELETE", *STATUS).rpartition(b"\n")[2] in (b"405", b"200")


def check_json(site: Site, file: Path) -> None:
    """A JSON body, and one that is none."""
    assert json.loads(site.curl("/json", *JSON, '{"numbers": [1, 2, 39]}')) == {"total": 42}
    assert site.curl("/json", *JSON, '{"numbers": [1,', *STATUS).rpartition(b"\n")[2] in (b"400", b"422")


def check_form(site: Site, file: Path) -> None:
    """A form as browsers send it."""
    assert json.loads(site.curl("/form", "--data-urlencode", "name=Ada & co")) == {"greeting": "Hello, Ada & co!"}


def check_upload(site: Site, file: Path) -> None:
    """A file of 1 MiB in a form, of a known length."""
    assert json.loads(site.curl("/upload", "--form", f"file=@{file}")) == RECEIPT


def check_chunked_upload(site: Site, file: Path) -> None:
    """The same in chunks."""
    chunked = ("--header", "Transfer-Encoding: chunked")
    assert json.loads(site.curl("/upload", *chunked, "--form", f"file=@{file}")) == RECEIPT


def check_file(site: Site, file: Path) -> None:
    """A file, and the same again for a client that takes it compressed."""
    assert site.curl("/file") == site.curl("--compressed", "/file") == LARGE_BODY


def check_file_head(site: Site, file: Path) -> None:
    """The head of a file says how long it is, and no more comes."""
    assert b"content-length: 1048576\r\n" in site.curl("--head", "/file").lower()


def check_ranges(site: Site, file: Path) -> None:
    """Two parts of a file."""
    assert site.curl("/file", "--range", "100-355") == LARGE_BODY[100:356]
    assert site.curl("/file", "--range", "1048566-", "--write-out", "%{http_code}") == LARGE_BODY[-10:] + b"206"


def check_middleware(site: Site, file: Path) -> None:
    """Middleware around the application has its say in heads of streams, too."""
    assert b"\r\nx-mark: /file\r\n" in site.curl("/file", "--output", Path(os.devnull), "--dump-header", "-").lower()


def check_stream(site: Site, file: Path) -> None:
    """The beginning of a stream arrives before its end has been made."""
    with site.curl_beside("/stream") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"first\n"
        assert site.curl("--request", "POST", "/release") == b"released"
        assert reader.stdout.read() == LARGE_BODY + b"last\n"


def check_hooks(site: Site, file: Path) -> None:
    """The hook of the beginning ran before the first request."""
    assert json.loads(site.curl("/hooks")) == {"has_begun": True}


def check_background(site: Site, file: Path) -> None:
    """What an answer left to be done is done behind it."""
    assert site.curl("--request", "POST", "/background") == b"later"
    assert site.curl("/done") == b"done"


def check_leaving(site: Site, file: Path) -> None:
    """A handler that would go on for ever is ended when its visitor has left without a word."""
    with site.connection() as connection:
        connection.request("GET", "/endless")
        assert connection.getresponse().read(1) == b"a"
        leave_without_a_word(connection)
    assert site.curl("/left") == b"left"


def checks_of(framework: Framework) -> Iterator[Callable[[Site, Path], None]]:
    """The checks of a framework: what all have, and what it has."""
    yield from (check_routes, check_json, check_form, check_upload, check_stream)
    if framework.has_files:
        yield check_file
    if framework.has_file_heads:
        yield check_file_head
    if framework.knows_ranges:
        yield check_ranges
    if framework.has_middleware:
        yield check_middleware
    if framework.takes_chunked_uploads:
        yield check_chunked_upload
    if framework.has_hooks:
        yield check_hooks
    if framework.has_background:
        yield check_background
    if framework.notices_leaving:
        yield check_leaving
