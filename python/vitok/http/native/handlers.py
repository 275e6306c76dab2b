"""The functions of an application: their types, and what is checked when they are defined.

A wrong function is an error at its definition, not at the first request. Nothing here calls one.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from vitok import _native

from .responses import Response
from .websocket import WebSocket


class DataclassInstance(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class StructInstance(Protocol):
    """An instance of a `msgspec.Struct`."""

    __struct_fields__: ClassVar[tuple[str, ...]]


# What becomes the content of a response.
Content: TypeAlias = (
    str | bytes | bool | int | float | Mapping[str, Any] | list[Any] | DataclassInstance | StructInstance | None
)
Fields: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
# What a handler may return.
Result: TypeAlias = _native.Response | Content | tuple[Content, int] | tuple[Content, int, Fields]
Handler: TypeAlias = Callable[[_native.Request[Any]], Result | Awaitable[Result]]
CallNext: TypeAlias = Callable[[_native.Request[Any]], Awaitable[Response]]
Middleware: TypeAlias = Callable[[_native.Request[Any], CallNext], Awaitable[Result]]
Before: TypeAlias = Callable[[_native.Request[Any]], Result | Awaitable[Result]]
After: TypeAlias = Callable[[_native.Request[Any], Response], Response | Awaitable[Response | None] | None]
WebSocketHandler: TypeAlias = Callable[[WebSocket[Any]], Awaitable[None]]

HandlerT = TypeVar("HandlerT", bound=Handler)
MiddlewareT = TypeVar("MiddlewareT", bound=Middleware)
BeforeT = TypeVar("BeforeT", bound=Before)
AfterT = TypeVar("AfterT", bound=After)
WebSocketHandlerT = TypeVar("WebSocketHandlerT", bound=WebSocketHandler)


def name_of(function: Any) -> str:
    """Return the name of a function for messages: its module and qualified name."""
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__qualname__"):
        value: object = function
        function = type(value)
    return f"{function.__module__}.{function.__qualname__}"


def is_async(function: Any) -> bool:
    """Return whether a call returns a coroutine: of a function, a method, a partial or an object with `__call__`."""
    if inspect.iscoroutinefunction(function):
        return True
    call = getattr(function, "__call__", None)  # noqa: B004  # its kind counts, not whether there is one
    return not inspect.isroutine(function) and inspect.iscoroutinefunction(call)


def check(function: Any, *, role: str, arguments: tuple[str, ...]) -> None:
    """Check that a function can be called with these positional arguments. TypeError names it."""
    if isinstance(function, type):
        raise TypeError(f"{role} {name_of(function)}: expected a function or an instance, not a class")
    if not callable(function):
        raise TypeError(f"{role}: expected a function, not {function!r}")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(f"{role} {name_of(function)}: expected a function without yield")
    try:
        signature = inspect.signature(function)
    except ValueError:
        # A function in C without a signature.
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        expected = ", ".join(arguments)
        raise TypeError(f"{role} {name_of(function)}: expected the parameters ({expected}), not {signature}") from None
