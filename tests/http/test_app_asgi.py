"""`App` as an ASGI application: what the real server does with it, in process by the test client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from app_support import get, served
from vitok.http import App, HTTPError, Response
from vitok.http.testing import TestClient

pytestmark = pytest.mark.vitok_only


def application() -> App:
    """An application with everything around its routes, and one mounted in it."""

    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
        yield {"name": "outer"}

    @contextlib.asynccontextmanager
    async def inner_lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
        yield {"name": "inner", "more": 1}

    app, inner = App(lifespan=lifespan), App(lifespan=inner_lifespan)

    @app.middleware
    async def middleware(request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-middleware"] = "1"
        return response

    @app.before
    def before(request: Any) -> None:
        if request.query.get("refuse"):
            raise HTTPError(403, "refused")

    @inner.exception_handler(KeyError)
    def missing(request: Any, error: KeyError) -> tuple[str, int]:
        return f"no {error}", 404

    @app.get("/items/{id:int}", name="item")
    def item(request: Any) -> dict[str, object]:
        return {**request.path_params, **request.state}

    @app.post("/echo", blocking=True)
    def echo(request: Any) -> bytes:
        content: bytes = request.read()
        return content

    @inner.get("/state", name="state")
    async def state(request: Any) -> dict[str, object]:
        return {**request.state, "url": request.url_for("state"), "item": request.url_for("item", id=3)}

    @inner.get("/error")
    def error(request: Any) -> None:
        raise KeyError("key")

    app.mount("/in", inner)
    return app


def test_an_application_is_called_by_an_asgi_server() -> None:
    with TestClient(application()) as client:
        answer = client.get("/items/7")
        assert (answer.status, answer.json()) == (200, {"id": 7, "name": "outer"})
        assert dict(answer.headers)["x-middleware"] == "1"
        assert client.get("/items/x").status == 404
        assert client.get("/items/7?refuse=1").json()["detail"] == "refused"
        answer = client.post("/items/7")
        assert (answer.status, dict(answer.headers)["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert client.post("/echo", content=b"content").content == b"content"


def test_a_coroutine_is_awaited_as_by_the_server() -> None:
    """That of a plain function, and one that another coroutine returns."""
    app = App()

    async def value() -> str:
        return "value"

    async def returns_it(_: Any) -> Any:
        return value()

    app.get("/plain")(lambda _: value())
    app.get("/async")(returns_it)
    with TestClient(app) as client, served(app) as site:
        for path in ("/plain", "/async"):
            assert client.get(path).text == get(site, path) == "value"


def test_a_mounted_application_has_its_own_state_and_names() -> None:
    with TestClient(application()) as client:
        state = client.get("/in/state").json()
        assert (state["name"], state["more"]) == ("inner", 1)
        assert state["url"].endswith("/in/state")
        assert state["item"].endswith("/items/3")
        assert client.get("/items/1").json()["name"] == "outer"
        answer = client.get("/in/error")
        assert (answer.status, answer.text) == (404, "no 'key'")
