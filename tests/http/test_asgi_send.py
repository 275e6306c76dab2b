"""`send()`: how messages become a response, and what the server adds to it.

ASGI HTTP specification, "Response Start" and "Response Body". The framing is tested in crates/wire and crates/http,
errors of applications in test_asgi_misuse.py.
"""

import asyncio
from collections import UserDict
from types import MappingProxyType
from typing import Any

import pytest
from asgi_messages import body, sends, start
from asgi_support import GET, Gate, request, respond, serving
from wires import both_wires, http1_only, in_order

pytestmark = [pytest.mark.vitok_only, both_wires]


def test_one_message_has_a_length() -> None:
    """A response whose content is one message has a Content-Length, and the connection goes on."""
    with serving(sends(start(), body(b"hello"))) as site:
        client = site.connect()
        for _ in range(3):
            answer = client.ask()
            assert (answer.line, answer.body) == (client.line_of(200, b"OK"), b"hello")
            assert answer.one(b"content-length") == b"5"
            assert answer.one(b"connection") is None
        assert site.http.connections == 1


def test_several_messages_are_chunks() -> None:
    """Content that comes in several messages is chunked, a chunk to a message; an empty message is no chunk."""
    application = sends(start(), body(b"ab", True), body(b"", True), body(b"c" * 5000, True), body(b"d"))
    with serving(application) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert client.has_no_length(answer)
            assert answer.chunks == [b"ab", b"c" * 5000, b"d"]


def test_an_empty_response() -> None:
    """No content is a Content-Length of 0; `body`, `more_body` and `headers` may be left out."""
    bare = sends({"type": "http.response.start", "status": 200}, {"type": "http.response.body"})
    for application in (bare, sends(start(), body())):
        with serving(application) as site:
            answer = site.ask()
            assert (answer.one(b"content-length"), answer.body) == (b"0", b"")


@http1_only("names of fields are in lower case in HTTP/2")
def test_headers_keep_order_duplicates_and_case() -> None:
    """Fields leave in the application's order, duplicates with them, before those that the server adds."""
    fields = [(b"set-cookie", b"a=1"), (b"X-Mixed", b"Case"), (b"set-cookie", b"b=2"), (b"x-empty", b"")]
    with serving(sends(start(200, *fields), body(b"x"))) as site:
        client = site.connect()
        client.send(GET)
        lines = [client.line() for _ in range(5)]
        assert lines[1:] == [b"set-cookie: a=1", b"X-Mixed: Case", b"set-cookie: b=2", b"x-empty: "]


def test_headers_keep_order_and_duplicates() -> None:
    """The same, whatever becomes of the case; in HTTP/2 fields of one name come together."""
    fields = [(b"set-cookie", b"a=1"), (b"X-Mixed", b"Case"), (b"set-cookie", b"b=2"), (b"x-empty", b"")]
    with serving(sends(start(200, *fields), body(b"x"))) as site:
        assert site.ask().fields[:4] == in_order(*((name.lower(), value) for name, value in fields))


@pytest.mark.parametrize(
    "headers",
    [
        [[b"x-a", b"1"], [b"x-b", b"2"]],
        ((b"x-a", b"1"), (b"x-b", b"2")),
        [(bytearray(b"x-a"), bytearray(b"1")), (memoryview(b"x-b"), memoryview(b"2"))],
        {b"x-a": b"1", b"x-b": b"2"}.items(),
        lambda: iter([(b"x-a", b"1"), [b"x-b", bytearray(b"2")]]),
        lambda: (pair for pair in [(b"x-a", b"1"), (b"x-b", b"2")]),
    ],
    ids=["lists", "tuples", "other bytes", "items", "iterator", "generator"],
)
def test_headers_of_all_kinds(headers: Any) -> None:
    """Headers are any iterable of pairs, and what is in them is anything of bytes."""
    made = headers() if callable(headers) else headers
    with serving(sends({"type": "http.response.start", "status": 200, "headers": made}, body())) as site:
        answer = site.ask()
        assert (answer.one(b"x-a"), answer.one(b"x-b")) == (b"1", b"2")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [10, 100_000])
def test_content_of_all_kinds(kind: Any, size: int) -> None:
    """Content is anything of bytes."""
    data = bytes(range(256)) * (size // 256 + 1)
    with serving(sends(start(), body(kind(data)))) as site:
        assert site.ask().body == data


def test_content_that_changes_after_send() -> None:
    """What `send()` has taken is not changed by what the application does to its bytearray afterwards."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        data = bytearray(b"a" * 300_000)
        name, value = bytearray(b"x-a"), bytearray(b"1")
        await send({"type": "http.response.start", "status": 200, "headers": [(name, value)]})
        name[:], value[:] = b"y-b", b"2"
        await send(body(data, True))
        data[:] = b"b" * len(data)
        await send(body(data))

    with serving(application) as site:
        answer = site.ask()
        assert answer.body == b"a" * 300_000 + b"b" * 300_000
        assert answer.one(b"x-a") == b"1"


class Named(dict[str, Any]):
    """A dict of another class."""


def _with_made_keys(message: dict[str, Any]) -> dict[str, Any]:
    """The same items with keys that are other objects than the names in the code."""
    return {"".join(list(key)): value for key, value in message.items()}


def _with_more(message: dict[str, Any]) -> dict[str, Any]:
    return {"extra": None, **message, "more": 1, "trailers": False}


@pytest.mark.parametrize("kind", [MappingProxyType, UserDict, Named, _with_made_keys, _with_more])
def test_messages_of_all_kinds(kind: Any) -> None:
    """A message is a mapping; it need not be a dict."""
    with serving(sends(kind(start(200, (b"x-a", b"1"))), kind(body(b"hello")))) as site:
        assert (answer := site.ask()).body == b"hello"
        assert answer.one(b"x-a") == b"1"


def test_the_head_leaves_at_the_end_of_the_turn() -> None:
    """A head without content leaves in the same turn, so that the client sees it while the application works."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"x-a", b"1")))
        await gate.wait()
        await send(body(b"one", True))
        await gate.wait()
        await send(body(b"two"))

    with serving(application) as site:
        client = site.connect()
        client.send(GET)
        head = client.head()
        assert client.has_no_length(head)
        assert client.has_nothing()
        site.wait(lambda: gate.waiting)
        gate.open()
        assert client.content(3) == b"one"
        assert client.has_nothing()
        site.wait(lambda: gate.waiting)
        gate.open()
        assert client.content(3) == b"two"
        client.finish()


def test_send_works_when_it_is_called() -> None:
    """`send()` takes its message when it is called: whoever awaits it late, or in another task, sends in this order."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        waits = [send(start()), send(body(b"a", True)), send(body(b"b", True)), send(body(b"c"))]
        for wait in waits:
            await wait

    with serving(application) as site:
        assert site.ask().body == b"abc"


def test_content_from_several_tasks() -> None:
    """Tasks of one request may send in turns."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await asyncio.gather(*(send(body(b"%d" % number, True)) for number in range(10)))
        await send(body())

    with serving(application) as site:
        assert sorted(site.ask().chunks) == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("count", [1, 2, 200])
@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 16_384, 65_536])
def test_pieces_of_all_sizes(size: int, count: int) -> None:
    """Content of any size arrives whole, copied behind its head or sent from where it lies."""
    pieces = [bytes([index % 251]) * size for index in range(count)]
    messages = [body(piece, index < count - 1) for index, piece in enumerate(pieces)]
    with serving(sends(start(), *messages)) as site:
        client = site.connect()
        assert client.ask().body == b"".join(pieces)
        assert client.ask().body == b"".join(pieces)


def test_server_and_date() -> None:
    """Every response has `server` and `date`, unless the application has written its own."""
    with serving(sends(start(), body())) as site:
        answer = site.ask()
        assert answer.one(b"server") == b"vitok"
        assert answer.one(b"date") is not None
    own = [(b"Server", b"mine"), (b"Date", b"never")]
    with serving(sends(start(200, *own), body())) as site:
        answer = site.ask()
        assert (answer.all(b"server"), answer.all(b"date")) == ([b"mine"], [b"never"])


def test_responses_after_which_work_goes_on() -> None:
    """What an application does after its response does not hold up the next request of the connection."""
    gate = Gate()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, scope["path"].encode())
        if scope["path"] == "/slow":
            await gate.wait()

    with serving(application) as site:
        client = site.connect()
        assert client.ask(request("/slow")).body == b"/slow"
        assert client.ask(request("/quick")).body == b"/quick"
        assert (gate.waiting, site.http.running) == (1, 1)
        assert client.ask(request("/slow")).body == b"/slow"
        assert (gate.waiting, site.http.running) == (2, 2)
        gate.open()
        site.wait(lambda: site.http.running == 0)
        assert client.ask(request("/quick")).body == b"/quick"
