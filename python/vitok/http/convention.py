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


def convention_of(app: Callable[..., Any]) -> str:
    """Return the calling convention that an application's parameters show: asgi3, asgi2 or wsgi, or nothing.

    A class is an application if what it makes fits: an awaitable, a function of the two others, or an iterable.
    """
    for count, name, needed in _CONVENTIONS:
        if name == "asgi3" and not is_async(app) and can_be_called(app, 2) and not can_be_called(app, 1):
            # It needs two: the third one is an option of its own.
            continue
        if can_be_called(app, count) and (not isinstance(app, type) or _has_method(app, needed)):
            return "" if name == "wsgi" and is_async(app) else name
    return ""


def _has_method(cls: type, name: str) -> bool:
    """Return whether the instances of a class have a method. The class itself has those of its own class, too."""
    return any(name in vars(base) for base in cls.__mro__)


def is_async(app: Callable[..., Any]) -> bool:
    """Return whether calling an application makes a coroutine."""
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(type(app), "__call__", None))  # noqa: B004


def can_be_called(app: Callable[..., Any], count: int) -> bool:
    """Return whether it takes this many positional arguments. Unknown parameters count as three."""
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return count == 3
    try:
        signature.bind(*([None] * count))
    except TypeError:
        return False
    return True
