"""Applications that are not coroutine functions: called within the task of their request, as all others are.

So the code that such a callable runs before it returns, and the context variables that it sets, belong to the request;
and its result may be any awaitable. The arguments of an application are not known here.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any


def as_coroutine_function(application: Callable[..., Any]) -> Callable[..., Any]:
    """Return the application itself if calling it runs none of its code, otherwise a coroutine function around it."""
    if inspect.iscoroutinefunction(application):
        return application
    if inspect.iscoroutinefunction(getattr(type(application), "__call__", None)):  # noqa: B004
        return application

    async def call(scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
        await application(scope, receive, send)

    return call
