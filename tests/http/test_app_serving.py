"""Applications under the real server: routes, methods, paths without a route, mounted applications."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from app_support import ask, get, problem, served
from asgi_support import request
from vitok.http import App, HTTPError
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]


def echo(request: Any) -> str:
    """The method, the pattern and the parameters."""
    return f"{request.method} {request.route.pattern} {request.path_params}"


async def echo_later(request: Any) -> str:
    await asyncio.sleep(0)
    return echo(request)


def test_a_plain_and_a_coroutine_function_are_served() -> None:
    app = App()
    app.get("/plain/{id:int}")(echo)
    app.post("/later/{rest:path}")(echo_later)
    with served(app) as site:
        assert get(site, "/plain/7?x=1") == "GET /plain/{id:int} {'id': 7}"
        assert get(site, "/later/a%2Fb/c", method="POST") == "POST /later/{rest:path} {'rest': 'a/b/c'}"


def test_a_plain_function_is_called_without_a_task() -> None:
    app = App()
    tasks: list[Any] = []

    @app.get("/")
    def handler(request: Any) -> None:
        tasks.append(asyncio.current_task())

    with served(app) as site:
        assert ask(site).status == 204
    assert tasks == [None]


@pytest.mark.parametrize("is_whole", [True, False])
def test_too_much_content_of_a_plain_function_is_413(is_whole: bool) -> None:
    """However it arrives, and whether or not the function asks for it."""
    app = App(max_body=4)
    app.post("/")(lambda _: "taken")
    with served(app) as site:
        for content, status in ((b"1234", 200), (b"12345", 413)):
            client = site.connect()
            message = request(method="POST", body=content)
            if is_whole:
                client.send(message)
            else:
                client.send(message[:-1])
                site.turn(2)
                client.send(message[-1:])
            assert client.answer("POST").status == status


def test_a_path_without_a_route_is_404_and_a_wrong_method_405() -> None:
    app = App()
    app.get("/a")(echo)
    app.post("/a")(echo)
    app.route("/b", methods=["PURGE"])(echo)
    with served(app) as site:
        assert problem(ask(site, "/c")) == (404, "nothing is at this path")
        assert problem(ask(site, "/a/")) == (404, "nothing is at this path")
        answer = ask(site, "/a", method="DELETE")
        assert problem(answer) == (405, "DELETE is not allowed here")
        assert answer.one(b"allow") == b"GET, HEAD, POST, OPTIONS"
        assert ask(site, "/b").one(b"allow") == b"PURGE, OPTIONS"
        assert get(site, "/b", method="PURGE").startswith("PURGE")
        assert ask(site, "/b", method="purge").status == 405


def test_options_and_head_are_answered_by_themselves() -> None:
    app = App()
    app.get("/a")(echo)
    app.options("/own")(echo)
    app.get("/own")(echo)
    with served(app) as site:
        answer = ask(site, "/a", method="OPTIONS")
        assert (answer.status, answer.body, answer.one(b"allow")) == (204, b"", b"GET, HEAD, OPTIONS")
        assert get(site, "/own", method="OPTIONS").startswith("OPTIONS /own")
        assert ask(site, "/none", method="OPTIONS").status == 404
        answer = ask(site, "*", method="OPTIONS")
        assert (answer.status, answer.one(b"allow")) == (204, None)
        answer = ask(site, "/a", method="HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.one(b"content-length") or 0) == len("HEAD /a {}")


@pytest.mark.parametrize("target", ["/%00", "/x%00y", "/%ff", "/%C3"])
def test_a_path_that_can_not_be_decoded_is_400(target: str) -> None:
    app = App()
    app.get("/{x}")(echo)
    with served(app) as site:
        status, detail = problem(ask(site, target))
        assert status == 400
        assert detail in {"the path has a NUL", "the path is no UTF-8"}


def test_hostile_paths_find_no_other_route() -> None:
    app = App()
    app.get("/admin")(echo)
    app.get("/files/{path:path}")(echo)
    app.get("/{name}")(echo)
    deep = "/files" + "/a" * 2_000
    with served(app) as site:
        for target in ("//admin", "/./admin", "/x/../admin", "/admin/", "/a/%2e%2e/admin", "/a//"):
            assert ask(site, target).status == 404, target
        assert "'x/admin'" in get(site, "/x%2Fadmin")
        assert get(site, "/%61dmin") == "GET /admin {}"
        assert "'../../etc/passwd'" in get(site, "/files/../../etc/passwd")
        assert app._compiled().match("GET", b"/a" * 10_000) == ()
        assert len(get(site, deep)) > 4_000


def test_a_thousand_routes_are_served() -> None:
    app = App()
    for number in range(1000):
        app.get(f"/r{number}/{{x}}")(lambda request, number=number: str(number))
    with served(app) as site:
        assert [get(site, f"/r{number}/x") for number in (0, 499, 999)] == ["0", "499", "999"]


def test_a_slash_is_redirected_on_request() -> None:
    app = App(redirect_slashes=True)
    app.get("/a/b")(echo)
    app.get("/c/")(echo)
    app.get("/{x}/y/")(echo)
    with served(app) as site:
        for target, location in {
            "/a/b/": "../b",
            "/a/b/?q=1": "../b?q=1",
            "/c": "./c/",
            "/e%2Fvil/y": "./y/",
            "//evil.example/": None,
            "/%5cevil.example": None,
            "/d": None,
            "/d/": None,
        }.items():
            answer = ask(site, target)
            found = answer.one(b"location")
            assert (answer.status, found) == ((308, location.encode()) if location else (404, None)), target
        assert ask(site, "/c", method="POST").status == 404


def test_a_blocking_function_runs_in_a_thread_with_its_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    app = App()

    @app.middleware
    async def set_variable(request: Any, call_next: Any) -> Any:
        variable.set("set")
        return await call_next(request)

    @app.post("/", blocking=True)
    def handler(request: Any) -> str:
        assert threading.current_thread() is not threading.main_thread()
        return f"{variable.get()} {request.read()!r}"

    @app.get("/error", blocking=True)
    def error(request: Any) -> str:
        raise HTTPError(409, "blocked")

    @app.get("/stop", blocking=True)
    def stop(request: Any) -> str:
        raise StopIteration

    with served(app) as site:
        assert get(site, method="POST", body=b"content") == "set b'content'"
        assert problem(ask(site, "/error")) == (409, "blocked")
        assert ask(site, "/stop").status == 500
        [(_, raised)] = site.hooks.take()
        assert isinstance(raised, RuntimeError)


def test_an_application_is_mounted_in_another_one() -> None:
    app, api, deep = App(), App(), App()
    deep.get("/{id:int}", name="item")(echo)
    deep.get("/", name="all")(lambda request: request.route.name)
    api.get("/", name="index")(echo)
    api.get("/notes", name="notes")(echo)
    api.mount("/deep/{tenant}", deep, name="deep")
    app.mount("/api", api)
    app.get("/api/own")(echo)
    with served(app) as site:
        assert get(site, "/api/notes") == "GET /api/notes {}"
        assert get(site, "/api/own") == "GET /api/own {}"
        assert get(site, "/api/") == "GET /api/ {}"
        assert ask(site, "/api").one(b"location") == b"./api/"
        assert get(site, "/api/deep/t/3") == "GET /api/deep/{tenant}/{id:int} {'tenant': 't', 'id': 3}"
        assert get(site, "/api/deep/t/") == "api:deep:all"
        assert ask(site, "/apinotes").status == 404
    assert app.url_for("api:notes") == "/api/notes"
    assert app.url_for("api:deep:all", tenant="a b") == "/api/deep/a%20b/"


def test_an_application_at_the_root_has_what_no_other_route_takes() -> None:
    app, site_app = App(), App()
    site_app.get("/", name="index")(echo)
    site_app.get("/{page}", name="page")(echo)
    app.get("/about")(lambda request: "own")
    app.mount("/", site_app)
    with served(app) as site:
        assert get(site, "/") == "GET / {}"
        assert get(site, "/about") == "own"
        assert get(site, "/other") == "GET /{page} {'page': 'other'}"
    assert app.url_for("page", page="x") == "/x"


def test_an_asgi_application_is_mounted() -> None:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        text = f"{scope['root_path']}|{scope['path']}|{scope['path_params']}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    app = App()
    app.get("/old/own")(echo)
    app.mount("/old", asgi)
    with served(app) as site:
        assert get(site, "/old/own") == "GET /old/own {}"
        assert get(site, "/old/a/b") == "/old|/old/a/b|{}"
        assert get(site, "/old") == "/old|/old|{}"
        assert get(site, "/old/") == "/old|/old/|{}"
        assert get(site, "/old/own", method="POST") == "/old|/old/own|{}"
        assert ask(site, "/older").status == 404


def test_applications_may_name_converters_alike() -> None:
    class Times:
        """A number in a path, and its multiple."""

        def __init__(self, factor: int) -> None:
            self.factor = factor

        def parse(self, text: str) -> int:
            return int(text) * self.factor

        def format(self, value: int) -> str:
            return str(value // self.factor)

    app, inner = App(), App()
    app.converter("n", Times(2))
    inner.converter("n", Times(3))
    inner.get("/{b:n}", name="b")(echo)
    app.mount("/{a:n}", inner, name="inner")
    with served(app) as site:
        assert get(site, "/1/1") == "GET /{a:n}/{b:n} {'a': 2, 'b': 3}"
        assert ask(site, "/x/1").status == 404
    assert app.url_for("inner:b", a=2, b=3) == "/1/1"


def test_a_mistake_of_mounting_is_an_error_at_definition() -> None:
    app = App()
    app.mount("/a", App())
    for prefix, other, error in [
        ("/a", App(), ValueError),
        ("/b/", App(), ValueError),
        ("b", App(), ValueError),
        ("/{x:path}", App(), ValueError),
        ("/{x}", echo, ValueError),
        ("/c", 3, TypeError),
        ("/c", app, ValueError),
    ]:
        with pytest.raises(error):
            app.mount(prefix, other)
    inner = App()
    inner.mount("/x", app)
    with pytest.raises(ValueError, match="can't be mounted in itself"):
        app.mount("/y", inner)


def test_files_are_served_below_a_prefix(tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("file")
    (tmp_path / "index.html").write_text("index")
    app = App()
    app.files("/static", tmp_path, name="static")
    with served(app) as site:
        assert get(site, app.url_for("static", path="a.txt")) == "file"
        assert get(site, "/static/") == "index"
        assert ask(site, "/static").one(b"location") == b"./static/"
        assert ask(site, "/static/../secret").status == 404
        assert ask(site, "/static/a.txt", method="POST").status == 405
