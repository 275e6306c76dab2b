"""`--mount`: files natively in front of an application of any interface, which is not asked for what is below."""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from served import CHILD_SECONDS, refused, serving
from vitok import _native
from vitok.http import App, HTTPError, Request, WebSocket, mounts, wsgi
from vitok.http.native import static_files
from vitok.http.options import OptionError, from_keywords
from vitok.http.testing import serve

pytestmark = pytest.mark.vitok_only

BROWSER = "gzip, deflate, br, zstd"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, beside one that is nobody's business."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "served"
    (inside / "deep").mkdir(parents=True)
    (inside / "index.html").write_text("the index")
    (inside / "deep" / "b.css").write_text("b")
    (inside / "deep" / "b.css.gz").write_bytes(b"gzipped")
    (inside / "deep" / "b.css.zst").write_bytes(b"zstandard")
    (inside / "deep" / "b.css.br").write_bytes(b"brotli")
    (inside / "large.bin").write_bytes(bytes(range(256)) * 4096)
    (inside / ".env").write_text("hidden")
    (inside / ".git").mkdir()
    (inside / ".git" / "config").write_text("hidden")
    (inside / "out").symlink_to("../secret")
    (inside / "up").symlink_to("..")
    return inside


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer with what it was told."""
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["started"] = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-path", scope["path"].encode())]})
        return
    content = [scope["path"], scope["raw_path"].hex(), scope["root_path"], scope["query_string"].decode("latin-1")]
    content += [scope["method"], scope["client"][0], scope["scheme"], scope["state"]]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-of", b"application")]})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})


def native() -> App:
    """Return an application with routes that a mount hides, and others."""

    def lost(request: Request, error: HTTPError) -> Any:
        return "a handler of the application", 404

    app = App()
    app.exception_handler(404)(lost)

    @app.before
    def asked(request: Request) -> None:
        request.state["asked"] = True

    for path in ("/static/{name}", "/static/deep/b.css", "/{any}/b.css", "/{rest:path}", "/static"):

        @app.route(path, methods=["GET", "POST"])
        def route(request: Request) -> Any:
            return {"application": request.path}

    @app.websocket("/static/chat")
    async def chat(socket: WebSocket) -> None:
        await socket.accept(headers={"x-path": socket.path})

    return app


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the path."""
    start_response("200 OK", [("x-of", "application")])
    return [environ["SCRIPT_NAME"].encode() + b"|" + environ["PATH_INFO"].encode()]


@pytest.fixture(params=["asgi", "native", "wsgi"])
def app(request: pytest.FixtureRequest) -> Any:
    """An application of each interface."""
    if request.param == "wsgi":
        if not wsgi.is_available():
            pytest.skip("a2wsgi is not installed: pip install --group programs")
        return wsgi_app
    return asgi if request.param == "asgi" else native()


class Answer:
    """A response."""

    def __init__(self, url: str, target: str, method: str, body: bytes | None, fields: dict[str, str]) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=CHILD_SECONDS)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            for name, value in fields.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders(body)
            response = connection.getresponse()
            self.status = response.status
            self.fields = {name.lower(): value for name, value in response.getheaders()}
            self.body = response.read()
        finally:
            connection.close()


def ask(url: str, target: str, method: str = "GET", body: bytes | None = None, **fields: str) -> Answer:
    """Send a request."""
    return Answer(url, target, method, body, fields)


def options(*pairs: tuple[str, Path], **more: Any) -> dict[str, Any]:
    """The keywords of mounts."""
    return {"mounts": [(path, str(folder)) for path, folder in pairs], **more}


def test_files_and_the_application(app: Any, folder: Path) -> None:
    """Below the path are files, elsewhere is the application."""
    with serve(app, **options(("/static", folder))) as url:
        assert ask(url, "/static/deep/b.css").body == b"b"
        assert ask(url, "/static/").body == b"the index"
        assert ask(url, "/st%61tic/index.html").body == b"the index"
        redirect = ask(url, "/static?a=b")
        assert (redirect.status, redirect.fields["location"]) == (307, "./static/?a=b")
        assert ask(url, "/static/large.bin").body == bytes(range(256)) * 4096
        for target in ("/elsewhere", "/static2", "/deep/static/b.css", "/Static/x"):
            assert target.encode() in ask(url, target).body
        assert b"/here" in ask(url, "/here", "POST", b"content").body


@pytest.mark.parametrize(
    "target",
    ["none", "deep/", ".env", ".git/config", ".git/", "%2eenv", "out", "up/secret", "../secret", "%2e%2e/secret",
     "..%2fsecret", "deep/../../secret", "//secret", "index.html/", "index.html%00", "x" * 5000, "deep%2Fb.css",
     "deep/b.css%2f", "%ff", "deep/%00%ff"],
)  # fmt: skip
def test_nothing_else_is_served(app: Any, folder: Path, target: str) -> None:
    """Issue 16, item 6: no dot files, never out of the folder; and the application is not asked."""
    with serve(app, **options(("/static", folder))) as url:
        answer = ask(url, f"/static/{target}")
        assert answer.status in (400, 404), answer.body
        assert b"application" not in answer.body.replace(b"application/problem", b"")
        assert "x-of" not in answer.fields
        assert b"hidden" not in answer.body


def test_what_clients_ask_of_files(app: Any, folder: Path) -> None:
    """Entity tags, ranges, HEAD, other methods, precompressed files."""
    with serve(app, **options(("/static", folder))) as url:
        first = ask(url, "/static/deep/b.css")
        tag = first.fields["etag"]
        assert ask(url, "/static/deep/b.css", if_none_match=tag).status == 304
        part = ask(url, "/static/large.bin", range="bytes=254-257")
        assert (part.status, part.body, part.fields["content-range"]) == (206, b"\xfe\xff\0\1", "bytes 254-257/1048576")
        head = ask(url, "/static/large.bin", "HEAD")
        assert (head.status, head.body, head.fields["content-length"]) == (200, b"", "1048576")
        for method in ("POST", "DELETE", "PROPFIND"):
            refusal = ask(url, "/static/deep/b.css", method, b"x")
            assert (refusal.status, refusal.fields["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert ask(url, "/static/none", "POST", b"x").status == 405
        assert ask(url, "/static/", "OPTIONS").fields["allow"] == "GET, HEAD, OPTIONS"
        for accepted, body, encoding in [
            (BROWSER, b"brotli", "br"),
            ("gzip", b"gzipped", "gzip"),
            ("zstd, br;q=0.1", b"zstandard", "zstd"),
            ("br;q=0, zstd;q=0", b"b", None),
        ]:
            answer = ask(url, "/static/deep/b.css", accept_encoding=accepted)
            assert (answer.body, answer.fields.get("content-encoding")) == (body, encoding)
            assert answer.fields["content-type"] == "text/css; charset=utf-8"
            assert answer.fields["vary"] == "accept-encoding"
            assert (answer.fields["etag"] == tag) == (encoding is None)


def test_each_encoding_has_its_own_tag(folder: Path) -> None:
    """Builds set all times to one, and two encodings may have the same size: a range of one is not for the other."""
    for name in ("same.js", "same.js.gz", "same.js.br"):
        (folder / name).write_text(name[-2:].ljust(9))
        os.utime(folder / name, (10**9, 10**9))
    with serve(asgi, **options(("/static", folder))) as url:
        answers = [ask(url, "/static/same.js", accept_encoding=one) for one in ("gzip", "br", "identity")]
        tags = [answer.fields["etag"] for answer in answers]
        assert len(set(tags)) == 3
        mixed = ask(url, "/static/same.js", accept_encoding="br", range="bytes=0-0", if_range=tags[0])
        assert (mixed.status, mixed.fields["content-encoding"]) == (200, "br")
        assert ask(url, "/static/same.js", accept_encoding="br", if_none_match=tags[1]).status == 304


class Source:
    """A source of which the kernel can't tell anything without a look at a disk."""

    def __new__(cls, *arguments: Any) -> Any:
        """Make a native one."""
        return _native.FileSource(*arguments)

    @staticmethod
    def open(_: Any) -> None:
        """Tell nothing."""


def test_files_that_a_thread_looks_for(app: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are answered alike, also those that are none."""
    monkeypatch.setattr(static_files, "_native", SimpleNamespace(FileSource=Source, Folder=_native.Folder))
    with serve(app, **options(("/static", folder))) as url:
        assert ask(url, "/static/deep/b.css", accept_encoding=BROWSER).body == b"brotli"
        for target in ("none", ".env", "out", "deep/"):
            answer = ask(url, f"/static/{target}")
            assert (answer.status, answer.fields["content-type"]) == (404, "application/problem+json")


def test_the_longest_path_first(app: Any, folder: Path, tmp_path: Path) -> None:
    """Mounts within mounts, and one for everything."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a").write_text("inner")
    with serve(app, **options(("/a", folder), ("/a/deep", tmp_path / "inner"))) as url:
        assert ask(url, "/a/deep/a").body == b"inner"
        assert ask(url, "/a/deep/b.css").status == 404
        assert ask(url, "/a/index.html").body == b"the index"
    with serve(app, **options(("/", folder), ("/a", tmp_path / "inner"))) as url:
        assert ask(url, "/a/a").body == b"inner"
        assert ask(url, "/").body == b"the index"
        assert ask(url, "/elsewhere").status == 404
        assert ask(url, "/elsewhere", "POST").status == 405


TARGETS = [
    "/", "/a%20b%2Fc", "/%E2%82%AC", "/%ff", "//a//b/", "/a/../b", "/a?q=%ff&r", "/;a=b", "/a%00", "/static2/x", "/%",
    "/%zz", "http://host/abs?x", "/a" * 300,
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_the_application_sees_the_same(folder: Path, target: str) -> None:
    """Path, root path and the rest are those without a mount, also for paths that are not UTF-8."""
    more: dict[str, Any] = {"root_path": "/behind", "proxy_headers": True}
    fields = {"x_forwarded_for": "192.0.2.7", "x_forwarded_proto": "https"}
    with serve(asgi, **more) as url:
        expected = ask(url, target, **fields)
    with serve(asgi, **options(("/static", folder), **more)) as url:
        answer = ask(url, target, **fields)
    assert (answer.status, answer.body) == (expected.status, expected.body)
    assert answer.status != 200 or b"192.0.2.7" in answer.body


def test_a_target_without_a_path(folder: Path) -> None:
    """`OPTIONS *` is the application's, too."""
    with serve(asgi) as url:
        expected = ask(url, "*", "OPTIONS")
    with serve(asgi, **options(("/static", folder))) as url:
        answer = ask(url, "*", "OPTIONS")
    assert (answer.status, answer.body) == (expected.status, expected.body)


@pytest.mark.parametrize("interface", ["asgi", "native"])
def test_websockets_are_the_applications(folder: Path, interface: str) -> None:
    """Files have none, so they reach the application at any path."""
    handshake = (
        "GET /static/chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with serve(asgi if interface == "asgi" else native(), **options(("/static", folder))) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=CHILD_SECONDS) as sock:
            sock.sendall(handshake.encode())
            answer = sock.recv(65536).lower()
    assert answer.startswith(b"http/1.1 101")
    assert b"x-path: /static/chat" in answer


def test_the_folder_is_opened_once(folder: Path) -> None:
    """Another folder of its name is not served."""
    with serve(asgi, **options(("/static", folder))) as url:
        folder.rename(folder.parent / "moved")
        folder.symlink_to("/etc")
        assert ask(url, "/static/deep/b.css").body == b"b"
        assert ask(url, "/static/passwd").status == 404


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("/static", "none"), r"--mount: 'none': no such file or directory"),
        (("/static", __file__), r"--mount: .*: not a directory"),
        (("/a//b", "."), r"--mount: '/a//b': .*empty segment"),
        (("/a%20b", "."), r"--mount: '/a%20b': expected a path that is not percent-encoded"),
        (("/{name}", "."), r"--mount: '/{name}' is not a path of fixed segments"),
    ],
)
def test_errors(pair: tuple[str, str], message: str) -> None:
    """Each names the option and the value."""
    with pytest.raises(OptionError, match=message):
        mounts.compiled(asgi, [pair])
    with pytest.raises(OptionError, match="--mount: /a is given twice"):
        mounts.compiled(asgi, [("/a", "."), ("/a", ".")])
    with pytest.raises(OptionError, match="is not of the form /PATH=FOLDER"):
        from_keywords({"mounts": ["static=."]})


def test_an_error_of_the_command(tmp_path: Path) -> None:
    """One line, at the start; also with workers."""
    for more in ((), ("--workers", "2")):
        code, lines = refused("--mount", f"/static={tmp_path}/none", "--port", "0", *more)
        assert (code, len([line for line in lines if "--mount" in line])) == (2, 1)
        assert not any("Traceback" in line for line in lines)


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Check that no descriptor is left open."""
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    yield
    assert not before or len(os.listdir("/proc/self/fd")) <= before


def test_the_command(folder: Path, tmp_path: Path, descriptors: None) -> None:
    """Several mounts, with workers and a lifespan, and access lines for files."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a").write_text("media")
    words = (
        "--mount",
        f"/static={folder}",
        "--mount",
        f"/media/={tmp_path}/media",
        "--workers",
        "2",
        "--lifespan",
        "on",
    )
    with serving(*words) as served:
        url = served.urls[0]
        assert ask(url, "/static/deep/b.css").body == b"b"
        assert ask(url, "/media/a").body == b"media"
        assert served.get("/elsewhere")["path"] == "/elsewhere"
        assert served.end() == 0
    assert '"GET /media/a HTTP/1.1" 200' in served.output
