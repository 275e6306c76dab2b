"""Endpoints that fail: what the client gets, what is reported, and what the application's function handles."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from asgi_support import GET, Gate, request, serving
from native_support import Row, a_coroutine, compiled, plain
from vitok import _native
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]

Raises = Callable[[BaseException], Row]


def raises_plainly(error: BaseException) -> Row:
    """A plain function that raises it."""

    def endpoint(_: _native.Request) -> Any:
        raise error

    return plain(endpoint)


def raises_later(error: BaseException) -> Row:
    """A coroutine function that waits before."""

    async def endpoint(_: _native.Request) -> Any:
        await asyncio.sleep(0)
        raise error

    return a_coroutine(endpoint)


def raises_at_once(error: BaseException) -> Row:
    """One that does not wait."""

    async def endpoint(_: _native.Request) -> Any:
        raise error

    return a_coroutine(endpoint)


@pytest.fixture(params=[raises_plainly, raises_at_once, raises_later])
def raises(request: pytest.FixtureRequest) -> Raises:
    """Each kind of endpoint."""
    made: Raises = request.param
    return made


def test_an_exception_is_reported(raises: Raises) -> None:
    """The client gets 500 without details, and the next connection is served."""
    with serving(compiled(raises(ValueError("secret")))) as site:
        for _ in range(2):
            client = site.connect()
            answer = client.ask()
            assert answer.line == client.line_of(500, b"Internal Server Error")
            assert b"secret" not in answer.body
        for message, error in site.hooks.take():
            assert (message, str(error)) == ("Exception in a handler", "secret")
        assert site.http.running == 0


def test_an_exception_is_handled(raises: Raises) -> None:
    """What the application's function returns is the response, and the connection goes on."""
    seen = []

    def on_exception(request: Any, error: Exception) -> Any:
        seen.append((request.path, str(error)))
        return "handled", 418

    with serving(compiled(raises(ValueError("x")), on_exception=on_exception)) as site:
        client = site.connect()
        for _ in range(2):
            answer = client.ask()
            assert (answer.status, answer.body) == (418, b"handled")
    assert seen == [("/", "x")] * 2


def test_an_exception_is_handled_by_a_coroutine(raises: Raises) -> None:
    """The function may be one that waits."""

    async def on_exception(_: Any, error: Exception) -> Any:
        await asyncio.sleep(0)
        return str(error)

    with serving(compiled(raises(ValueError("x")), on_exception=on_exception)) as site:
        assert site.ask().body == b"x"


def test_a_handler_of_exceptions_that_fails(raises: Raises) -> None:
    """It is not asked again: its own exception is reported."""

    async def later(_: Any, error: Exception) -> Any:
        raise KeyError("second")

    def at_once(_: Any, error: Exception) -> Any:
        raise KeyError("second")

    def nothing(_: Any, error: Exception) -> Any:
        return object()

    for on_exception in (later, at_once, nothing):
        with serving(compiled(raises(ValueError("first")), on_exception=on_exception)) as site:
            assert site.ask().status == 500
            [(_, error)] = site.hooks.take()
            assert isinstance(error, (KeyError, TypeError))


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_an_exception_that_ends_the_loop(raises: Raises, kind: type[BaseException]) -> None:
    """The client gets its response first, the application's function is not asked, and the loop ends."""
    with serving(compiled(raises(kind("now")))) as site:
        client = site.connect()
        client.offer(GET)
        with pytest.raises(kind):
            site.turn(20)
        # The exception came before a turn that was to be the last one.
        site.turn()
        assert client.answer().status == 500
        assert site.http.running == 0
        # Of a task whose first step raises it nobody hears but the loop, as with asyncio's eager tasks.
        gc.collect()
        site.reports[:] = [report for report in site.reports if not isinstance(report.get("exception"), kind)]


def test_a_cancelled_handler() -> None:
    """It is no fault: nothing is reported, and no other function is asked."""

    def never(_: Any, error: Exception) -> Any:
        raise AssertionError

    with serving(compiled(raises_later(asyncio.CancelledError()), on_exception=never)) as site:
        assert site.ask().status == 500


def test_requests_are_cancelled_at_the_end() -> None:
    """A task that waits is cancelled by the server, and its client gets 500."""
    gate = Gate()

    async def waits(_: _native.Request) -> Any:
        await gate.wait()

    with serving(compiled(a_coroutine(waits))) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        assert site.http.running == 1
        site.http.cancel_requests()
        assert client.answer().status == 500
        assert (gate.waiting, site.http.running) == (0, 0)


def test_a_client_that_leaves_its_handler() -> None:
    """The handler is not cancelled: it ends by itself, and its value is dropped."""
    gate, ended = Gate(), []

    async def waits(request: _native.Request) -> Any:
        await gate.wait()
        ended.append(request.path)
        return "late"

    with serving(compiled(a_coroutine(waits))) as site:
        client = site.connect()
        client.send(request("/?x"))
        site.wait(lambda: gate.waiting)
        client.reset()
        site.wait(lambda: site.http.connections == 0)
        assert site.http.running == 1
        gate.open()
        site.wait(lambda: site.http.running == 0)
        assert ended == ["/"]


def test_more_requests_than_the_limit() -> None:
    """The next one is answered with 503, without a call of the application."""
    gate = Gate()

    async def waits(_: _native.Request) -> Any:
        await gate.wait()
        return "done"

    with serving(compiled(a_coroutine(waits), plain(lambda _: "plain", "/plain")), limit_concurrency=1) as site:
        client = site.connect()
        client.send(GET)
        site.wait(lambda: gate.waiting)
        assert site.ask(request("/plain")).status == 503
        gate.open()
        assert client.answer().body == b"done"
        assert site.ask(request("/plain")).body == b"plain"


def test_the_fallback() -> None:
    """A path without a route, and one without this method; by a coroutine, too."""

    async def fallback(request: Any, allowed: tuple[str, ...] | None) -> Any:
        await asyncio.sleep(0)
        return [request.method, allowed], 404 if allowed is None else 405

    with serving(compiled(plain(lambda _: "x", "/x"), fallback=fallback)) as site:
        answer = site.ask(request("/none"))
        assert (answer.status, answer.json) == (404, ["GET", None])
        answer = site.ask(request("/x", method="PUT"))
        assert (answer.status, answer.json) == (405, ["PUT", ["GET", "HEAD", "POST"]])
