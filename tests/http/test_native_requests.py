"""Requests of a native application, on their connections: order, persistence, content, and requests that are kept."""

import asyncio
import gc
import sys
import weakref
from typing import Any

import pytest
from asgi_support import GET, Gate, request, serving
from native_support import a_coroutine, compiled, plain
from vitok import _native
from wires import both_wires, http1_only

pytestmark = [pytest.mark.vitok_only, both_wires]


@http1_only("pipelining")
def test_pipelined_requests_are_answered_in_order() -> None:
    """In a loop and not by recursion, on both paths in turn."""

    def at_once(request: _native.Request) -> Any:
        return f"{request.query_string.decode()};{depth()}"

    async def later(request: _native.Request) -> Any:
        await asyncio.sleep(0)
        return f"{request.query_string.decode()};{depth()}"

    count = 500
    with serving(compiled(plain(at_once), a_coroutine(later, "/later"))) as site:
        client = site.connect()
        client.send(b"".join(request(f"/{'later' if place % 7 == 0 else ''}?{place}") for place in range(count)))
        answers = [client.answer().body.split(b";") for _ in range(count)]
        assert [int(place) for place, _ in answers] == list(range(count))
        assert len({depth for _, depth in answers}) <= 2


def depth() -> int:
    """The number of frames."""
    frame, frames = sys._getframe(), 0
    while frame is not None:
        frame, frames = frame.f_back, frames + 1  # type: ignore[assignment]
    return frames


@http1_only("pipelining")
def test_the_next_request_waits_for_a_task() -> None:
    """A connection answers one at a time."""
    gate = Gate()

    async def waits(_: _native.Request) -> Any:
        await gate.wait()
        return "first"

    with serving(compiled(a_coroutine(waits, "/wait"), plain(lambda _: "second"))) as site:
        client = site.connect()
        client.send(request("/wait") + GET)
        site.wait(lambda: gate.waiting)
        assert client.has_nothing()
        gate.open()
        assert [client.answer().body, client.answer().body] == [b"first", b"second"]


@http1_only("the end of a connection")
def test_http_1_0_and_connection_close() -> None:
    """The connection ends, or stays where the client asks for it."""
    with serving(compiled(plain(lambda _: "x"))) as site:
        client = site.connect()
        answer = client.ask(request("/", "connection: keep-alive", version="1.0"))
        assert (answer.one(b"connection"), answer.body) == (b"keep-alive", b"x")
        assert client.ask(request(version="1.0")).body == b"x"
        assert client.rest() == b""
        client = site.connect()
        assert client.ask(request("/", "connection: close")).one(b"connection") == b"close"
        assert client.rest() == b""


def test_content_that_nobody_reads() -> None:
    """It is passed over, whether or not it has arrived when the response leaves."""
    with serving(compiled(plain(lambda _: "x"), a_coroutine(nothing_read, "/async"))) as site:
        client = site.connect()
        for target in ("/", "/async"):
            assert client.ask(request(target, method="POST", body=b"content")).body == b"x"
            assert client.ask(GET).body == b"x"


async def nothing_read(_: _native.Request) -> Any:
    """Answer at once."""
    return "x"


def test_a_plain_function_gets_the_whole_content() -> None:
    """It is called once everything has arrived, and reads without waiting."""
    called = []

    def echo(request: _native.Request) -> Any:
        called.append(request.path)
        return request.read()

    content = bytes(range(256)) * 1000
    with serving(compiled(plain(echo))) as site:
        client = site.connect()
        assert client.ask(request(method="POST", body=b"short")).body == b"short"
        whole = request(method="POST", body=content)
        client.send(whole[:100])
        site.turn()
        client.send(whole[100:100_000])
        site.turn()
        assert (len(called), site.http.running) == (1, 1)
        client.send(whole[100_000:])
        assert client.answer().body == content
        assert client.ask(GET).body == b""
        assert site.http.running == 0


def test_a_client_that_leaves_before_its_content_has_arrived() -> None:
    """No function is called, also not that for exceptions, as under other ASGI servers; and nothing is reported."""
    called = []

    def never(*arguments: Any) -> Any:
        called.append(arguments)

    with serving(compiled(plain(never), on_exception=never)) as site:
        client = site.connect()
        client.send(request(method="POST", body=b"x" * 100)[:-50])
        site.wait(lambda: site.http.running == 1)
        client.reset()
        site.wait(lambda: site.http.running == 0 and site.http.connections == 0)
    assert not called


def test_a_request_that_is_kept_has_a_copy_of_its_head() -> None:
    """The head belongs to the connection, and is copied for those that are kept."""
    kept: list[_native.Request] = []

    def keeps(request: _native.Request) -> Any:
        kept.append(request)
        return "x"

    async def keeps_too(request: _native.Request) -> Any:
        kept.append(request)
        await asyncio.sleep(0)
        return "x"

    with serving(compiled(plain(keeps), a_coroutine(keeps_too, "/{name}"))) as site:
        client = site.connect()
        client.ask(request("/?first"))
        client.ask(request("/second?too", method="POST"))
        client.ask(GET)
        assert [one.query_string for one in kept] == [b"first", b"too", b""]
        assert (kept[1].method, kept[1].path, kept[1].path_params) == ("POST", "/second", {"name": "second"})
        kept.clear()


def test_requests_are_released() -> None:
    """Their memory serves the next one, and cycles are found by the collector."""
    dead: list[weakref.ref[Any]] = []

    def endpoint(request: _native.Request) -> Any:
        dead.append(weakref.ref(request))
        cycle = [request]
        cycle.append(cycle)  # type: ignore[arg-type]
        return "x"

    with serving(compiled(plain(endpoint))) as site:
        client = site.connect()
        for _ in range(5):
            client.ask()
        gc.collect()
        assert [reference() for reference in dead] == [None] * 5


def test_a_target_without_a_path_is_the_root() -> None:
    """As a client of a proxy may send it (RFC 9110 section 4.2.3)."""
    with serving(compiled(plain(lambda request: f"{request.path} {request.raw_path!r}"))) as site:
        assert site.ask(b"GET http://a.example HTTP/1.1\r\nHost: a\r\n\r\n").body == b"/ b'/'"
        assert site.ask(b"PUT http://a.example?q HTTP/1.1\r\nHost: a\r\n\r\n").status == 405


def test_the_access_log() -> None:
    """A line for each request, as with any application."""
    with serving(compiled(plain(lambda _: ("four", 201))), access_log=True) as site:
        client = site.connect()
        client.ask(request("/?x"))
        site.turn()
        [line] = site.hooks.lines
        assert f'"GET /?x {client.protocol}" 201 4' in line


def test_fields_of_every_response() -> None:
    """Those of the server's options are in native responses, too."""
    with serving(compiled(plain(lambda _: "x")), headers=[(b"x-all", b"1")]) as site:
        assert site.ask().one(b"x-all") == b"1"
