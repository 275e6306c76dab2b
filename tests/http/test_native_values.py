"""What an endpoint returns, as a response: values of every kind, on the plain and on the async path."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgi_support import request, serving
from native_support import Row, a_coroutine, compiled, plain
from vitok import _native
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]

Returns = Callable[[Any], Row]


def returns_plainly(value: Any) -> Row:
    """A plain function that returns it."""
    return plain(lambda _: value)


def returns_at_once(value: Any) -> Row:
    """A coroutine function that returns it in its first step."""

    async def endpoint(_: _native.Request) -> Any:
        return value

    return a_coroutine(endpoint)


def returns_later(value: Any) -> Row:
    """One that waits first."""

    async def endpoint(_: _native.Request) -> Any:
        await asyncio.sleep(0)
        return value

    return a_coroutine(endpoint)


@pytest.fixture(params=[returns_plainly, returns_at_once, returns_later])
def returns(request: pytest.FixtureRequest) -> Returns:
    """Each kind of endpoint."""
    made: Returns = request.param
    return made


VALUES = [
    ("text", 200, b"OK", b"text/plain; charset=utf-8", b"text"),
    ("", 200, b"OK", b"text/plain; charset=utf-8", b""),
    ("h\xe9 \u20ac", 200, b"OK", b"text/plain; charset=utf-8", "h\xe9 \u20ac".encode()),
    ("x" * 100_000, 200, b"OK", b"text/plain; charset=utf-8", b"x" * 100_000),
    (b"bytes\0", 200, b"OK", b"application/octet-stream", b"bytes\0"),
    (b"x" * 100_000, 200, b"OK", b"application/octet-stream", b"x" * 100_000),
    ({"a": [1, None]}, 200, b"OK", b"application/json", b'{"a":[1,null]}'),
    ([], 200, b"OK", b"application/json", b"[]"),
    (True, 200, b"OK", b"application/json", b"true"),
    (7, 200, b"OK", b"application/json", b"7"),
    (None, 204, b"No Content", None, b""),
    (("made", 201), 201, b"Created", b"text/plain; charset=utf-8", b"made"),
    ((None, 202), 202, b"Accepted", None, b""),
    (({"a": 1}, 404, {"content-type": "application/x"}), 404, b"Not Found", b"application/x", b'{"a":1}'),
    (("x", 499, [("X-A", "1")]), 499, b"", b"text/plain; charset=utf-8", b"x"),
]


@pytest.mark.parametrize(("value", "status", "reason", "kind", "content"), VALUES)
def test_a_value_becomes_a_response(
    returns: Returns, value: Any, status: int, reason: bytes, kind: bytes | None, content: bytes
) -> None:
    """Each kind of value, as GET gets it and twice on a connection."""
    with serving(compiled(returns(value))) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert (answer.line, answer.one(b"content-type")) == (client.line_of(status, reason), kind)
            assert answer.body == content
        assert site.http.connections == 1


def test_a_response_has_its_fields(returns: Returns) -> None:
    """A Response, whose object may be sent more than once."""
    response = _native.Response("body", 418, [("X-One", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
    response._set("x-one", "\xe9")
    with serving(compiled(returns(response))) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert answer.status == 418
            assert (answer.one(b"x-one"), answer.body) == (b"\xe9", b"body")
            assert answer.all(b"set-cookie") == [b"a=1", b"b=2"]


def test_head_has_the_length_and_no_content(returns: Returns) -> None:
    """HEAD is answered by the route for GET; the next response begins where it should."""
    with serving(compiled(returns("five!"))) as site:
        client = site.connect()
        answer = client.ask(request(method="HEAD"))
        assert (answer.one(b"content-length"), answer.line) == (b"5", client.line_of(200, b"OK"))
        assert client.ask().body == b"five!"


NO_VALUES = [object(), ("x",), ("x", "y"), ("x", 20), ("x", 200, 5), ("x", 200, {"a\n": "b"}), (("x", 200), 200)]


@pytest.mark.parametrize("value", NO_VALUES)
def test_other_values_are_errors(returns: Returns, value: Any) -> None:
    """The error is reported, and the client gets 500 without details."""
    with serving(compiled(returns(value))) as site:
        client = site.connect()
        answer = client.ask()
        assert answer.line == client.line_of(500, b"Internal Server Error")
        assert b"object" not in answer.body
        [(_, error)] = site.hooks.errors
        assert isinstance(error, (TypeError, ValueError))
        site.hooks.errors.clear()


def test_another_value_is_converted(returns: Returns) -> None:
    """By the function of the application, which gets the request too."""

    def values(value: Any, request: _native.Request) -> Any:
        return f"{value.real} for {request.path}"

    with serving(compiled(returns(1j), values=values)) as site:
        assert site.ask().body == b"0.0 for /"
