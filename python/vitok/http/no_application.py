"""What an object is that is no application, in words: for the one line with which it is refused.

Which objects are applications is known elsewhere.
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

from .convention import can_be_called, convention_of

# What has a server of its own, by the first part of the name of its module.
_OWN_SERVERS = {
    "aiohttp": "an application of aiohttp, which has a server of its own: `vitok run` runs its program",
    "tornado": "an application of Tornado, which has a server of its own: `vitok run` runs its program",
    "twisted": "an object of Twisted, which has servers of its own: `vitok run` runs its program",
}


def description(found: Any) -> str:
    """Return what an object is, and what to do about it where that is known."""
    if own := own_server(found):
        return own
    if isinstance(found, type):
        return f"the class {found.__name__}{_hint_of_class(found)}"
    if isinstance(found, ModuleType):
        return f"the module {found.__name__}, which may have one: name it as {found.__name__}:app"
    if inspect.iscoroutine(found):
        found.close()
        return "a coroutine, which an async function has returned: a module cannot await it"
    if not callable(found):
        return f"an object of type {_type_name(found)}"
    if can_be_called(found, 0):
        if inspect.iscoroutinefunction(found):
            return "an async function without parameters: a factory is a plain function"
        return "a function without parameters: with --factory it is called to make the application"
    kind = "an async function" if inspect.iscoroutinefunction(found) else "a function"
    if not inspect.isroutine(found):
        kind = f"an object of type {_type_name(found)}, called"
    return f"{kind} with ({_parameters(found)})"


def own_server(found: Any) -> str:
    """Return what an object is whose library has a server of its own; "" for others."""
    cls = found if isinstance(found, type) else type(found)
    for base in cls.__mro__:
        if text := _OWN_SERVERS.get(base.__module__.partition(".")[0]):
            return text
    return ""


def _hint_of_class(cls: type) -> str:
    """Return what to name instead of a class whose objects are applications."""
    call = getattr(cls, "__call__", None)  # noqa: B004 - that of its objects, not whether the class can be called
    is_one = hasattr(cls, "_compiled") or (
        inspect.isfunction(call) and (can_be_called(call, 4) or can_be_called(call, 3))
    )
    return f", whose objects are applications: name one, such as app = {cls.__name__}(...)" if is_one else ""


def is_application(found: Any) -> bool:
    """Return whether an object is an application of any convention."""
    return hasattr(found, "_compiled") or (callable(found) and bool(convention_of(found)))


def _type_name(found: object) -> str:
    cls = type(found)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _parameters(found: Any) -> str:
    """Return the names of the parameters of a callable."""
    try:
        parameters = inspect.signature(found).parameters.values()
    except (TypeError, ValueError):
        return "unknown parameters"
    stars: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return ", ".join(stars.get(one.kind, "") + one.name for one in parameters)
