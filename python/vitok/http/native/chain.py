"""What surrounds a handler, composed once into one endpoint: middleware, hooks, exception handlers, threads.

Each application is a level; a mounted one is inside of the one that it is mounted in. At each level a request passes
the middleware (the first is the outermost), the hooks before, the exception handlers with the handler inside, and the
hooks after. What is not there costs nothing: a plain function with nothing around it is its own endpoint, and stays a
plain function if only plain functions surround it.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import types
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .errors import PROBLEM_JSON, HTTPError
from .handlers import is_async, name_of
from .responses import Response

Endpoint = Callable[[Any], Any]

# An exception that no handler wants has this attribute, so that an outer level does not ask again.
_UNHANDLED = "_vitok_unhandled"


class Level:
    """One application, as far as it surrounds handlers.

    Args:
        middleware: The outermost first.
        before: Hooks before, in order.
        after: Hooks after, in order.
        handlers: Exception handlers by class or status, without those of outer levels.
        outer: The level that this one is inside of.
        respond: Makes a response of a value: `(value, request, name)`.
        state: Returns what the lifespan of this application yielded; None if it has none, or is the outermost.
    """

    def __init__(
        self,
        *,
        middleware: list[Any],
        before: list[Any],
        after: list[Any],
        handlers: Mapping[type[Exception] | int, Any],
        outer: Level | None,
        respond: Callable[[Any, Any, str], Any],
        state: Callable[[], Mapping[str, Any]] | None,
    ) -> None:
        self.middleware = middleware
        self.before: list[tuple[Any, bool]] = [(hook, is_async(hook)) for hook in before]
        self.after: list[tuple[Any, bool, str]] = [(hook, is_async(hook), name_of(hook)) for hook in after]
        # A mounted application has the handlers of the outer one, except for those that it replaces.
        inherited = outer.handlers if outer else {}
        self.handlers: dict[type[Exception] | int, Any] = {**inherited, **handlers}
        self.outer = outer
        self.respond = respond
        self.state = state
        self._makes_responses = bool(middleware or after)
        # The native server calls `handle` of the outermost level for what leaves an endpoint.
        self._catches = self._makes_responses or (outer is not None and bool(handlers))

    def surround(self, endpoint: Endpoint, *, name: str, awaits: bool) -> tuple[Endpoint, bool]:
        """Return an endpoint with all levels around it, and whether it returns coroutines."""
        level: Level | None = self
        while level is not None:
            endpoint, awaits = level._around(endpoint, name, awaits)
            level = level.outer
        return endpoint, awaits

    def _around(self, endpoint: Endpoint, name: str, awaits: bool) -> tuple[Endpoint, bool]:
        """Return an endpoint with this level around it."""
        if self.before or self._catches:
            functions = [is_hook_async for _, is_hook_async, *_ in [*self.before, *self.after]]
            if self._catches:
                functions += map(is_async, self.handlers.values())
            if awaits or self.middleware or any(functions):
                endpoint, awaits = self._async_core(endpoint if awaits else gathered(endpoint), name), True
            else:
                endpoint = self._plain_core(endpoint, name)
        for middleware in reversed(self.middleware):
            endpoint = self._within(middleware, endpoint)
        if self.middleware and self.outer is not None and self.handlers:
            endpoint = self._outside(endpoint)
        return self._with_state(endpoint), awaits

    def _plain_core(self, endpoint: Endpoint, name: str) -> Endpoint:
        """Return hooks and exception handlers around an endpoint, all plain functions."""
        before = [hook for hook, _ in self.before]
        after = [(hook, own_name) for hook, _, own_name in self.after]
        respond, handle, makes_responses = self.respond, self.handle, self._makes_responses
        complete = self._complete(name)

        def run(request: Any) -> Any:
            for hook in before:
                value = hook(request)
                if value is not None:
                    return _no_coroutine(value, hook)
            return endpoint(request)

        def catch(request: Any) -> Any:
            try:
                value = coroutine = run(request)
                if isinstance(value, types.CoroutineType):
                    # Of a function that was not seen to be asynchronous.
                    return complete(request, lambda _: coroutine)
                if makes_responses:
                    value = respond(value, request, name)
            except Exception as error:
                value = handle(request, error)
                if makes_responses:
                    value = respond(value, request, name)
            for hook, own_name in after:
                replaced = hook(request, value)
                if replaced is not None:
                    value = respond(_no_coroutine(replaced, hook), request, own_name)
            return value

        return catch if self._catches else run

    def _async_core(self, endpoint: Endpoint, name: str) -> Endpoint:
        """Return hooks and exception handlers around an endpoint that returns a coroutine."""
        before, complete = self.before, self._complete(name)

        async def run(request: Any) -> Any:
            for hook, awaits in before:
                value = hook(request)
                if awaits:
                    value = await value
                if value is not None:
                    return _no_coroutine(value, hook)
            return await endpoint(request)

        def catch(request: Any) -> Any:
            return complete(request, run)

        return catch if self._catches else run

    def _complete(self, name: str) -> Callable[[Any, Endpoint], Awaitable[Any]]:
        """Return a coroutine function that awaits an endpoint, handles exceptions, and calls the hooks after."""
        respond, after, makes_responses = self.respond, self.after, self._makes_responses

        async def complete(request: Any, endpoint: Endpoint) -> Any:
            try:
                value = await endpoint(request)
                if makes_responses:
                    value = respond(value, request, name)
            except Exception as error:
                value = self.handle(request, error)
                if inspect.isawaitable(value):
                    value = await value
                if makes_responses:
                    value = respond(value, request, name)
            for hook, awaits, own_name in after:
                replaced = hook(request, value)
                if awaits:
                    replaced = await replaced
                if replaced is not None:
                    value = respond(_no_coroutine(replaced, hook), request, own_name)
            return value

        return complete

    def _within(self, middleware: Any, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint with one middleware around it."""
        respond, name = self.respond, name_of(middleware)

        async def run(request: Any) -> Any:
            value = middleware(request, endpoint)
            if inspect.isawaitable(value):
                value = await value
            if isinstance(value, types.CoroutineType):
                value.close()
                raise TypeError(f"middleware {name} returned a coroutine: expected await call_next(request)")
            return value if isinstance(value, Response) else respond(value, request, name)

        return run

    def _outside(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint whose middleware's own exceptions are handled."""

        async def run(request: Any) -> Any:
            try:
                return await endpoint(request)
            except Exception as error:
                value = self.handle(request, error)
                return await value if inspect.isawaitable(value) else value

        return run

    def _with_state(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint whose request has the state of this application, beside that of outer ones."""
        state = self.state
        if state is None:
            return endpoint

        def run(request: Any) -> Any:
            request.state.update(state())
            return endpoint(request)

        return run

    def with_state_of_socket(self, endpoint: Callable[..., Any]) -> Callable[..., Any]:
        """Return the endpoint of a WebSocket, whose scope has the state of this application and of outer ones."""
        states: list[Callable[[], Mapping[str, Any]]] = []
        level: Level | None = self
        while level is not None:
            states[:0] = [] if level.state is None else [level.state]
            level = level.outer
        if not states:
            return endpoint

        async def run(scope: dict[str, Any], receive: Any, send: Any) -> None:
            state = dict(scope.get("state") or {})
            for inner in states:
                state.update(inner())
            await endpoint({**scope, "state": state}, receive, send)

        return run

    def handle(self, request: Any, error: Exception) -> Any:
        """Return what the exception handlers make of an exception: a value, or the coroutine of one.

        Without a handler, an `HTTPError` is a problem, and anything else is raised.
        """
        return self._handle(request, error, [])

    def _handle(self, request: Any, error: Exception, asked: list[Any]) -> Any:
        """Do the same without the handlers that were asked before, for an exception of one of them."""
        key, handler = (None, None) if hasattr(error, _UNHANDLED) else self._find(error, asked)
        if handler is None:
            if isinstance(error, HTTPError):
                return problem(error)
            _mark(error)
            raise error
        if key == 500 and not isinstance(error, HTTPError):
            report(handler, error)
        asked.append(handler)
        try:
            value = handler(request, error)
        except Exception as other:
            return self._handle(request, other, asked)
        return self._awaited(request, value, asked) if inspect.isawaitable(value) else value

    async def _awaited(self, request: Any, value: Awaitable[Any], asked: list[Any]) -> Any:
        """Return the value of an exception handler that is a coroutine function."""
        try:
            return await value
        except Exception as other:
            handled = self._handle(request, other, asked)
            return await handled if inspect.isawaitable(handled) else handled

    def _find(self, error: Exception, asked: list[Any]) -> tuple[Any, Any]:
        """Return the key and the nearest handler: by class, by status before `HTTPError` and its bases; 500 is last."""
        keys: list[Any] = []
        status = error.status if isinstance(error, HTTPError) else 500
        for kind in type(error).__mro__:
            if kind is HTTPError:
                keys.append(status)
            keys.append(kind)
        if HTTPError not in keys:
            keys.append(status)
        found = ((key, self.handlers[key]) for key in keys if key in self.handlers)
        return next(((key, handler) for key, handler in found if handler not in asked), (None, None))


def problem(error: HTTPError) -> Any:
    """Return the response of an `HTTPError`."""
    return Response(error.content(), error.status, error.headers, PROBLEM_JSON)


def report(handler: Any, error: Exception) -> None:
    """Report an exception whose response is that of the handler for the status 500."""
    message = f"Exception in a handler; the response is that of {name_of(handler)}"
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


def gathered(handler: Endpoint) -> Endpoint:
    """Return a coroutine function that calls a plain function once the content has arrived."""

    async def run(request: Any) -> Any:
        await request.body()
        value = handler(request)
        return await value if inspect.isawaitable(value) else value

    return run


def in_thread(handler: Endpoint) -> Endpoint:
    """Return a coroutine function that calls a plain function in the loop's executor, with the context variables."""

    def call(request: Any) -> Any:
        try:
            return handler(request)
        except StopIteration as error:
            # A future can't have this exception: the request would wait for ever.
            raise RuntimeError(f"{name_of(handler)} raised StopIteration") from error

    async def run(request: Any) -> Any:
        await request.body()
        in_context: Callable[..., Any] = contextvars.copy_context().run
        value = await asyncio.get_running_loop().run_in_executor(None, in_context, call, request)
        return await value if inspect.isawaitable(value) else value

    return run


def _no_coroutine(value: Any, function: Any) -> Any:
    """Return the value of a hook. TypeError if it is a coroutine, which nothing awaits."""
    if isinstance(value, types.CoroutineType):
        value.close()
        raise TypeError(f"hook {name_of(function)} returned a coroutine: expected async def, or a value")
    return value


def _mark(error: Exception) -> None:
    """Note that no handler wants an exception."""
    try:
        setattr(error, _UNHANDLED, True)
    except AttributeError:
        # A class with slots: outer levels ask once more.
        return
