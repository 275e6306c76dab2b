"""`App.files` under the native server: the routes of a folder, and what a client gets."""

import os
from pathlib import Path

import pytest
from asgi_support import Site, request, serving
from vitok.http import App
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, beside one that is nobody's business."""
    (tmp_path / "secret").write_text("secret")
    inside = tmp_path / "served"
    (inside / "deep").mkdir(parents=True)
    (inside / "index.html").write_text("the index")
    (inside / "a b.txt").write_text("a")
    (inside / "large.bin").write_bytes(bytes(200_000))
    (inside / "out").symlink_to("../secret")
    os.mkfifo(inside / "fifo")
    return inside


def status(site: Site, target: str) -> int:
    """The status of a response."""
    found: int = site.connect().ask(request(target)).status
    return found


def test_the_files_of_a_folder(folder: Path) -> None:
    """Issue 15: `app.files("/static", folder)`."""
    app = App()
    app.files("/static", folder, name="static", cache_control="max-age=60")
    assert app.url_for("static", path="a b.txt") == "/static/a%20b.txt"
    with serving(app._compiled()) as site:
        client = site.connect()
        answer = client.ask(request("/static/a%20b.txt"))
        assert (answer.status, answer.body) == (200, b"a")
        assert answer.one(b"cache-control") == b"max-age=60"
        assert answer.one(b"content-type") == b"text/plain; charset=utf-8"
        again = client.ask(request("/static/a%20b.txt", f"if-none-match: {answer.one(b'etag').decode()}"))  # type: ignore[union-attr]
        assert (again.status, again.body) == (304, b"")
        assert client.ask(request("/static/")).body == b"the index"
        assert client.ask(request("/static/large.bin")).body == bytes(200_000)
        head = client.ask(request("/static/large.bin", method="HEAD"))
        assert (head.status, head.one(b"content-length")) == (200, b"200000")
        for target, location in (
            ("/static", b"./static/"),
            ("/static?a", b"./static/?a"),
            ("/static/deep", b"./deep/"),
        ):
            answer = client.ask(request(target))
            assert (answer.status, answer.one(b"location")) == (307, location)
        assert site.http.connections == 1


def test_nothing_else(folder: Path) -> None:
    """404 and 405, by paths that a client sends as they are."""
    app = App()
    app.files("/static", folder)
    with serving(app._compiled()) as site:
        for target in (
            "/static/../secret",
            "/static/%2e%2e/secret",
            "/static/..%2fsecret",
            "/static//etc/passwd",
            "/static/%2fetc%2fpasswd",
            "/static/out",
            "/static/fifo",
            "/static/deep/",
            "/static/none",
            "/static/a%20b.txt/",
            "/staticx",
        ):
            assert status(site, target) == 404, target
        assert status(site, "/static/a%00.txt") in (404, 400)
        for method in ("POST", "DELETE"):
            answer = site.connect().ask(request("/static/index.html", method=method))
            assert answer.status == 405
            assert {part.strip() for part in (answer.one(b"allow") or b"").split(b",")} == {b"GET", b"HEAD", b"OPTIONS"}


def test_a_folder_for_all_paths(folder: Path) -> None:
    """The prefix "/": other routes count more."""
    app = App()
    app.files("/", folder)
    app.get("/api")(lambda _: "api")
    with serving(app._compiled()) as site:
        client = site.connect()
        assert client.ask(request("/")).body == b"the index"
        assert client.ask(request("/a%20b.txt")).body == b"a"
        assert client.ask(request("/api")).body == b"api"
        assert client.ask(request("/none")).status == 404
