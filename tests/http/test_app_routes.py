"""Routes of `App`: what a definition refuses, `url_for`, and the grammar of patterns."""

from __future__ import annotations

import functools
import random
import uuid
from typing import Any

import pytest
from vitok import _native
from vitok.http import App
from vitok.http.native.routes import parse


def handler(request: Any) -> str:
    return "handled"


async def coroutine(request: Any) -> str:
    return "handled"


class Called:
    """An object that is a handler."""

    async def __call__(self, request: Any) -> str:
        return "handled"

    def method(self, request: Any, more: int = 1) -> str:
        return "handled"


class Hexadecimal:
    """A converter."""

    def parse(self, text: str) -> int:
        return int(text, 16)

    def format(self, value: int) -> str:
        return f"{value:x}"


def test_a_decorator_returns_the_function() -> None:
    app = App()
    for name in ("get", "post", "put", "patch", "delete", "head", "options"):
        assert getattr(app, name)("/")(handler) is handler
    assert app.route("/", methods=["PURGE", "LINK"])(coroutine) is coroutine
    table = app._compiled()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        assert table.match(method, b"/")[:2] == ("plain", handler)
    assert table.match("LINK", b"/")[:2] == ("async", coroutine)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (Called(), "async"),
        (Called().method, "plain"),
        (functools.partial(coroutine), "async"),
        (functools.partial(Called().method, more=2), "plain"),
        (lambda request: None, "plain"),
    ],
)
def test_a_handler_is_any_callable_object(function: Any, kind: str) -> None:
    app = App()
    app.get("/")(function)
    assert app._compiled().match("GET", b"/")[:2] == (kind, function)


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda: None, r"test_app_routes.<lambda>: expected the parameters \(request\), not \(\)"),
        (lambda a, b: None, r"not \(a, b\)"),
        (lambda *, request: None, r"not \(\*, request\)"),
        (App, "expected a function or an instance, not a class"),
        ("text", "expected a function, not 'text'"),
    ],
)
def test_a_function_that_does_not_fit_is_refused(function: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        App().get("/")(function)


def test_a_generator_is_no_handler() -> None:
    def generator(request: Any) -> Any:
        yield 1

    async def generator_later(request: Any) -> Any:
        yield 1

    for function in (generator, generator_later):
        with pytest.raises(TypeError, match="without yield"):
            App().get("/")(function)


def test_only_a_plain_function_is_blocking_and_only_a_coroutine_function_takes_a_websocket() -> None:
    app = App()
    with pytest.raises(TypeError, match=r"coroutine: blocking=True is for plain functions"):
        app.get("/", blocking=True)(coroutine)
    with pytest.raises(TypeError, match="handler: expected async def"):
        app.websocket("/")(handler)  # type: ignore[type-var]


def test_a_route_is_defined_once() -> None:
    app = App()
    app.get("/users/{id:int}", name="user")(handler)
    with pytest.raises(ValueError, match=r"route '/users/\{other:int\}': GET '/users/\{id:int\}' is defined already"):
        app.route("/users/{other:int}", methods=["PUT", "GET"])(handler)
    with pytest.raises(ValueError, match="the name 'user' is that of another route"):
        app.get("/people", name="user")(handler)
    app.get("/users/{name}")(handler)
    app.put("/users/{id:int}")(handler)
    app.websocket("/users/{id:int}")(coroutine)  # type: ignore[type-var]
    app.get("/people")(handler)


@pytest.mark.parametrize("name", ["", "a:b"])
def test_a_name_has_no_colon(name: str) -> None:
    with pytest.raises(ValueError, match="expected a name without a colon"):
        App().get("/", name=name)(handler)


@pytest.mark.parametrize("methods", [[], [""], ["GET", "A B"], ["G\u00e9T"], ["GET,POST"]])
def test_a_method_is_a_token(methods: list[str]) -> None:
    with pytest.raises(ValueError, match="methods: "):
        App().route("/", methods=methods)
    with pytest.raises(TypeError, match="expected a list of methods, not 'GET'"):
        App().route("/", methods="GET")


def test_a_compiled_application_takes_nothing_more() -> None:
    app, inner = App(), App()
    app.mount("/inner", inner)
    route = app.get("/late")
    app._compiled()
    assert app._compiled() is app._compiled()
    attempts = [
        lambda: route(handler),
        lambda: app.get("/"),
        lambda: inner.get("/"),
        lambda: app.websocket("/"),
        lambda: app.mount("/x", App()),
        lambda: app.middleware(handler),
        lambda: app.before(handler),
        lambda: inner.after(handler),
        lambda: app.exception_handler(404),
        lambda: app.converter("hex", Hexadecimal()),
    ]
    for attempt in attempts:
        with pytest.raises(RuntimeError, match="can't be added: the application was compiled at its first use"):
            attempt()


def test_a_url_is_made_of_the_parameters() -> None:
    app = App()
    app.converter("hex", Hexadecimal())
    app.get("/\u00e9/{id:int}", name="int")(handler)
    app.get("/f/{x:float}", name="float")(handler)
    app.get("/u/{x:uuid}", name="uuid")(handler)
    app.get("/s/{x}/{y}", name="str")(handler)
    app.get("/p/{x:path}", name="path")(handler)
    app.get("/h/{x:hex}", name="hex")(handler)
    app.get("/", name="root")(handler)
    key = uuid.UUID(int=17)
    assert app.url_for("int", id=-3) == "/%C3%A9/-3"
    assert app.url_for("float", x=1.5) == "/f/1.5"
    assert app.url_for("float", x=1e22) == "/f/" + f"{1e22:f}"
    assert app.url_for("float", x=2) == "/f/2"
    assert app.url_for("uuid", x=key) == app.url_for("uuid", x=str(key)) == f"/u/{key}"
    assert app.url_for("str", x="a/b c", y="%?#") == "/s/a%2Fb%20c/%25%3F%23"
    assert app.url_for("path", x="a/b c/") == "/p/a/b%20c/"
    assert app.url_for("path", x="") == "/p/"
    assert app.url_for("hex", x=255) == "/h/ff"
    assert app.url_for("root") == "/"
    assert app.url_for("root", _query={"q": "a&b", "tag": ["x", "y"]}) == "/?q=a%26b&tag=x&tag=y"
    assert app.url_for("root", _query=[("q", 1), ("q", 2)]) == "/?q=1&q=2"
    assert app.url_for("root", _query={}) == "/"
    table = app._compiled()
    for name, values in {"int": {"id": -3}, "str": {"x": "a/b c", "y": "%?#"}, "hex": {"x": 255}}.items():
        assert table.match("GET", app.url_for(name, **values).encode())[3] == values


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("int", {"x": "1"}),
        ("int", {"x": 1.5}),
        ("int", {"x": 10**64}),
        ("float", {"x": float("nan")}),
        ("float", {"x": "1"}),
        ("uuid", {"x": "no"}),
        ("str", {"x": ""}),
        ("str", {"x": ".."}),
        ("str", {"x": "a\0"}),
        ("path", {"x": "a/../b"}),
        ("path", {"x": "/evil.example"}),
        ("hex", {"x": "text"}),
    ],
)
def test_a_value_that_no_path_has_is_refused(name: str, values: dict[str, Any]) -> None:
    app = App()
    app.converter("hex", Hexadecimal())
    for kind in ("int", "float", "uuid", "str", "hex"):
        app.get(f"/{kind}/{{x:{kind}}}", name=kind)(handler)
    app.get("/{x:path}", name="path")(handler)
    with pytest.raises(ValueError):
        app.url_for(name, **values)


def test_a_url_needs_all_parameters_and_no_other() -> None:
    app = App()
    app.get("/{a}/{b}", name="two")(handler)
    with pytest.raises(TypeError, match="b is missing, c is unknown"):
        app.url_for("two", a=1, c=2)
    with pytest.raises(LookupError, match="no route is named 'three'"):
        app.url_for("three")


def test_a_converter_has_a_name_and_two_methods() -> None:
    app = App()
    for name in ("", "a b", "1", "int", "path"):
        with pytest.raises(ValueError, match="converter: "):
            app.converter(name, Hexadecimal())
    app.converter("hex", Hexadecimal())
    with pytest.raises(ValueError, match="'hex' exists already"):
        app.converter("hex", Hexadecimal())
    for wrong in (Hexadecimal, object(), int):
        with pytest.raises(TypeError, match=r"expected an object with parse\(\) and format\(\)"):
            app.converter("other", wrong)  # type: ignore[arg-type]


def test_both_grammars_of_patterns_are_one() -> None:
    names = ["{", "}", "{a}", "{a:int}", "{b:path}", "{1}", "{c:odd}", "{d:}", "{e"]
    pieces = ["/", "//", "a", "%", "?", "\0", ":", "", *names]
    source = random.Random(15)
    accepted = 0
    for _ in range(3000):
        text = source.choice(["/", ""]) + "".join(source.choices(pieces, k=source.randrange(6)))
        outcomes = [is_accepted(text, {}, parse), is_accepted([(text, None, "plain", handler, None)], {}, compiled)]
        assert outcomes[0] == outcomes[1], text
        accepted += outcomes[0]
    assert accepted > 100


def compiled(rows: Any, options: dict[str, Any]) -> Any:
    return _native.Routes(rows, handler, handler, options)


def is_accepted(argument: Any, more: dict[str, Any], function: Any) -> bool:
    try:
        function(argument, more)
    except ValueError:
        return False
    return True


def test_a_parameter_whose_name_begins_with_an_underscore_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with a letter"):
        App().get("/{_query}")
