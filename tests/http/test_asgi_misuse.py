"""Errors of an application: each raises where it is made, says what is wrong, and does the client no harm.

ASGI leaves the reaction to these open. Applications that fail by themselves are tested in test_asgi_failures.py.
"""

from collections.abc import Callable
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_support import GET, Answer, Site, request, respond, serving
from vitok.http.options import native_options
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]


class Tries:
    """An application that sends messages, and keeps what the last one raises; then does what `afterwards` says."""

    def __init__(self, *messages: Any, afterwards: Callable[..., Any] | None = None) -> None:
        self.messages = messages
        self.afterwards = afterwards
        self.error: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request with `/well` well, others with the messages."""
        if scope["path"] == "/well":
            await respond(send, b"well")
            return
        *good, bad = self.messages
        for message in good:
            await send(message)
        try:
            await send(bad)
        except Exception as error:
            self.error = error
            if self.afterwards is None:
                raise
        if self.afterwards is not None:
            await self.afterwards(send)


def served_well(site: Site) -> bool:
    """Whether other clients are served."""
    return site.ask(request("/well")).body == b"well"


def failed(site: Site, kind: type[BaseException], *words: str) -> None:
    """The application's error was reported, and says what was wrong."""
    [(message, error)] = site.hooks.take()
    assert message == "Exception in ASGI application"
    assert type(error) is kind, repr(error)
    assert all(word in str(error) for word in words), str(error)


def is_500(answer: Answer) -> bool:
    """Whether it is the server's own answer for an application that has none."""
    return answer.status == 500 and b"Internal Server Error" in answer.body


@pytest.mark.parametrize(
    ("bad", "kind", "word"),
    [
        (None, TypeError, "dict"),
        ("http.response.start", TypeError, "dict"),
        (17, TypeError, "dict"),
        ({}, TypeError, "type"),
        ({"type": None}, TypeError, "type"),
        ({"type": b"http.response.start"}, TypeError, "type"),
        ({"type": "http.response.push"}, RuntimeError, "http.response.push"),
        ({"type": "websocket.send"}, RuntimeError, "websocket.send"),
        ({"type": "lifespan.startup.complete"}, RuntimeError, "lifespan"),
        ({"type": "\ud800"}, Exception, ""),
        ({"type": "http.response.start"}, TypeError, "status"),
        ({"type": "http.response.start", "status": None}, TypeError, "status"),
        ({"type": "http.response.start", "status": "200"}, TypeError, "status"),
        ({"type": "http.response.start", "status": 200.0}, TypeError, "status"),
        ({"type": "http.response.start", "status": -1}, TypeError, "status"),
        ({"type": "http.response.start", "status": 1 << 70}, TypeError, "status"),
        ({"type": "http.response.start", "status": 200, "headers": 1}, TypeError, ""),
        ({"type": "http.response.start", "status": 200, "headers": [1]}, TypeError, "pair"),
        ({"type": "http.response.start", "status": 200, "headers": ["ab"]}, TypeError, "pair"),
        ({"type": "http.response.start", "status": 200, "headers": [b"ab"]}, TypeError, ""),
        ({"type": "http.response.start", "status": 200, "headers": [(b"a",)]}, TypeError, "pair"),
        ({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b", b"c")]}, TypeError, "pair"),
        ({"type": "http.response.start", "status": 200, "headers": [("a", "b")]}, TypeError, "bytes"),
        ({"type": "http.response.start", "status": 200, "headers": [(b"a", "b")]}, TypeError, "bytes"),
        ({"type": "http.response.start", "status": 200, "headers": [(b"a", 1)]}, TypeError, ""),
        ({"type": "http.response.start", "status": 200, "headers": [(b"a", None)]}, TypeError, ""),
        ({"type": "http.response.body", "body": b"x"}, RuntimeError, "http.response.start"),
        ({"type": "http.response.body"}, RuntimeError, "http.response.start"),
        ({"type": "http.response.trailers"}, RuntimeError, "http.response.start"),
    ],
)
def test_messages_that_cannot_begin_a_response(bad: Any, kind: type[Exception], word: str) -> None:
    """What is no message, or no beginning, raises in `send()`, and the client gets a 500."""
    application = Tries(bad)
    with serving(application) as site:
        client = site.connect()
        assert is_500(client.ask())
        [(_, error)] = site.hooks.take()
        assert error is application.error
        assert isinstance(error, kind), repr(error)
        assert word in str(error)
        assert served_well(site)


BAD_FIELDS = [(b"x-a", b"b\r\nset-cookie: c=d"), (b"x y", b"a")]


@pytest.mark.parametrize(("name", "value"), BAD_FIELDS)
@pytest.mark.parametrize("more", [False, True])
def test_injections(name: bytes, value: bytes, more: bool) -> None:
    """A header with a line break or another forbidden character is not sent: `send()` raises, the client gets 500."""
    with serving(Tries(start(200, (name, value)), body(b"x", more))) as site:
        answer = site.connect().ask()
        assert is_500(answer)
        assert (answer.all(b"set-cookie"), answer.all(b"x-a")) == ([], [])
        failed(site, RuntimeError, "field")
        assert served_well(site)


def test_a_length_that_is_none() -> None:
    """A Content-Length that is no number is refused as a header that cannot be sent."""
    with serving(Tries(start(200, (b"content-length", b"x")), body(b"x"))) as site:
        assert is_500(site.ask())
        failed(site, RuntimeError, "Content-Length")


def test_a_transfer_coding() -> None:
    """How a response is framed is not the application's to say: a Transfer-Encoding but `chunked` is refused."""
    with serving(Tries(start(200, (b"transfer-encoding", b"gzip")), body(b"x"))) as site:
        assert is_500(site.ask())
        failed(site, RuntimeError, "Transfer-Encoding")


@pytest.mark.parametrize("status", [0, 103, 65535])
def test_statuses_out_of_range(status: int) -> None:
    """A status that is not final, or none at all, is refused."""
    with serving(Tries(start(status), body(b"x"))) as site:
        assert is_500(site.ask())
        failed(site, RuntimeError, "status")
        assert served_well(site)


def test_a_bad_head_that_waits_for_content() -> None:
    """A head that cannot be sent is found at the end of the turn at the latest: the client gets 500, the error is told,
    and whatever the application sends then raises."""
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send(start(200, (b"x-a", b"b\r\nc: d")))
        await receive()
        await receive()
        try:
            await send(body(b"x"))
        except (RuntimeError, OSError) as error:
            errors.append(error)

    with serving(application) as site:
        assert is_500(site.ask())
        site.turn()
        [(message, nothing)] = site.hooks.take()
        assert nothing is None
        assert "field" in message
    assert len(errors) == 1


@pytest.mark.parametrize("waits", [False, True])
def test_starting_twice(waits: bool) -> None:
    """A second start raises; the response that has begun is not completed."""

    async def afterwards(send: Any) -> None:
        await send(body(b"x"))

    with serving(Tries(start(), start(), afterwards=afterwards)) as site:
        assert site.ask().body == b"x"
    with serving(Tries(start(), body(b"part", True), start())) as site:
        client = site.connect()
        client.send(GET)
        assert client.cut() == b"part"
        failed(site, RuntimeError, "once")


@pytest.mark.parametrize(
    "message", [start(), body(), body(b"more"), body(b"more", True), {"type": "http.response.trailers", "headers": []}]
)
def test_after_the_end(message: Any) -> None:
    """After the end of a response nothing follows: `send()` raises, and the connection is none the worse."""
    with serving(Tries(start(), body(b"x"), message)) as site:
        client = site.connect()
        assert client.ask().body == b"x"
        site.turn()
        failed(site, RuntimeError, "complete")
        assert client.ask(request("/well")).body == b"well"


def test_sending_into_the_next_request() -> None:
    """An application that still holds an old `send` cannot write into the response of the next request."""
    old: list[Any] = []
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for earlier in old:
            try:
                await earlier(start(299))
            except RuntimeError as error:
                errors.append(error)
        old.append(send)
        await respond(send)

    with serving(application) as site:
        client = site.connect()
        assert [client.ask().status for _ in range(3)] == [200] * 3
    assert len(errors) == 3


@pytest.mark.parametrize("data", [b"far too long", b"longer" * 10_000])
@pytest.mark.parametrize("more", [False, True])
def test_longer_than_announced(data: bytes, more: bool) -> None:
    """Content past the application's own Content-Length raises; nothing past it is sent, and the connection closes."""
    with serving(Tries(start(200, (b"content-length", b"5")), body(b"1234", True), body(data, more))) as site:
        client = site.connect()
        client.send(GET)
        assert client.cut() == b"1234"
        failed(site, RuntimeError, "longer", "Content-Length")
        assert served_well(site)


def test_shorter_than_announced() -> None:
    """Content short of the application's own Content-Length raises, and the connection closes: the client sees it."""
    with serving(Tries(start(200, (b"content-length", b"50")), body(b"1234", True), body(b"5"))) as site:
        client = site.connect()
        client.send(GET)
        head = client.head()
        assert head.one(b"content-length") == b"50"
        assert client.cut() in (b"1234", b"12345")
        failed(site, RuntimeError, "shorter", "Content-Length")
        assert served_well(site)


@pytest.mark.parametrize("data", [b"far too long", b"short", b"longer" * 10_000, b""])
def test_one_message_of_another_length_than_announced(data: bytes) -> None:
    """If the first message shows already that the length is wrong, nothing has left, and the client gets a 500."""
    with serving(Tries(start(200, (b"content-length", b"7")), body(data))) as site:
        assert is_500(site.ask())
        failed(site, RuntimeError, "Content-Length")
        assert served_well(site)


@pytest.mark.parametrize("content", ["text", "text" * 1000, 1, 1.5, ["a"], object()])
def test_content_that_is_no_bytes(content: Any) -> None:
    """Content must be bytes; a string is not encoded by guess."""
    with serving(Tries(start(), {"type": "http.response.body", "body": content})) as site:
        assert is_500(site.ask())
        [(_, error)] = site.hooks.take()
        assert isinstance(error, TypeError)
        assert served_well(site)


def test_a_mistake_that_is_caught() -> None:
    """An application that catches the error may go on with a good message."""

    async def afterwards(send: Any) -> None:
        await respond(send, b"better", 202)

    with serving(Tries(start(200, (b"x", b"\n")), body(b"x"), afterwards=afterwards)) as site:
        answer = site.ask()
        assert (answer.status, answer.body) == (202, b"better")


def test_headers_that_raise_while_they_are_read() -> None:
    """An iterable of headers that fails raises its own error in `send()`."""

    def headers() -> Any:
        yield (b"a", b"b")
        raise LookupError("no more")

    with serving(Tries({"type": "http.response.start", "status": 200, "headers": headers()})) as site:
        assert is_500(site.ask())
        failed(site, LookupError, "no more")


def test_headers_that_change_while_they_are_read() -> None:
    """Headers that run code while they are read, which changes the list, do no harm."""
    headers: list[Any] = []

    class Odd:
        def __iter__(self) -> Any:
            headers.clear()
            return iter((b"x-a", b"1"))

    headers.extend([Odd(), (b"x-b", b"2"), (b"x-c", b"3")])

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send(body(b"x"))

    with serving(application) as site:
        answer = site.ask()
        assert (answer.one(b"x-a"), answer.one(b"x-b")) == (b"1", None)


@pytest.mark.parametrize("arguments", [(), (1, 2)])
def test_wrong_calls(arguments: Any) -> None:
    """`send` takes one message and `receive` nothing; anything else is a TypeError."""
    errors = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        for function, given in ((send, arguments), (receive, (1,))):
            try:
                function(*given)
            except TypeError as error:
                errors.append(error)
        await respond(send)

    with serving(application) as site:
        assert site.ask().status == 200
    assert len(errors) == 2


@http1_only("no client asks")
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"no_such": 1}, ValueError),
        ({"limit_concurrency": -1}, ValueError),
        ({"limit_request_line": "8"}, TypeError),
        ({"timeout_header": -1}, ValueError),
        ({"timeout_header": float("nan")}, ValueError),
        ({"timeout_header": float("inf")}, ValueError),
        ({"server_header": "text"}, TypeError),
        ({"server_header": b"a\r\nb"}, ValueError),
        ({"headers": [(b"a", b"b\n")]}, ValueError),
        ({"headers": [(b"a b", b"b")]}, ValueError),
        ({"headers": [("a", "b")]}, TypeError),
        ({"state": []}, TypeError),
        ({"root_path": b"x"}, TypeError),
        ({1: 2}, ValueError),
        ({"backlog_bytes": -1}, ValueError),
        ({"requests_per_turn": 1.5}, TypeError),
        ({"linger_seconds": "2"}, TypeError),
        ({"disconnect_grace_seconds": float("nan")}, ValueError),
        ({"date_header": None}, TypeError),
        ({"ws": "websockets"}, ValueError),
        ({"ws_max_queue": -1}, ValueError),
        ({"ws_ping_interval": float("inf")}, ValueError),
        ({"ws_window_bits": 8}, ValueError),
    ],
)
def test_options_that_are_none(options: Any, kind: type[Exception]) -> None:
    """An option that is unknown or has an unusable value is refused by the constructor, which names it."""
    import vitok
    from vitok import _native

    loop = vitok.new_event_loop()
    try:
        with pytest.raises(kind) as caught:
            _native.HttpServer(loop, respond, {**native_options(), **options}, None)
        name = next(iter(options))
        assert str(name) in str(caught.value) or name == 1
        with pytest.raises(TypeError):
            _native.HttpServer(loop, "no callable", native_options(), None)  # type: ignore[arg-type, unused-ignore]
    finally:
        loop.close()


@http1_only("no client asks")
def test_an_option_without_a_default() -> None:
    """Every option and every limit has to be given: the native server has no defaults of its own."""
    import vitok
    from vitok import _native

    loop = vitok.new_event_loop()
    try:
        for name in native_options():
            given = native_options()
            del given[name]
            with pytest.raises(TypeError, match=f"the option {name} of an HTTP server is missing"):
                _native.HttpServer(loop, respond, given, None)
    finally:
        loop.close()
