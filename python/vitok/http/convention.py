"""The calling convention of an application, as its parameters show it: ASGI 3, ASGI 2 or WSGI.

Nothing is called here, and native applications are not known.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

# The number of arguments, and the method of an object that is made by a class: something to await, something to call
# with the two other arguments, something to iterate over.
_CONVENTIONS = ((3, "asgi3", "__await__"), (1, "asgi2", "__call__"), (2, "wsgi", "__iter__"))
# The first parameter of an application of WSGI, and the only one of functions that answer requests.
_OF_WSGI = frozenset({"environ", "env"})
_OF_HANDLERS = (["request"], ["req"], ["event"], ["environ"])


def convention_of(app: Callable[..., Any]) -> str:
    """Return the calling convention that an application's parameters show: asgi3, asgi2 or wsgi, or nothing.

    A class is an application if what it makes fits: an awaitable, a function of the two others, or an iterable.
    """
    for count, name, needed in _CONVENTIONS:
        if name == "asgi3" and not is_async(app) and can_be_called(app, 2) and not can_be_called(app, 1):
            # It needs two: the third one is an option of its own.
            continue
        if can_be_called(app, count) and (not isinstance(app, type) or _has_method(app, needed)):
            return name if _can_be(name, app) else ""
    return ""


def may_be(app: Callable[..., Any], name: str) -> bool:
    """Return whether an application can be called in this convention, whatever convention its parameters show.

    What `functools.wraps` says of a function counts for nothing here: the function around it may have others.
    """
    count = next(count for count, known, _ in _CONVENTIONS if known == name)
    return can_be_called(app, count, is_wrapper_known=True) and (name != "wsgi" or not is_async(app))


def _can_be(name: str, app: Callable[..., Any]) -> bool:
    """Return whether an application that takes the right number of arguments can be one of this convention."""
    if name == "wsgi":
        return not is_async(app)
    if name != "asgi2":
        return True
    if isinstance(app, type):
        # Frameworks have classes that take a name, and whose objects are applications of ASGI 3 or WSGI.
        parameters = _names(vars(app).get("__call__") or getattr(app, "__call__"))[1:]  # noqa: B004, B009
        return len(parameters) == 2 and parameters[0] not in _OF_WSGI
    # A handler of requests is none: calling it makes no function.
    return not inspect.iscoroutinefunction(app) and _names(app)[:1] not in _OF_HANDLERS


def _names(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters of a function."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _has_method(cls: type, name: str) -> bool:
    """Return whether the instances of a class have a method. The class itself has those of its own class, too."""
    return any(name in vars(base) for base in cls.__mro__)


def is_async(app: Callable[..., Any]) -> bool:
    """Return whether calling an application makes a coroutine."""
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None))  # noqa: B004


def can_be_called(app: Callable[..., Any], count: int, *, is_wrapper_known: bool = False) -> bool:
    """Return whether it takes this many positional arguments. Unknown parameters count as three.

    With `is_wrapper_known` a function around another one has its own parameters, not those of the other.
    """
    try:
        signature = inspect.signature(app, follow_wrapped=not is_wrapper_known)
    except (TypeError, ValueError):
        return count == 3
    try:
        signature.bind(*([None] * count))
    except TypeError:
        return False
    return True
