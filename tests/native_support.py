"""Compiled native applications for tests: `_native.Routes` of a few functions, without the classes in Python.

`serving(compiled(...))` of asgi_support serves one.
"""

import json
from collections.abc import Callable
from typing import Any

from vitok import _native

Endpoint = Callable[..., Any]
# Shape, methods, kind and endpoint.
Row = tuple[str, tuple[str, ...] | None, str, Endpoint]


def plain(endpoint: Endpoint, shape: str = "/", methods: tuple[str, ...] | None = None) -> Row:
    """A route to a plain function; for GET and POST unless others are given."""
    return shape, methods or ("GET", "POST"), "plain", endpoint


def a_coroutine(endpoint: Endpoint, shape: str = "/", methods: tuple[str, ...] | None = None) -> Row:
    """The same to a coroutine function."""
    return shape, methods or ("GET", "POST"), "async", endpoint


def fallback(_: _native.Request, allowed: tuple[str, ...] | None) -> Any:
    """Tell what is allowed."""
    return ("no route", 404) if allowed is None else ("not allowed", 405, {"allow": ", ".join(allowed)})


def reraise(_: _native.Request, exception: Exception) -> Any:
    """Handle no exception."""
    raise exception


def encode(value: object) -> bytes:
    """Make JSON, compactly."""
    return json.dumps(value, separators=(",", ":")).encode()


def compiled(*rows: Row, fallback: Endpoint = fallback, on_exception: Endpoint = reraise, **options: Any) -> Any:
    """An application of these routes."""
    entries = [(*row, None) for row in rows]
    return _native.Routes(entries, fallback, on_exception, {"json_encode": encode, **options})
