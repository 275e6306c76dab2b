"""Applications that are no coroutine functions: called within the task of their request, as all others are.

What such a callable does before it returns, and what it sets in its context, is a request's own then; and what it
returns may be anything that can be awaited. It knows nothing of what an application is called with.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any


def as_coroutine_function(application: Callable[..., Any]) -> Callable[..., Any]:
    """The application itself if calling it runs none of its code, otherwise a coroutine function around it."""
    if inspect.iscoroutinefunction(application):
        return application
    if inspect.iscoroutinefunction(getattr(type(application), "__call__", None)):  # noqa: B004
        return application

    async def call(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        await application(scope, receive, send)

    return call
