"""Routes of compiled applications: which endpoint answers, and with which parameters."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from native_support import a_coroutine, compiled, plain
from vitok import _native


def nothing(*_: Any) -> None:
    """An endpoint that is not called."""


def routes(*shapes: str, **options: Any) -> Any:
    return compiled(*(plain(nothing, shape, ("GET",)) for shape in shapes), **options)


def params(table: Any, path: str, method: str = "GET") -> dict[str, Any]:
    kind, endpoint, route, values = table.match(method, path.encode())
    assert (kind, endpoint, route) == ("plain", nothing, None)
    assert isinstance(values, dict)
    return values


def test_built_in_converters_make_values() -> None:
    table = routes("/i/{x:int}", "/f/{x:float}", "/u/{x:uuid}", "/s/{x}", "/p/{x:path}")
    assert params(table, "/i/-17") == {"x": -17}
    assert params(table, "/i/" + "9" * 64) == {"x": int("9" * 64)}
    assert table.match("GET", b"/i/" + b"9" * 65) == ()
    assert params(table, "/f/1.50") == {"x": 1.5}
    assert params(table, "/f/2") == {"x": 2.0}
    assert params(table, "/u/550E8400-e29b-41d4-a716-446655440000") == {
        "x": uuid.UUID("550e8400-e29b-41d4-a716-446655440000")
    }
    assert params(table, "/s/caf%C3%A9%2Fbar") == {"x": "caf\u00e9/bar"}
    assert params(table, "/p/a/b%2Fc/../d") == {"x": "a/b/c/../d"}
    assert params(table, "/p/") == {"x": ""}


def test_methods_that_a_path_has_are_returned() -> None:
    rows = [plain(nothing, "/a", ("GET",)), a_coroutine(nothing, "/a", ("PURGE", "POST")), plain(nothing, "/b", None)]
    table = compiled(*rows)
    assert table.match("POST", b"/a")[0] == "async"
    assert table.match("HEAD", b"/a")[0] == "plain"
    assert table.match("PUT", b"/a") == ("GET", "HEAD", "POST", "PURGE")
    assert table.match("GET", b"/c") == ()


def test_websockets_have_routes_of_their_own() -> None:
    rows = [
        plain(nothing, "/chat", ("GET",)),
        ("/chat", None, "websocket", nothing),
        ("/old/{path:path}", None, "asgi", nothing),
        ("/only", None, "websocket", nothing),
    ]
    table = compiled(*rows)
    assert table.match("GET", b"/chat")[0] == "plain"
    assert table.match("WEBSOCKET", b"/chat")[0] == "websocket"
    assert table.match("GET", b"/old/x")[0] == "asgi"
    assert table.match("WEBSOCKET", b"/old/x")[::3] == ("asgi", {"path": "x"})
    assert table.match("GET", b"/only") == ()
    assert table.match("WEBSOCKET", b"/none") == ()


class Even:
    """A converter that takes even numbers, and fails for the text `bug`."""

    def parse(self, text: str) -> int:
        if text == "bug":
            raise ZeroDivisionError
        if int(text) % 2:
            raise ValueError("odd")
        return int(text)

    def format(self, value: int) -> str:
        return str(value)


def test_a_converter_of_the_program_decides() -> None:
    converters = {"even": Even()}
    table = routes("/{n:even}", "/{n:even}/{m:even}", "/{name}", converters=converters)
    assert params(table, "/12") == {"n": 12}
    assert params(table, "/%312") == {"n": 12}
    assert params(table, "/13") == {"name": "13"}
    assert params(table, "/x") == {"name": "x"}
    assert params(table, "/2/4") == {"n": 2, "m": 4}
    assert table.match("GET", b"/2/3") == ()
    assert table.match("PUT", b"/2/4") == ("GET", "HEAD")
    with pytest.raises(ZeroDivisionError):
        table.match("GET", b"/bug")


@pytest.mark.parametrize("path", [b"/%00", b"/a%00b", b"/%ff", b"/%C3", b"/\xff"])
def test_a_path_that_can_not_be_decoded_is_refused(path: bytes) -> None:
    with pytest.raises(ValueError, match=r"the path (has a NUL|is no UTF-8)"):
        routes("/{x}").match("GET", path)


def test_a_wrong_row_is_an_error() -> None:
    with pytest.raises(ValueError, match=r'"/\{a": expected'):
        _native.Routes([("/{a", None, "plain", nothing, None)], nothing, nothing, {})
    with pytest.raises(ValueError, match="no converter is named"):
        routes("/{a:even}")
    with pytest.raises(ValueError, match="no kind of an endpoint"):
        _native.Routes([("/", None, "other", nothing, None)], nothing, nothing, {})


def test_what_an_application_was_made_with_can_be_read() -> None:
    options = {"json_encode": repr, "app": 1}
    table = _native.Routes([], nothing, repr, options)
    assert table.fallback is nothing
    assert table.on_exception is repr
    assert table.options is options
