"""What surrounds handlers: middleware, hooks and exception handlers, in their order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from app_support import ask, get, problem, served
from vitok.http import App, HTTPError
from vitok.http.native.responses import Response
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]


def traced(app: App, log: list[str], name: str = "", *, awaits: bool = False) -> None:
    """Surround an application with functions that say when they are called."""

    @app.middleware
    async def outer(request: Any, call_next: Any) -> Any:
        log.append(f"{name}outer")
        response = await call_next(request)
        log.append(f"{name}outer {response.status}")
        return response

    @app.middleware
    async def inner(request: Any, call_next: Any) -> Any:
        log.append(f"{name}inner")
        return await call_next(request)

    @app.before
    def before(request: Any) -> None:
        log.append(f"{name}before")

    @app.after
    def after(request: Any, response: Any) -> None:
        log.append(f"{name}after {response.status}")

    if awaits:

        @app.before
        async def before_later(request: Any) -> None:
            await asyncio.sleep(0)
            log.append(f"{name}before later")

        @app.after
        async def after_later(request: Any, response: Any) -> None:
            await asyncio.sleep(0)
            log.append(f"{name}after later")


@pytest.mark.parametrize("awaits", [False, True])
def test_the_order_is_middleware_before_handler_after(awaits: bool) -> None:
    app = App()
    log: list[str] = []
    traced(app, log, awaits=awaits)

    @app.get("/")
    def handler(request: Any) -> tuple[str, int]:
        log.append("handler")
        return "made", 201

    with served(app) as site:
        assert ask(site).status == 201
        later = ["before later"] if awaits else []
        after_later = ["after later"] if awaits else []
        expected = ["outer", "inner", "before", *later, "handler", "after 201", *after_later, "outer 201"]
        assert log == expected
        log.clear()
        assert ask(site, "/none").status == 404
        assert log == [*["outer", "inner", "before", *later], "after 404", *after_later, "outer 404"]
        log.clear()
        assert ask(site, method="OPTIONS").status == 204
        assert ask(site, method="PUT").one(b"allow") == b"GET, HEAD, OPTIONS"
        assert log.count("outer") == 2


def test_a_mounted_application_is_inside_of_the_outer_one() -> None:
    app, inner = App(), App()
    log: list[str] = []
    traced(app, log, "app ")
    traced(inner, log, "in ")
    inner.get("/x")(lambda request: log.append("handler"))
    app.mount("/in", inner)
    with served(app) as site:
        assert ask(site, "/in/x").status == 204
        outer = ["app outer", "app inner", "app before"]
        around = ["in outer", "in inner", "in before", "handler", "in after 204", "in outer 204"]
        assert log == [*outer, *around, "app after 204", "app outer 204"]
        log.clear()
        assert ask(site, "/in/none").status == 404
        assert log == [*outer, *around[:3], "in after 404", "in outer 404", "app after 404", "app outer 404"]
        log.clear()
        assert ask(site, "/none").status == 404
        assert not [line for line in log if line.startswith("in ")]


def test_plain_hooks_keep_a_plain_function_on_its_path() -> None:
    app = App()
    tasks: list[Any] = []

    @app.before
    def before(request: Any) -> Response | None:
        return Response.text("stopped", 403) if request.query_string else None

    @app.after
    def after(request: Any, response: Response) -> Response | None:
        response.headers["x-after"] = "1"
        return Response.text("replaced") if response.status == 403 and request.query_string == b"r" else None

    @app.exception_handler(KeyError)
    def handle(request: Any, error: KeyError) -> tuple[str, int]:
        return f"no {error}", 410

    @app.get("/")
    def handler(request: Any) -> str:
        tasks.append(asyncio.current_task())
        return "handled"

    @app.get("/error")
    def fail(request: Any) -> str:
        raise KeyError("key")

    with served(app) as site:
        answer = ask(site)
        assert (answer.body, answer.one(b"x-after")) == (b"handled", b"1")
        answer = ask(site, "/?q")
        assert (answer.status, answer.body, answer.one(b"x-after")) == (403, b"stopped", b"1")
        assert get(site, "/?r") == "replaced"
        answer = ask(site, "/error")
        assert (answer.status, answer.body, answer.one(b"x-after")) == (410, b"no 'key'", b"1")
    assert tasks == [None]


def test_a_plain_function_gets_its_content_inside_of_middleware() -> None:
    app = App()

    @app.middleware
    async def nothing(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    @app.post("/")
    def handler(request: Any) -> bytes:
        content: bytes = request.read()
        return content

    with served(app) as site:
        client = site.connect()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        site.turn()
        client.send(b"def")
        assert client.answer().body == b"abcdef"


class Specific(HTTPError):
    """An error with a class of its own."""


@pytest.mark.parametrize("awaits", [False, True])
def test_the_nearest_exception_handler_is_called(awaits: bool) -> None:
    app = App()

    def answer(text: str) -> Any:
        def plainly(request: Any, error: Exception) -> str:
            return f"{text}: {error}"

        async def later(request: Any, error: Exception) -> str:
            await asyncio.sleep(0)
            return f"{text}: {error}"

        return later if awaits else plainly

    app.exception_handler(LookupError)(answer("lookup"))
    app.exception_handler(404)(answer("status"))
    app.exception_handler(Specific)(answer("specific"))
    errors = {
        "key": KeyError("k"),
        "missing": HTTPError(404),
        "specific": Specific(404),
        "other": HTTPError(409),
    }

    @app.get("/{name}")
    def plain(request: Any) -> None:
        raise errors[request.path_params["name"]]

    @app.post("/{name}")
    async def later(request: Any) -> None:
        raise errors[request.path_params["name"]]

    with served(app) as site:
        for method in ("GET", "POST"):
            assert get(site, "/key", method=method) == "lookup: 'k'"
            assert get(site, "/missing", method=method) == "status: 404 Not Found"
            assert get(site, "/specific", method=method) == "specific: 404 Not Found"
            assert problem(ask(site, "/other", method=method)) == (409, "")
        assert get(site, "/a/b") == "status: 404 Not Found: nothing is at this path"


def test_an_exception_without_a_handler_is_reported() -> None:
    app = App()

    @app.get("/")
    def fail(request: Any) -> None:
        raise ZeroDivisionError("secret")

    with served(app) as site:
        answer = ask(site)
        assert (answer.status, b"secret" in answer.body) == (500, False)
        [(_, error)] = site.hooks.take()
        assert isinstance(error, ZeroDivisionError)


@pytest.mark.parametrize("surrounded", [False, True])
def test_the_handler_for_500_makes_the_page_and_the_error_is_reported(surrounded: bool) -> None:
    app = App()
    if surrounded:
        traced(app, [])

    @app.exception_handler(500)
    def page(request: Any, error: Exception) -> tuple[str, int]:
        return "sorry", 500

    @app.get("/")
    def fail(request: Any) -> None:
        raise ZeroDivisionError

    with served(app) as site:
        answer = ask(site)
        assert (answer.status, answer.body) == (500, b"sorry")
        [report] = site.reports
        assert isinstance(report["exception"], ZeroDivisionError)
        assert "page" in report["message"]
        site.reports.clear()


def test_a_handler_that_raises_goes_on_to_the_others() -> None:
    app = App()
    calls: list[str] = []

    @app.exception_handler(KeyError)
    def first(request: Any, error: KeyError) -> None:
        calls.append("key")
        raise HTTPError(418, "from a handler")

    @app.exception_handler(ValueError)
    async def again(request: Any, error: ValueError) -> None:
        calls.append("value")
        raise ValueError("twice")

    @app.get("/key")
    def key(request: Any) -> None:
        raise KeyError

    @app.get("/value")
    def value(request: Any) -> None:
        raise ValueError("once")

    with served(app) as site:
        assert problem(ask(site, "/key")) == (418, "from a handler")
        assert ask(site, "/value").status == 500
        [(_, error)] = site.hooks.take()
        assert str(error) == "twice"
    assert calls == ["key", "value"]


def test_an_exception_of_middleware_is_handled_outermost() -> None:
    app, inner = App(), App()

    @app.middleware
    async def fail(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        if request.query_string == b"outer":
            raise KeyError("outer")
        return response

    @inner.middleware
    async def fail_inside(request: Any, call_next: Any) -> Any:
        await call_next(request)
        raise KeyError("inner")

    app.exception_handler(KeyError)(lambda request, error: f"app {error}")
    inner.exception_handler(KeyError)(lambda request, error: f"in {error}")
    app.get("/")(lambda request: "fine")
    inner.get("/")(lambda request: "fine")
    app.mount("/in", inner)
    with served(app) as site:
        assert get(site, "/?outer") == "app 'outer'"
        assert get(site, "/in/") == "in 'inner'"
        assert get(site, "/in/?outer") == "app 'outer'"


def test_exceptions_of_hooks_are_handled() -> None:
    app = App()

    @app.before
    def refuse(request: Any) -> None:
        if request.query_string == b"before":
            raise HTTPError(401, headers={"WWW-Authenticate": "Basic"})

    @app.after
    def fail(request: Any, response: Any) -> None:
        if request.query_string == b"after":
            raise HTTPError(503)

    app.get("/")(lambda request: "fine")
    with served(app) as site:
        answer = ask(site, "/?before")
        assert (answer.status, answer.one(b"www-authenticate")) == (401, b"Basic")
        assert ask(site, "/?after").status == 503
        assert get(site) == "fine"
