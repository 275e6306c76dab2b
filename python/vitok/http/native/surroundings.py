"""What surrounds handlers: the part of class `App` for middleware, hooks and exception handlers.

Nothing here knows routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, overload

from . import handlers
from .handlers import AfterT, BeforeT, Middleware, MiddlewareT, Result

E = TypeVar("E", bound=Exception)
Handled = TypeVar("Handled", bound=Result | Awaitable[Result])
ExceptionHandlerT = TypeVar("ExceptionHandlerT", bound=Callable[[Any, Any], Result | Awaitable[Result]])


class Surroundings:
    """Middleware, hooks and exception handlers, until the application is compiled."""

    def __init__(self, middleware: Iterable[Middleware]) -> None:
        self._is_closed = False
        self._middleware: list[Any] = []
        self._before: list[Any] = []
        self._after: list[Any] = []
        self._exception_handlers: dict[type[Exception] | int, Any] = {}
        for function in middleware:
            self.middleware(function)

    def middleware(self, function: MiddlewareT) -> MiddlewareT:
        """Surround every request: a decorator for an `async def` with the parameters `(request, call_next)`.

        `await call_next(request)` returns the `Response` of what is inside, and raises what no exception handler
        wants. Middleware that is added first is the outermost. It also surrounds 404, 405 and OPTIONS.
        """
        self._check_open("middleware")
        handlers.check(function, role="middleware", arguments=("request", "call_next"))
        self._middleware.append(function)
        return function

    def before(self, function: BeforeT) -> BeforeT:
        """Call a function before each handler, inside of the middleware: a decorator.

        It takes the request. If it returns anything but None, that is the response, and the handler is not called.
        """
        self._check_open("a hook")
        handlers.check(function, role="hook before", arguments=("request",))
        self._before.append(function)
        return function

    def after(self, function: AfterT) -> AfterT:
        """Call a function after each handler, with the request and the `Response`: a decorator.

        It may change the response, or return another one. It also sees the responses of hooks before and of exception
        handlers, but not that of an exception that no handler wants.
        """
        self._check_open("a hook")
        handlers.check(function, role="hook after", arguments=("request", "response"))
        self._after.append(function)
        return function

    @overload
    def exception_handler(
        self, key: type[E]
    ) -> Callable[[Callable[[Any, E], Handled]], Callable[[Any, E], Handled]]: ...
    @overload
    def exception_handler(self, key: int) -> Callable[[ExceptionHandlerT], ExceptionHandlerT]: ...
    def exception_handler(self, key: Any) -> Any:
        """Make a response of exceptions: a decorator for a function that takes the request and the exception.

        Of several handlers the one for the nearest class counts. That for a status is asked before one for
        `HTTPError` itself. The one for 500 also gets every exception that has no other handler, after that was
        reported. An exception that a handler raises goes on to the other handlers.

        Args:
            key: A class of exceptions, or the status of an `HTTPError`.
        """
        self._check_open("an exception handler")
        is_status = isinstance(key, int) and not isinstance(key, bool) and 400 <= key <= 599
        if not is_status and not (isinstance(key, type) and issubclass(key, Exception)):
            raise TypeError(f"exception_handler: expected a class of exceptions, or a status from 400 on, not {key!r}")

        def decorate(function: Any) -> Any:
            self._check_open("an exception handler")
            handlers.check(function, role="exception handler", arguments=("request", "exception"))
            if key in self._exception_handlers:
                raise ValueError(f"exception_handler: {key!r} has a handler already")
            self._exception_handlers[key] = function
            return function

        return decorate

    def _check_open(self, what: str) -> None:
        """Raise RuntimeError if the application was compiled."""
        if self._is_closed:
            raise RuntimeError(f"{what} can't be added: the application was compiled at its first use")
