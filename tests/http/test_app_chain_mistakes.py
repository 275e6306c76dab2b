"""Mistakes in what surrounds handlers: each is an error that names the function, and the server goes on."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from app_support import ask, get, served
from vitok.http import App
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]


def fails(app: App, target: str = "/") -> str:
    """Return the text of the TypeError that a request ends with."""
    with served(app) as site:
        assert ask(site, target).status == 500
        [(_, error)] = site.hooks.take()
        assert isinstance(error, TypeError)
        return str(error)


def test_middleware_that_forgets_to_await() -> None:
    app = App()

    @app.middleware
    async def forgetful(request: Any, call_next: Any) -> Any:
        return call_next(request)

    app.get("/")(lambda request: "handled")
    assert "forgetful returned a coroutine: expected await call_next(request)" in fails(app)


def test_middleware_that_returns_nothing_answers_204_and_a_set_is_an_error() -> None:
    app = App()

    @app.middleware
    async def wrong(request: Any, call_next: Any) -> Any:
        await call_next(request)
        return {1} if request.query_string else None

    app.get("/")(lambda request: "handled")
    with served(app) as site:
        assert ask(site).status == 204
    assert "wrong: a value of type set does not become a response" in fails(app, "/?q")


def test_middleware_may_call_the_handler_twice_or_not_at_all() -> None:
    app = App()
    calls: list[int] = []

    @app.middleware
    async def twice(request: Any, call_next: Any) -> Any:
        if request.query_string:
            return "none"
        await call_next(request)
        return await call_next(request)

    @app.get("/")
    def handler(request: Any) -> str:
        calls.append(1)
        return str(len(calls))

    with served(app) as site:
        assert get(site) == "2"
        assert get(site, "/?q") == "none"
    assert len(calls) == 2


def test_plain_middleware_may_return_the_coroutine() -> None:
    app = App()
    app.middleware(lambda request, call_next: call_next(request))
    app.get("/")(lambda request: "handled")
    with served(app) as site:
        assert get(site) == "handled"


@pytest.mark.parametrize("surrounded", [False, True])
def test_a_value_that_is_no_response_names_the_handler(surrounded: bool) -> None:
    app = App()
    if surrounded:
        app.after(lambda request, response: None)

    @app.get("/")
    def returns_a_set(request: Any) -> Any:
        return {1}

    text = fails(app)
    assert "test_app_chain_mistakes" in text
    assert "returns_a_set: a value of type set does not become a response" in text


def wrapped(function: Any) -> Any:
    """A decorator that hides that a function is asynchronous."""

    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Any:
        return function(*arguments)

    return wrapper


@pytest.mark.parametrize("surrounded", [False, True])
@pytest.mark.parametrize("blocking", [False, True])
def test_a_hidden_coroutine_function_is_awaited(surrounded: bool, blocking: bool) -> None:
    app = App()
    if surrounded:

        @app.after
        def after(request: Any, response: Any) -> None:
            response.headers["x-after"] = "1"

    @wrapped
    async def handler(request: Any) -> str:
        return "awaited"

    app.get("/", blocking=blocking)(handler)
    with served(app) as site:
        answer = ask(site)
        assert (answer.body, answer.one(b"x-after")) == (b"awaited", b"1" if surrounded else None)


def test_a_hidden_coroutine_function_is_no_hook() -> None:
    app = App()

    @app.before
    @wrapped
    async def hook(request: Any) -> None:
        return None

    app.get("/")(lambda request: "handled")
    assert "hook returned a coroutine: expected async def" in fails(app)


def test_functions_are_checked_when_they_are_added() -> None:
    app = App()
    with pytest.raises(TypeError, match=r"middleware .*\(request, call_next\), not \(request\)"):
        app.middleware(lambda request: None)  # type: ignore[arg-type,misc]
    with pytest.raises(TypeError, match="hook before"):
        app.before(lambda: None)  # type: ignore[arg-type,misc]
    with pytest.raises(TypeError, match="hook after"):
        app.after(lambda request: None)  # type: ignore[arg-type,misc]
    with pytest.raises(TypeError, match="exception handler"):
        app.exception_handler(404)(lambda: None)  # type: ignore[arg-type,misc]
    with pytest.raises(TypeError, match="lifespan"):
        App(lifespan=lambda: None)  # type: ignore[arg-type,misc]
    with pytest.raises(TypeError, match="expected a function or an instance, not a class"):
        App(middleware=[App])  # type: ignore[list-item]
    for key in (200, 600, True, BaseException, "404", object):
        with pytest.raises(TypeError, match="exception_handler: expected"):
            app.exception_handler(key)  # type: ignore[call-overload]
    app.exception_handler(404)(lambda request, error: None)
    with pytest.raises(ValueError, match="404 has a handler already"):
        app.exception_handler(404)(lambda request, error: None)
    with pytest.raises(ValueError, match="max_body"):
        App(max_body=-1)
