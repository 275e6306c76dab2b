"""`TestClient` and `AsyncTestClient` on a plain ASGI application: what arrives, and what comes back.

Native applications are tested in test_native_everywhere.py.
"""

import asyncio
import io
from collections.abc import Iterator
from email.message import Message
from typing import Any

import pytest
import testing_apps
from vitok.http.testing import AsyncTestClient, TestClient

pytestmark = pytest.mark.vitok_only


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    """What the application notices is of one test."""
    testing_apps.seen.clear()
    yield
    testing_apps.seen.clear()


@pytest.fixture
def client() -> TestClient:
    """A client without a lifespan."""
    return TestClient(testing_apps.app)


def fields_of(told: dict[str, Any]) -> dict[str, str]:
    """The header fields that have arrived."""
    return dict(told["headers"])


def test_what_arrives(client: TestClient) -> None:
    """Method, URL, query, fields and addresses are those of the request."""
    told = client.get("/a b/%2F/ä?x=1", params={"y": ["2", "3"]}, headers={"X-One": "1"}).json()
    assert (told["method"], told["scheme"]) == ("GET", "http")
    assert (told["path"], told["raw_path"]) == ("/a b///ä", "/a%20b/%2F/%C3%A4")
    assert told["query"] == "x=1&y=2&y=3"
    assert told["server"] == ["testserver", 80]
    assert told["client"] == ["127.0.0.1", 50000]
    fields = fields_of(told)
    assert (fields["host"], fields["x-one"]) == ("testserver", "1")
    assert "content-length" not in fields


def test_base_url_root_path_and_client() -> None:
    """The client of a test decides where the application seems to be, and who calls it."""
    client = TestClient(
        testing_apps.app,
        base_url="https://example.org:444",
        root_path="/app",
        client=("192.0.2.1", 9),
        headers={"A": "1"},
    )
    told = client.get("/x", headers={"a": "2"}).json()
    assert (told["scheme"], told["server"]) == ("https", ["example.org", 444])
    assert (told["path"], told["root_path"], told["client"]) == ("/app/x", "/app", ["192.0.2.1", 9])
    assert [value for name, value in told["headers"] if name == "a"] == ["2"]
    assert fields_of(client.get("http://[::1]:8/").json())["host"] == "[::1]:8"


def test_json_form_and_text(client: TestClient) -> None:
    """Content is given as JSON, as a form, as text or as bytes, with its media type and length."""
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"json": {"ä": [1, None]}}, "application/json", '{"ä":[1,null]}'),
        ({"data": {"a": "1 2", "b": ["x", "y"]}}, "application/x-www-form-urlencoded", "a=1+2&b=x&b=y"),
        ({"content": "text"}, "text/plain; charset=utf-8", "text"),
        ({"content": "text", "headers": {"Content-Type": "text/x"}}, "text/x", "text"),
    ]
    for options, media_type, content in cases:
        told = client.post("/", **options).json()
        assert fields_of(told)["content-type"] == media_type
        assert told["content"].encode("latin-1").decode() == content
        assert fields_of(told)["content-length"] == str(len(content.encode()))
    told = client.put("/", content=b"\x00").json()
    assert (told["content"], "content-type" in fields_of(told)) == ("\x00", False)
    assert fields_of(client.post("/").json())["content-length"] == "0"


def test_files(client: TestClient) -> None:
    """Fields and files are one multipart form."""
    opened = io.BytesIO(b"three")
    files = [("a", b"one"), ("a", ('t"wo.txt', "two")), ("b", ("x", opened, "image/png"))]
    told = client.post("/", data={"f": ["1", "2"]}, files=files).json()
    parts = form_of(fields_of(told)["content-type"], told["content"])
    assert parts == [
        ('form-data; name="f"', None, "1"),
        ('form-data; name="f"', None, "2"),
        ('form-data; name="a"; filename="a"', "application/octet-stream", "one"),
        ('form-data; name="a"; filename="t%22wo.txt"', "text/plain", "two"),
        ('form-data; name="b"; filename="x"', "image/png", "three"),
    ]


def form_of(content_type: str, content: str) -> list[tuple[str, str | None, str]]:
    """The parts of a multipart form, by a plain split."""
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    found: list[tuple[str, str | None, str]] = []
    for part in content.split(f"--{boundary}")[1:-1]:
        head, _, body = part.strip("\r\n").partition("\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.split("\r\n"))
        found.append((fields["Content-Disposition"], fields.get("Content-Type"), body))
    return found


def test_content_in_parts(client: TestClient) -> None:
    """An iterable is received part by part."""
    told = client.post("/", content=iter([b"one", b"two"])).json()
    assert (told["content"], told["parts"]) == ("onetwo", 3)
    assert fields_of(told)["transfer-encoding"] == "chunked"


def test_content_given_twice(client: TestClient) -> None:
    """Two kinds of content are an error that names both."""
    with pytest.raises(TypeError, match="json and data or files"):
        client.post("/", json=1, data={"a": "b"})


def test_responses(client: TestClient) -> None:
    """Status, fields, text and JSON of a response."""
    response = client.get("/x")
    assert (response.status, response.reason, response.is_success) == (200, "OK", True)
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["content-length"] == str(len(response.content))
    assert repr(response) == "<TestResponse 200 OK>"
    assert client.get("/latin").text == "ä"
    empty = client.get("/empty")
    assert (empty.status, empty.content, "content-length" in empty.headers) == (204, b"", False)
    head = client.head("/x")
    assert (head.content, head.headers["content-type"]) == (b"", "application/json")


def test_cookies(client: TestClient) -> None:
    """Cookies that a response sets are sent with later requests for their path, until a test deletes them."""
    response = client.get("/cookie")
    assert response.headers.get_all("set-cookie") == ["session=one; Path=/", "other=two; Path=/elsewhere"]
    assert response.cookies == {"session": "one", "other": "two"}
    assert fields_of(client.get("/x").json())["cookie"] == "session=one"
    assert sorted(fields_of(client.get("/elsewhere/x").json())["cookie"].split("; ")) == ["other=two", "session=one"]
    del client.cookies["session"]
    client.cookies["mine"] = "3"
    assert fields_of(client.get("/x").json())["cookie"] == "mine=3"
    assert dict(client.cookies) == {"other": "two", "mine": "3"}


def test_redirects(client: TestClient) -> None:
    """A redirect is a response unless it is to be followed; then method and content follow RFC 9110."""
    assert client.post("/redirect?303,/x").status == 303
    for status, method, content in ((303, "GET", ""), (302, "GET", ""), (307, "POST", '"a"'), (308, "POST", '"a"')):
        response = client.post(f"/redirect?{status},x", json="a", follow_redirects=True)
        told = response.json()
        assert (told["method"], told["content"], told["path"]) == (method, content, "/x")
        assert ("content-type" in fields_of(told)) == bool(content)
        assert (response.url, [one.status for one in response.history]) == ("http://testserver/x", [status])


def test_redirects_that_are_not_followed(client: TestClient) -> None:
    """What is elsewhere is not here, and a circle ends."""
    assert client.get("/redirect?302,https://example.org/", follow_redirects=True).status == 302
    with pytest.raises(RuntimeError, match="redirects more than 20 times"):
        client.get("/circle", follow_redirects=True)


def test_exceptions() -> None:
    """The exception of an application is raised, or becomes what a client of a server sees."""
    client = TestClient(testing_apps.app)
    for path in ("/fails", "/breaks"):
        with pytest.raises(ValueError, match="on purpose"):
            client.get(path)
    with pytest.raises(RuntimeError, match="returned without a response"):
        client.get("/silent")
    with pytest.raises(RuntimeError, match="4 bytes of content, and its content-length is 5"):
        client.get("/short")
    quiet = TestClient(testing_apps.app, raise_server_exceptions=False)
    assert (quiet.get("/fails").status, quiet.get("/silent").text) == (500, "Internal Server Error")
    with pytest.raises(ConnectionResetError):
        quiet.get("/breaks")


def test_what_follows_the_response(client: TestClient) -> None:
    """A request lasts until the application returns."""
    assert client.get("/after").text == "done"
    assert testing_apps.seen == ["after"]


def test_lifespan_and_one_loop() -> None:
    """Within the block the application has its state, and what belongs to a loop goes on from request to request."""
    with TestClient(testing_apps.app) as client:
        assert client.state is not None
        assert client.state["answer"] == client.get("/x").json()["answer"] == 42
        client.get("/puts")
        assert client.get("/takes").text == "something"
        assert not testing_apps.seen
        with pytest.raises(RuntimeError, match="in use"):
            client.__enter__()
    assert testing_apps.seen == ["ended"]
    assert TestClient(testing_apps.app).get("/x").json()["answer"] is None


def test_context_variables() -> None:
    """What a test sets, the application sees."""
    with TestClient(testing_apps.app) as client:
        token = testing_apps.word.set("set")
        assert client.get("/x").json()["word"] == "set"
        testing_apps.word.reset(token)
        assert client.get("/x").json()["word"] == "unset"


def test_a_start_that_fails() -> None:
    """The exception of a startup is raised, also if the application has reported it before."""

    async def raises(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "traceback"})
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"), TestClient(raises):
        raise AssertionError

    async def reports(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"), TestClient(reports):
        raise AssertionError


def test_asgi_2() -> None:
    """An application of ASGI 2 is called as one."""

    def app(scope: dict[str, Any]) -> Any:
        async def instance(receive: Any, send: Any) -> None:
            await testing_apps.answer(send, scope["path"].encode())

        return instance

    assert TestClient(app).get("/two").text == "/two"


def test_in_a_running_loop(loop: asyncio.AbstractEventLoop) -> None:
    """`AsyncTestClient` is the client for a loop that runs, of any kind; the other one says so."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="use AsyncTestClient"):
            TestClient(testing_apps.app).get("/")
        async with AsyncTestClient(testing_apps.app) as client:
            assert (await client.get("/x")).json()["answer"] == 42
            first, second = await asyncio.gather(client.get("/takes"), client.get("/puts"))
            assert (first.text, second.status) == ("something", 200)

            async def parts() -> Any:
                yield b"one"
                yield b"two"

            assert (await client.post("/x", content=parts())).json()["content"] == "onetwo"

    loop.run_until_complete(main())
    assert testing_apps.seen == ["ended"]
