"""The notes of examples/notes without a browser, which tests/programs has: the client calls the application in process.

Of the example it tests api.py, app.py, board.py, changes.py, files.py, live.py, pages.py, people.py, protection.py,
site.py, templates.py and visitors.py.
"""

import asyncio
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from served import CHILD_SECONDS, serving
from support import PROJECT
from vitok.http import App, Request
from vitok.http.native import uploads
from vitok.http.testing import TestClient, TestResponse, TestWebSocket, WebSocketRefused

from examples.notes.app import app
from examples.notes.changes import Changes
from examples.notes.note import Note
from examples.notes.people import SHOWN_AT_MOST
from examples.notes.visitors import name_in

pytestmark = pytest.mark.vitok_only

EXAMPLES = PROJECT / "examples"
HANDSHAKE = (
    b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
PAGE = {"accept": "text/html"}
HOSTILE = "<script>alert(1)</script>\"' &amp; $title"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the notes of a test and their files are."""
    monkeypatch.setenv("NOTES_FOLDER", str(tmp_path))
    monkeypatch.delenv("NOTES_DATABASE", raising=False)
    return tmp_path


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    """A client of the application, which has no notes yet."""
    with TestClient(app) as client:
        yield client


def add(client: TestClient, title: str = "Tea", text: str = "green", **more: Any) -> dict[str, Any]:
    """Add a note by the form, and return it as JSON."""
    added = client.post("/notes", data={"title": title, "text": text}, **more)
    assert (added.status, added.headers["location"]) == (303, "/")
    notes: list[dict[str, Any]] = client.get("/api/notes").json()
    return notes[0]


def upload(name: str, content: bytes, kind: str = "text/plain") -> dict[str, Any]:
    """The options of a request with a file."""
    return {"files": {"file": (name, content, kind)}}


def test_a_form_is_escaped(client: TestClient) -> None:
    """What somebody writes is text on every page, also in attributes, and as it was in JSON."""
    note = add(client, HOSTILE, HOSTILE, files={"file": (f"{HOSTILE}.txt", b"x", "text/plain")})
    assert (note["title"], note["text"]) == (HOSTILE, HOSTILE)
    for path in ("/", f"/notes/{note['id']}/edit", "/?q=" + "%3Cscript%3E", "/?q=%22%3E%3Cscript%3E"):
        page = client.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert not re.search(r'"[^"<>]*"\' ', page.text)
    assert client.get("/").text.count("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27; &amp;amp; $title") >= 3


def test_json(client: TestClient) -> None:
    """A note's life by JSON alone."""
    added = client.post("/api/notes", json={"title": "Tea", "text": "green"})
    note = added.json()
    place = f"/api/notes/{note['id']}"
    assert (added.status, added.headers["location"]) == (201, place)
    assert client.get(place).json() == note
    changed = client.put(place, json={"version": 1, "title": "Tea", "text": "black"})
    assert (changed.status, changed.json()["version"], changed.json()["text"]) == (200, 2, "black")
    assert [found["id"] for found in client.get("/api/notes?q=BLACK").json()] == [note["id"]]
    assert client.get("/api/notes?q=green").json() == []
    deleted = client.delete(place)
    assert (deleted.status, deleted.content) == (204, b"")
    assert client.get(place).status == 404
    assert client.delete(place).status == 404


@pytest.mark.parametrize(
    ("content", "status", "detail"),
    [
        (b'{"title": ""}', 422, "A note needs a title."),
        (b'{"title": "x", "text": 5}', 422, "Title and text have to be texts."),
        (b'{"title": "\\u0000"}', 422, "Title and text may not contain control characters."),
        (b"[]", 400, "the content has to be an object"),
        (b"{", 400, None),
        (b"", 400, None),
        (b'{"title": "\xff"}', 400, None),
    ],
)
def test_json_that_is_no_note(client: TestClient, content: bytes, status: int, detail: str | None) -> None:
    """Each is refused with a reason, and nothing is kept."""
    refused = client.post("/api/notes", content=content, headers={"content-type": "application/json"})
    assert refused.status == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["detail"] == (detail or refused.json()["detail"])
    assert client.get("/api/notes").json() == []


def test_a_file(client: TestClient, folder: Path) -> None:
    """A file comes back to be kept, in whole and in part; it goes with its note, and when another replaces it."""
    note = add(client, **upload("größe.txt", b"0123456789"))
    place = f"/notes/{note['id']}/file"
    whole = client.get(place)
    assert (whole.status, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"].startswith("attachment;")
    assert "filename*=UTF-8''gr%C3%B6%C3%9Fe.txt" in whole.headers["content-disposition"]
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = client.get(place, headers={"range": "bytes=2-4"})
    assert (part.status, part.content) == (206, b"234")
    assert client.get(place, headers={"if-none-match": whole.headers["etag"]}).status == 304
    change = {"title": "Tea", "text": "", "version": "1"}
    assert client.post(f"/notes/{note['id']}", data=change, **upload("b.png", b"png", "image/png")).status == 303
    assert client.get(place).headers["content-type"] == "image/png"
    assert [path.read_bytes() for path in (folder / "files").iterdir()] == [b"png"]
    assert client.post(f"/notes/{note['id']}/delete").status == 303
    assert list((folder / "files").iterdir()) == []
    assert client.get(place).status == 404


@pytest.mark.parametrize("name", ["../../up.txt", "..\\up.txt", "x" * 300, "..", ""])
def test_names_of_files(client: TestClient, folder: Path, name: str) -> None:
    """A name never says where a file is kept, and can always be shown."""
    note = add(client, **upload(name, b"content"))
    if note["file_name"] is not None:
        assert re.fullmatch(r"[^/\\\x00-\x1f]{1,120}", note["file_name"])
        assert client.get(f"/notes/{note['id']}/file").content == b"content"
    kept = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("notes.db")]
    assert all(path.parent == folder / "files" and re.fullmatch("[0-9a-f]{32}", path.name) for path in kept)


def test_a_file_that_is_too_large(client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A thread may close a long file later than the descriptors are counted.
    monkeypatch.setattr(uploads, "CLOSED_AT_ONCE", 2**30)
    refused = client.post("/notes", data={"title": "large"}, **upload("large", bytes(10 * 2**20 + 1)))
    assert refused.status == 413
    assert client.get("/api/notes").json() == []
    assert list((folder / "files").iterdir()) == []


def test_two_writers(client: TestClient, folder: Path) -> None:
    """The second one is refused, as a page and as JSON, and their file is not kept."""
    note = add(client)
    place = f"/notes/{note['id']}"
    form = {"title": "Tea", "text": "first", "version": "1"}
    assert client.post(place, data=form).status == 303
    late = client.post(place, data={**form, "text": "late"}, headers=PAGE, **upload("late.txt", b"late"))
    assert late.status == 409
    assert "Somebody else has changed this note" in late.text
    assert "<h1" in late.text
    assert client.put(f"/api{place}", json={"title": "Tea", "text": "late", "version": 1}).status == 409
    assert client.put(f"/api{place}", json={"title": "Tea", "text": "late"}).status == 409
    assert client.get(f"/api{place}").json()["text"] == "first"
    assert list((folder / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin", "origin": "http://testserver"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site", "origin": "http://testserver"}, False),
        ({"host": "here:8000", "origin": "http://here:8000"}, True),
        ({"host": "here:8000", "origin": "http://here:8001"}, False),
        ({"host": "here:8000", "origin": "http://evil"}, False),
        ({"origin": "null"}, False),
    ],
)
def test_other_sites(client: TestClient, fields: dict[str, str], is_taken: bool) -> None:
    """A request that another site makes a browser send changes nothing; reading is not affected."""
    answer = client.post("/notes", data={"title": "Tea"}, headers=fields)
    assert answer.status == (303 if is_taken else 403)
    assert len(client.get("/api/notes", headers=fields).json()) == is_taken
    assert client.request("DELETE", "/api/notes/1", headers=fields).status == (204 if is_taken else 403)
    if is_taken:
        with client.websocket_connect("/live/people", headers=fields):
            return
    with pytest.raises(WebSocketRefused), client.websocket_connect("/live/people", headers=fields):
        pass


def test_each_response_is_restricted(client: TestClient) -> None:
    """Pages, files, JSON and errors say what a browser may do with them."""
    for path in ("/", "/static/notes.css", "/api/notes", "/nothing", "/notes/7/edit"):
        fields = client.get(path, headers=PAGE).headers
        assert fields["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in fields["content-security-policy"], path
        assert "frame-ancestors 'none'" in fields["content-security-policy"], path


def test_nothing_is_loaded_from_elsewhere() -> None:
    """Templates, style sheet and scripts name no other site, and have no style or script inside a tag."""
    for path in [*(EXAMPLES / "notes" / "templates").iterdir(), *(EXAMPLES / "notes" / "static").iterdir()]:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(| style=| on[a-z]+=", text), path


def test_errors(client: TestClient) -> None:
    """A browser gets a page, all others JSON; both say what is wrong."""
    for path in ("/nothing", "/notes/7/edit", "/notes/seven/edit", "/notes/99999999999999999999/file", "/api/nothing"):
        page, problem = client.get(path, headers=PAGE), client.get(path)
        assert (page.status, problem.status) == (404, 404), path
        assert "<h1" in page.text
        assert problem.json()["status"] == 404
    wrong = client.delete("/notes")
    assert (wrong.status, "POST" in wrong.headers["allow"]) == (405, True)
    assert client.post("/notes", data={"title": " "}, headers=PAGE).status == 422


def test_a_visitor_keeps_their_name(folder: Path) -> None:
    """The cookie of the first page names the author; a made-up cookie names nobody."""
    with TestClient(app) as client:
        name = name_of(client.get("/"))
        assert name_of(client.get("/")) == name
        assert add(client)["author"] == name
        assert "set-cookie" not in client.get("/").headers
        (cookie,) = client.get("/", headers={"cookie": "visitor=<b>"}).headers.get_all("set-cookie")
        assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.lower().split("; "))


def name_of(page: TestResponse) -> str:
    """The name by which a page calls its visitor."""
    found = re.search(r'id="visitor">([A-Z][a-z]+ [A-Z][a-z]+)<', page.text)
    assert found, page.text
    return found[1]


@pytest.mark.parametrize("word", ["", "quiet", "Quiet-Heron", "quiet-heron-x", "quiet-", "a-" + "b" * 21, "q\n-x"])
def test_no_name(word: str) -> None:
    assert name_in({"visitor": word}) is None
    assert name_in({"visitor": "quiet-heron"}) == "Quiet Heron"


def test_events(client: TestClient) -> None:
    """The stream begins with the count that the page has, and goes on after each change."""
    with client.stream("GET", "/live/notes") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = response.iter_events()
        first = int(next(events).data)
        assert f'data-changes="{first}"' in client.get("/").text
        note = add(client)
        assert int(next(events).data) == first + 1
        client.delete(f"/api/notes/{note['id']}")
        assert int(next(events).data) == first + 2
        assert f'data-changes="{first + 2}"' in client.get("/").text


def test_people(client: TestClient) -> None:
    """Everybody sees everybody, themselves marked, and what each writes, cut to a size; nonsense changes nothing."""
    client.get("/")
    with client.websocket_connect("/live/people") as first:
        assert [person["you"] for person in people(first, 1)] == [True]
        with client.websocket_connect("/live/people") as second:
            assert [person["you"] for person in people(first, 2)] == [True, False]
            for nonsense in ("", "{", "[]", '{"note": "x"}', b"\xff", '{"note": 1, "title": null, "text": ""}'):
                second.send(nonsense)
            second.send_json({"note": 3, "title": "Tea", "text": "x" * (SHOWN_AT_MOST + 1)})
            while (draft := people(first, 2)[1]["draft"]) is None:
                pass
            assert draft == {"note": 3, "title": "Tea", "text": "x" * SHOWN_AT_MOST}
        assert [person["you"] for person in people(first, 1)] == [True]


def people(socket: TestWebSocket, count: int) -> list[dict[str, Any]]:
    """Who is there, as soon as they are so many."""
    while len(found := socket.receive_json()["people"]) != count:
        pass
    assert all(re.fullmatch("[A-Z]{2}", person["initials"]) for person in found)
    return list(found)


def test_a_change_is_not_lost() -> None:
    """Who is busy while the count changes gets the latest one next, and no more."""

    async def scenario() -> None:
        changes = Changes()
        following = changes.follow()
        first = await anext(following)
        for _ in range(3):
            changes.publish()
        assert await anext(following) == first + 3
        changes.publish()
        assert await anext(following) == first + 4
        await following.aclose()

    asyncio.run(scenario())


def test_ctrl_c(folder: Path) -> None:
    """`make run` ends at once and quietly, although a page listens to a stream and to a WebSocket."""
    words = ("--timeout-graceful-shutdown", "1")
    with serving(*words, app="notes.app:app", folder=EXAMPLES) as served, ExitStack() as stack:
        for path, more in (("/live/notes", b""), ("/live/people", HANDSHAKE)):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=CHILD_SECONDS))
            sock.sendall(b"GET %b HTTP/1.1\r\nhost: x\r\n%b\r\n" % (path.encode(), more))
            assert sock.recv(12) in {b"HTTP/1.1 200", b"HTTP/1.1 101"}
        assert served.end(signal.SIGINT) == 0
        assert "Traceback" not in served.errors


def test_a_dataclass_with_a_status() -> None:
    """A tuple takes each value that becomes a response: a dataclass, and a list of them."""
    other = App()

    @other.get("/one")
    def one(_request: Request) -> tuple[Note, int]:
        return Note(title="Tea", text="", author="Quiet Heron"), 201

    @other.get("/all")
    async def all_of_them(_request: Request) -> tuple[list[Note], int, dict[str, str]]:
        return [Note(title="Tea", text="", author="Quiet Heron")], 203, {"x-count": "1"}

    with TestClient(other) as client:
        first, second = client.get("/one"), client.get("/all")
    assert (first.status, first.json()["title"], first.headers["content-type"]) == (201, "Tea", "application/json")
    assert (second.status, second.json()[0]["title"], second.headers["x-count"]) == (203, "Tea", "1")
