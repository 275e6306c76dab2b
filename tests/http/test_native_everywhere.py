"""A native application answers alike natively, by ASGI on our own server, under uvicorn and in process."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import ANY

import native_apps
import pytest
from everywhere import HOST, WAYS, Way, running

pytestmark = pytest.mark.vitok_only

TEXT, JSON, PROBLEM = "text/plain; charset=utf-8", "application/json", "application/problem+json"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}
UPLOAD = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: text/x\r\n\r\nabc\r\n--b--\r\n" + b""
)
# Target, status, content type and content of the response to GET. `Any` is not compared.
RESPONSES: list[tuple[str, int, str | None, Any]] = [
    ("/", 200, TEXT, "Hällo"),
    ("/later", 200, TEXT, "later"),
    ("/blocking", 200, TEXT, "blocking"),
    ("/bytes", 200, "application/octet-stream", b"\x00\xff"),
    ("/json", 200, JSON, '{"ä":[1,null,2.5,true]}'),
    ("/list", 202, JSON, "[1,2]"),
    ("/point", 200, JSON, '{"x":1,"y":2}'),
    ("/none", 204, None, b""),
    ("/html", 200, "text/html; charset=utf-8", "<p>ä</p>"),
    ("/users/7", 200, JSON, '{"id":7,"path":"/users/4"}'),
    ("/users/-7", 200, JSON, Any),
    ("/users/ada", 200, TEXT, "name ada"),
    ("/users/a%2Fb%20%C3%A4", 200, TEXT, "name a/b ä"),
    ("/rest/a/b%2Fc/", 200, TEXT, "a/b/c/"),
    ("/file", 200, "text/plain; charset=utf-8", "A file that is served everywhere.\n" * 100),
    ("/stream", 200, "text/plain", "0\n1\n2\n"),
    ("/redirect", 303, Any, Any),
    ("/error", 409, PROBLEM, Any),
    ("/lookup", 404, TEXT, "KeyError 'there'"),
    ("/fails", 500, Any, Any),
    ("/wrong", 500, Any, Any),
    ("/nowhere", 404, PROBLEM, Any),
    ("/read", 405, PROBLEM, Any),
    ("/?stop=1", 418, TEXT, "stopped"),
    ("/nowhere?stop=1", 418, TEXT, "stopped"),
    ("/%00", 400, PROBLEM, Any),
    ("/%ff", 400, PROBLEM, Any),
    ("/old", 200, "text/plain", Any),
    ("/api/things/a%20b", 200, JSON, '["/api/things/a b","a b"]'),
    ("/api/nowhere", 404, PROBLEM, Any),
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """The application, running in each way."""
    with running(request.param, native_apps.app) as found:
        yield found


def test_responses(way: Way) -> None:
    """Status, content type and content; the same without content for HEAD."""
    for target, status, content_type, content in RESPONSES:
        answer, head = way.ask("GET", target), way.ask("HEAD", target)
        found = (target, answer.status, answer.field("content-type"), answer.content)
        wanted = content.encode() if isinstance(content, str) else content
        assert found == (target, status, *(ANY if one is Any else one for one in (content_type, wanted)))
        assert (target, head.status, head.content) == (target, status, b"")
        # HEAD may leave out the length of what it leaves out; some content names the method.
        without_length = [pair for pair in answer.fields if pair[0] != "content-length"]
        marked = [(name, "HEAD" if name == "x-after" else value) for name, value in without_length]
        assert (target, [pair for pair in head.fields if pair[0] != "content-length"]) == (target, marked)


def test_middleware_and_hooks(way: Way) -> None:
    """Middleware surrounds everything, also 404 and 405; hooks are called within."""
    for target, status in (("/", 200), ("/nowhere", 404), ("/read", 405), ("/lookup", 404), ("/api/things/x", 200)):
        answer = way.ask("GET", target)
        assert (answer.status, answer.field("x-outer"), answer.field("x-after")) == (status, str(status), "GET")
    before = way.ask("GET", "/later", {"X-Before": "1"})
    assert (before.content, before.field("x-outer")) == (b"before", "200")
    assert way.ask("GET", "/?stop=1").field("x-outer") is None


def test_methods(way: Way) -> None:
    """OPTIONS and 405 tell the methods of a path."""
    options = way.ask("OPTIONS", "/json")
    assert (options.status, options.content) == (204, b"")
    refused = way.ask("POST", "/json", content=b"")
    assert refused.status == 405
    for answer in (options, refused):
        allowed = answer.field("allow")
        assert allowed is not None
        assert {"GET", "HEAD", "PUT", "OPTIONS"} == {method.strip() for method in allowed.split(",")}
    assert way.ask("PUT", "/json", content=b"").status == 200


def test_the_head_of_a_request(way: Way) -> None:
    """A request tells the same of its head."""
    fields = {"X-Some": "one", "Cookie": "a=1; b=2"}
    told = way.ask("GET", "/head?a=1&b=%20x&a=2", fields).json()
    assert told == {
        "method": "GET",
        "path": "/head",
        "raw_path": "/head",
        "query": "a=1&b=%20x&a=2",
        "values": [["a", "1"], ["b", " x"]],
        "all": ["1", "2"],
        "header": "one",
        "cookies": {"a": "1", "b": "2"},
        "host": HOST,
        "scheme": "http",
        "version": way.version,
        "url": f"http://{HOST}/head?a=1&b=%20x&a=2",
        "answer": 42,
        "client": "127.0.0.1",
        "route": "/head",
    }


def test_the_state_is_of_one_request(way: Way) -> None:
    """What a handler adds to it is gone with the request."""
    for _ in range(2):
        assert way.ask("GET", "/state").json() == ["answer"]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_content(way: Way, is_chunked: bool) -> None:
    """Content arrives whole, or in parts, in plain and in async functions."""

    def content(data: bytes) -> Any:
        return iter([data[:2], data[2:]]) if is_chunked else data

    told = way.ask("POST", "/read", {"Content-Type": "text/x"}, content(b"hello")).json()
    assert told == {"content": "hello", "length": None if is_chunked else 5, "type": "text/x"}
    assert way.ask("POST", "/body", content=content(b"\x00\xff!")).content == b"\x00\xff!"
    assert way.ask("POST", "/parts", content=content(b"x" * 5000)).content == b"5000"
    value = way.ask("POST", "/echo-json", {"Content-Type": JSON}, content(b'{"a": [1, "\xc3\xa4"]}'))
    assert value.content == '{"value":{"a":[1,"ä"]}}'.encode()
    form = way.ask("POST", "/form", FORM, content(b"title=a+b&tag=1&tag=%C3%A4")).json()
    assert form == {"title": "a b", "all": ["1", "ä"]}
    uploaded = way.ask("POST", "/upload", BOUNDARY, content(UPLOAD)).json()
    assert uploaded == {"name": "a.txt", "type": "text/x", "content": "abc"}


REFUSED: list[tuple[str, dict[str, str], bytes, int]] = [
    ("/body", {}, b"x" * 1001, 413),
    ("/read", {}, b"x" * 1001, 413),
    ("/echo-json", {"Content-Type": JSON}, b'{"a":', 400),
    ("/echo-json", {"Content-Type": "text/plain"}, b"{}", 415),
    ("/form", {"Content-Type": JSON}, b"{}", 415),
    ("/upload", {"Content-Type": "multipart/form-data"}, b"", 400),
]


def test_content_that_is_refused(way: Way) -> None:
    """It is refused with a problem that says why."""
    for target, fields, content, status in REFUSED:
        answer = way.ask("POST", target, fields, content)
        assert (target, answer.status, answer.field("content-type")) == (target, status, PROBLEM)
        problem = answer.json()
        assert problem["status"] == status
        assert problem["detail"]


def test_problems(way: Way) -> None:
    """The content of errors: what an HTTPError says, and nothing of an exception."""
    problem = way.ask("GET", "/error")
    assert problem.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "twice",
        "existing": 7,
    }
    assert problem.field("x-two") == "2"
    failed = way.ask("GET", "/fails")
    assert (failed.status, b"secret" in failed.content) == (500, False)


def test_cookies_and_redirects(way: Way) -> None:
    """Repeated fields stay apart."""
    answer = way.ask("GET", "/cookie")
    found = [value for name, value in answer.fields if name == "set-cookie"]
    assert [value.partition(";")[0] for value in found] == ["other=two", "session=one"]
    assert way.ask("GET", "/redirect").field("location") == "/later"


def test_files(way: Way) -> None:
    """Ranges, conditions and names of files."""
    whole = way.ask("GET", "/file")
    tag = whole.field("etag")
    assert tag
    part = way.ask("GET", "/file", {"Range": "bytes=2-5"})
    assert (part.status, part.content, part.field("content-range")) == (206, b"file", "bytes 2-5/3400")
    parts = way.ask("GET", "/file", {"Range": "bytes=0-0,2-5"})
    assert parts.status == 206
    assert (parts.field("content-type") or "").startswith("multipart/byteranges")
    assert parts.content.count(b"\r\n\r\n") == 2
    assert way.ask("GET", "/file", {"Range": "bytes=9999-"}).status == 416
    same = way.ask("GET", "/file", {"If-None-Match": tag})
    assert (same.status, same.content, same.field("etag")) == (304, b"", tag)
    assert "filename*=UTF-8''%C3%A4.txt" in (way.ask("GET", "/download").field("content-disposition") or "")


def test_events(way: Way) -> None:
    """Events have their type and no length."""
    answer = way.ask("GET", "/events")
    assert (answer.field("content-type") or "").startswith("text/event-stream")
    lines = [line for line in answer.content.decode().splitlines() if line.startswith("data")]
    assert lines == ["data: one", 'data: {"two":2}']
    assert answer.field("content-length") is None


def test_websockets(way: Way) -> None:
    """A WebSocket tells the same of its handshake, and its messages and its end arrive."""
    with way.websocket("/chat/7?a=1", ("other", "chat")) as socket:
        assert socket.subprotocol == "chat"
        scheme = "ws"
        assert socket.receive() == f'["/chat/7",7,"1","{HOST}","{scheme}",42]'
        for message in ("text", b"bytes", "x" * 1000):
            socket.send(message)
            assert socket.receive() == message
        socket.send("close")
        assert socket.receive() == (4000, "bye")
    with way.websocket("/chat/7") as socket:
        socket.receive()
        socket.send("fail")
        assert socket.receive() == (1011, "")


def test_websockets_that_are_refused(way: Way) -> None:
    """A handler refuses by a response or by nothing; without a route the client gets 403 or 404."""
    for target, statuses in (
        ("/refused", {401}),
        ("/silent", {403}),
        ("/nowhere", {403, 404}),
        ("/chat/x", {403, 404}),
    ):
        with way.websocket(target) as answer:
            assert answer.status in statuses
    with way.websocket("/old/x") as socket:
        assert socket.receive() == "/old /old/x"


def test_a_root_path() -> None:
    """Under a root path routes and paths are the same."""
    for way in WAYS:
        with running(way, native_apps.app, root_path="/prefix") as found:
            assert found.ask("GET", "/users/7").json() == {"id": 7, "path": "/users/4"}, way
            assert found.ask("GET", "/head").json()["path"] == "/head", way
