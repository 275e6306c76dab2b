"""The notes of examples/notes under `vitok serve` and under uvicorn, in SQLite and PostgreSQL, with a plain client."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi import served
from children import APPS, CHILD_SECONDS, Flavour, Server
from needs import need_library

EXAMPLES = APPS.parents[2] / "examples"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
# A note with a file, as a browser sends it.
BOUNDARY = "----notes"
UPLOAD = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
PARTS = [
    ('name="title"', "List"),
    ('name="text"', "for Saturday"),
    ('name="file"; filename="list.txt"\r\nContent-Type: text/plain', "flour\n" * 50_000),
]


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """The URL of a database."""
    if request.param == "sqlite":
        return "sqlite:"
    need_library("asyncpg")
    return f"postgresql://tester@127.0.0.1:{request.getfixturevalue('postgres').port}/postgres"


@pytest.fixture
def server(plain_flavour: Flavour, url: str, tmp_path: Path) -> Iterator[Server]:
    """The notes in this database. It is the same for all tests with PostgreSQL."""
    where = {"NOTES_FOLDER": str(tmp_path / "data"), "NOTES_DATABASE": url}
    with served("notes.app:app", plain_flavour, folder=EXAMPLES, **where) as server:
        yield server


def ask(server: Server, method: str, path: str, content: str | None = None, **fields: str) -> tuple[int, bytes]:
    """Return the status and the content of a response."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=CHILD_SECONDS)
    try:
        connection.request(method, path, None if content is None else content.encode(), fields)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def notes(server: Server) -> list[dict[str, Any]]:
    """All notes."""
    found: list[dict[str, Any]] = json.loads(ask(server, "GET", "/api/notes")[1])
    return found


def test_a_life(server: Server) -> None:
    """A note by a form, changed by JSON, found by its words, and deleted."""
    assert ask(server, "POST", "/notes", "title=Gr%C3%BCn&text=%3Cb%3E", **FORM)[0] == 303
    note = notes(server)[0]
    assert (note["title"], note["text"]) == ("Grün", "<b>")
    assert "&lt;b&gt;" in ask(server, "GET", "/?q=GR%C3%9CN")[1].decode()
    place = f"/api/notes/{note['id']}"
    change = json.dumps({"title": "Blau", "text": "\u2713", "version": note["version"]})
    assert json.loads(ask(server, "PUT", place, change, **JSON)[1])["text"] == "\u2713"
    assert ask(server, "PUT", place, change, **JSON)[0] == 409
    assert ask(server, "DELETE", place)[0] == 204
    assert ask(server, "GET", place)[0] == 404
    assert ask(server, "GET", f"/api/notes/{2**63}")[0] == 404


def test_a_file(server: Server) -> None:
    """An upload comes back."""
    parts = "".join(f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n" for head, text in PARTS)
    assert ask(server, "POST", "/notes", f"{parts}--{BOUNDARY}--\r\n", **UPLOAD)[0] == 303
    note = notes(server)[0]
    assert (note["title"], note["file_name"], note["file_size"]) == ("List", "list.txt", 300_000)
    assert ask(server, "GET", f"/notes/{note['id']}/file") == (200, PARTS[-1][1].encode())
    assert ask(server, "POST", f"/notes/{note['id']}/delete", "", **FORM)[0] == 303
    assert ask(server, "GET", f"/notes/{note['id']}/file")[0] == 404


def test_events(server: Server) -> None:
    """A change is told to a client that listens."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=CHILD_SECONDS)
    connection.request("GET", "/live/notes")
    stream = connection.getresponse()
    try:
        first = next_event(stream)
        assert ask(server, "POST", "/notes", "title=new", **FORM)[0] == 303
        assert next_event(stream) == first + 1
    finally:
        stream.close()
        connection.close()


def next_event(stream: http.client.HTTPResponse) -> int:
    """The data of the next event."""
    while not (line := stream.readline()).startswith(b"data: "):
        assert line
    return int(line.removeprefix(b"data: "))
