"""`StaticFiles`: paths become files of a folder, natively and in a thread, and no path leads out of it."""

import asyncio
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest
from files_support import sent
from vitok import _native
from vitok.http.native import file_responses, static_files
from vitok.http.native.errors import HTTPError
from vitok.http.native.responses import Response
from vitok.http.native.static_files import StaticFiles, preferred_encodings

pytestmark = pytest.mark.vitok_only


@pytest.fixture(params=["native", "thread"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Files that the kernel has at hand, and those that a thread looks for."""
    if request.param == "thread":
        cannot_tell = SimpleNamespace(FileSource=Source, Folder=_native.Folder)
        monkeypatch.setattr(static_files, "_native", cannot_tell)
        monkeypatch.setattr(file_responses, "_taken", lambda _: None)
    name: str = request.param
    return name


class Source:
    """A source of which the kernel can't tell anything without a look at a disk."""

    def __new__(cls, *arguments: Any) -> Any:
        """Make a native one."""
        return _native.FileSource(*arguments)

    @staticmethod
    def open(_: Any) -> None:
        """Tell nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, beside one that is nobody's business."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "served"
    (inside / "deep").mkdir(parents=True)
    (inside / "empty").mkdir()
    (inside / "a.txt").write_text("a")
    (inside / "ünï códe.txt").write_text("unicode")
    (inside / "index.html").write_text("the index")
    (inside / "deep" / "index.html").write_text("deep index")
    (inside / "deep" / "b.css").write_text("b")
    (inside / "out").symlink_to("../secret")
    (inside / "up").symlink_to("..")
    (inside / "within").symlink_to("a.txt")
    os.mkfifo(inside / "fifo")
    return inside


def asked(target: str, **headers: str) -> Any:
    """A request with a path below /static/."""
    path, _, query = target.partition("?")
    return SimpleNamespace(
        method="GET",
        path_params={"path": unquote(path)},
        raw_path=b"/static/" + path.encode("latin-1"),
        query_string=query.encode(),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def get(files: StaticFiles, target: str, **headers: str) -> Response:
    """The response; that of a thread is waited for."""
    found = files(asked(target, **headers))
    if isinstance(found, Response):
        return found
    return asyncio.run(found)


def content(response: Response) -> bytes:
    """The content of a response."""
    return sent(response).body


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("a.txt", b"a"),
        ("deep/b.css", b"b"),
        ("%61.txt", b"a"),
        ("%C3%BCn%C3%AF%20c%C3%B3de.txt", b"unicode"),
        ("", b"the index"),
        ("deep/", b"deep index"),
        ("deep/index.html", b"deep index"),
    ],
)
def test_files(way: str, folder: Path, target: str, expected: bytes) -> None:
    """A path is decoded once, and a folder is its index."""
    response = get(StaticFiles(folder), target)
    assert content(response) == expected, way


HOSTILE = [
    "..", "../secret", "deep/../a.txt", "deep/../../secret", "./a.txt", "deep/.", "deep/..", "%2e%2e/secret",
    "..%2fsecret", "%2e%2e%2fsecret", "deep%2fb.css", "deep%2Fb.css", "/secret", "//secret", "/etc/passwd",
    "%2fetc/passwd", "deep//b.css", "a.txt/", "a.txt/b", "a%00.txt", "a.txt%00", "out", "up/secret", "up/", "within",
    "fifo", "none", "none/", "empty/", "x" * 300, "/".join(["x"] * 3000), "..\\secret", "%ff", "~", "deep/index.html/",
]  # fmt: skip


@pytest.mark.parametrize("target", HOSTILE)
def test_nothing_else_is_served(way: str, folder: Path, target: str) -> None:
    """Issue 15, item 7: "paths with `..`, encoded slashes, symbolic links out of a served folder"."""
    with pytest.raises(HTTPError) as caught:
        content(get(StaticFiles(folder), target))
    assert caught.value.status == 404, way


@pytest.mark.parametrize(("target", "location"), [("deep", "./deep/"), ("deep?a=b", "./deep/?a=b")])
def test_a_folder_has_a_slash(way: str, folder: Path, target: str, location: str) -> None:
    """A relative address, so that it is right behind any prefix."""
    response = get(StaticFiles(folder), target)
    assert (response.status, response.headers["location"]) == (307, location), way


def test_the_folder_itself_without_a_slash(folder: Path) -> None:
    """The route without a rest of the path."""
    request = SimpleNamespace(path_params={}, raw_path=b"/a/static", query_string=b"")
    response = StaticFiles(folder)(request)
    assert isinstance(response, Response)
    assert (response.status, response.headers["location"]) == (307, "./static/")


def test_a_redirect_stays_on_this_host(way: str, tmp_path: Path) -> None:
    """A name that looks like another host, or like a scheme, is one of a folder."""
    (tmp_path / "javascript:alert(1)").mkdir()
    response = get(StaticFiles(tmp_path), "javascript:alert(1)")
    assert response.headers["location"] == "./javascript:alert(1)/", way


def test_without_an_index(way: str, folder: Path) -> None:
    """A folder is nothing then."""
    files = StaticFiles(folder, index=None)
    for target in ("", "deep", "deep/"):
        with pytest.raises(HTTPError):
            get(files, target)
    assert content(get(files, "deep/b.css")) == b"b", way


def test_links_are_followed_if_they_may(way: str, folder: Path) -> None:
    """`follow_symlinks`: also out of the folder, but never by `..`."""
    files = StaticFiles(folder, follow_symlinks=True)
    assert content(get(files, "within")) == b"a"
    assert content(get(files, "out")) == b"secret"
    assert content(get(files, "up/secret")) == b"secret", way
    for target in ("../secret", "up/../secret", "/etc/passwd"):
        with pytest.raises(HTTPError):
            content(get(files, target))


def test_the_folder_stays_the_same(way: str, folder: Path) -> None:
    """Another folder of the same name is not served, so a folder that is moved is not mixed with the next one."""
    files = StaticFiles(folder)
    folder.rename(folder.parent / "moved")
    folder.mkdir()
    (folder / "a.txt").write_text("other")
    assert content(get(files, "a.txt")) == b"a", way


def test_a_name_that_changes_meanwhile(folder: Path) -> None:
    """A folder that becomes a link between two parts of a path: each part is opened in the one before."""
    source = _native.FileSource("deep/b.css", _native.Folder(str(folder), False), "", None, None, True, True)
    (folder / "deep").rename(folder / "was")
    (folder.parent / "b.css").write_text("secret")
    (folder / "deep").symlink_to("..")
    assert source.open() in ("missing", None)
    assert file_responses.open_file(source) is None


def test_files_that_were_compressed_before(way: str, folder: Path) -> None:
    """`precompressed`: what the client accepts and what is there, with the type of the file itself."""
    (folder / "deep" / "b.css.gz").write_bytes(b"gzipped")
    (folder / "deep" / "b.css.br").write_bytes(b"brotli")
    files = StaticFiles(folder, precompressed=True, headers={"x-a": "b"})
    for accepted, expected, encoding in [
        ("gzip, br", b"brotli", "br"),
        ("gzip, br;q=0.9", b"gzipped", "gzip"),
        ("zstd, br;q=0.9", b"brotli", "br"),
        ("gzip", b"gzipped", "gzip"),
        ("br;q=0, gzip;q=0.1", b"gzipped", "gzip"),
        ("gzip;q=0.000", b"b", None),
        ("", b"b", None),
        ("*", b"b", None),
    ]:
        response = get(files, "deep/b.css", accept_encoding=accepted)
        answer = sent(response)
        assert answer.body == expected, way
        assert answer.one(b"content-type") == b"text/css; charset=utf-8"
        assert answer.one(b"content-encoding") == (encoding and encoding.encode())
        assert (answer.one(b"vary"), answer.one(b"x-a")) == (b"accept-encoding", b"b")
    assert content(get(files, "a.txt", accept_encoding="br, gzip")) == b"a"


def test_options(way: str, folder: Path) -> None:
    """Fields of all files, and types by suffix."""
    files = StaticFiles(folder, cache_control="max-age=9", content_types={".TXT": "text/x-own"})
    answer = sent(get(files, "a.txt"))
    assert answer.one(b"cache-control") == b"max-age=9", way
    assert answer.one(b"content-type") == b"text/x-own"


def test_a_folder_that_is_none(folder: Path) -> None:
    """A mistake in a path is found at the start."""
    with pytest.raises(FileNotFoundError):
        StaticFiles(folder / "none")
    with pytest.raises(NotADirectoryError):
        StaticFiles(folder / "a.txt")
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(folder / "socket"))
    with pytest.raises(HTTPError):
        content(get(StaticFiles(folder), "socket"))
    bound.close()


def test_no_descriptor_is_left(way: str, folder: Path) -> None:
    """Neither by a file, nor by what is not served."""
    files = StaticFiles(folder)
    get(files, "a.txt")
    before = sorted(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else []
    for target in ["a.txt", "deep/b.css", "deep", *HOSTILE]:
        try:
            get(files, target)
        except HTTPError:
            pass
    assert not before or len(os.listdir("/proc/self/fd")) <= len(before) + (way == "thread") * 2


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (" GZip ; q=1.0 ,br;q=0,, deflate;q=0.0 , zstd", ["zstd", "gzip"]),
        ("gzip, deflate, br, zstd", ["br", "zstd", "gzip"]),
        ("gzip;q=0.9, br;q=0.8, zstd;q=0.85", ["gzip", "zstd", "br"]),
        ("gzip;q=0.5, identity", []),
        ("gzip;q=0.5, identity;q=0.5", ["gzip"]),
        ("identity;q=0, *;q=0", []),
        ("gzip;q=2, br;q=x, zstd;level=3", ["br", "zstd", "gzip"]),
        ("*", []),
        ("", []),
    ],
)
def test_preferred_encodings(field: str, expected: list[str]) -> None:
    """RFC 9110 section 12.5.3."""
    assert preferred_encodings(field) == expected


@pytest.mark.parametrize("target", [".hidden", ".git/config", "deep/.hidden", "deep/.git/config", ".hidden.gz"])
def test_no_dot_files(way: str, folder: Path, target: str) -> None:
    """`dot_files=False`: neither files nor folders of such names."""
    path = folder / target
    path.parent.mkdir(exist_ok=True)
    path.write_text("hidden")
    assert content(get(StaticFiles(folder), target)) == b"hidden", way
    with pytest.raises(HTTPError) as caught:
        get(StaticFiles(folder, dot_files=False), target)
    assert caught.value.status == 404
    assert content(get(StaticFiles(folder, dot_files=False), "a.txt")) == b"a"
