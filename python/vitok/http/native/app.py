"""Class `App`: what an application is made of, until it is compiled for the native code at its first use."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from . import handlers
from .compiling import compiled
from .converters import BUILT_IN
from .definitions import Definition, Mount, Overlaps
from .routes import Route, methods_of, parse, path_for, query_of
from .surroundings import Surroundings

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Iterable

    from .converters import Converter
    from .form import FormLimits
    from .handlers import HandlerT, Middleware, WebSocketHandlerT
    from .routes import Query, Section

Lifespan = Callable[["App"], AbstractAsyncContextManager[Mapping[str, Any] | None]]
# Content that a request may have in memory. Uploads of browsers are forms, which have limits of their own.
MAX_BODY = 16 * 2**20


class App(Surroundings):
    """A native application: routes to functions, and what surrounds them.

    Everything is added before the first request. Then the application is compiled, and adding anything is a
    RuntimeError. It is also an ASGI application, for other servers: `app` itself, or `app.asgi`.

    Args:
        lifespan: Called with the application when a server starts; returns an async context manager. The mapping that
            it yields is copied into each `request.state`.
        middleware: Called for every request, the first outermost: see `middleware()`.
        max_body: Bytes of content that `request.body()` and its kin take; more is the status 413.
        redirect_slashes: Whether a path without a route is redirected to the one with, or without, a slash at its end,
            if that has a route.
        json_encode: Replaces the encoder of JSON: from a value to bytes or str.
        json_decode: Replaces the decoder of JSON: from bytes to a value; ValueError is the status 400.
        form_limits: Limits of forms, for `request.form()` without limits of its own; those of `FormLimits()` if None.

    >>> app = App()
    >>> @app.get("/hello/{name}", name="hello")
    ... def hello(request):
    ...     return f"Hello, {request.path_params['name']}!"
    >>> app.url_for("hello", name="you and me")
    '/hello/you%20and%20me'
    """

    def __init__(
        self,
        *,
        lifespan: Lifespan | None = None,
        middleware: Iterable[Middleware] = (),
        max_body: int = MAX_BODY,
        redirect_slashes: bool = False,
        json_encode: Callable[[Any], bytes | str] | None = None,
        json_decode: Callable[[bytes], Any] | None = None,
        form_limits: FormLimits | None = None,
    ) -> None:
        super().__init__(middleware)
        if max_body < 0:
            raise ValueError(f"max_body: expected a number of bytes, not {max_body!r}")
        if lifespan is not None:
            handlers.check(lifespan, role="lifespan", arguments=("app",))
        self._lifespan = lifespan
        self._options = {
            "max_body": max_body,
            "json_encode": json_encode,
            "json_decode": json_decode,
            "form_limits": form_limits,
        }
        # What `request.form()` without limits of its own takes; None for the defaults.
        self.form_limits = form_limits
        self._redirect_slashes = redirect_slashes
        self._definitions: list[Definition] = []
        self._mounts: list[Mount] = []
        self._names: dict[str, Definition] = {}
        self._overlaps = Overlaps()
        self._converters: dict[str, Converter[Any]] = {}
        # What the lifespan of this application yielded, while it is mounted in another one that is running.
        self._state: Mapping[str, Any] = {}
        self._routes: Any = None
        self._asgi: Any = None

    # Routes.

    def get(self, path: str, *, name: str | None = None, blocking: bool = False) -> Callable[[HandlerT], HandlerT]:
        """Define a route for GET, which also answers HEAD: see `route()`."""
        return self.route(path, methods=["GET"], name=name, blocking=blocking)

    def post(self, path: str, *, name: str | None = None, blocking: bool = False) -> Callable[[HandlerT], HandlerT]:
        """Define a route for POST: see `route()`."""
        return self.route(path, methods=["POST"], name=name, blocking=blocking)

    def put(self, path: str, *, name: str | None = None, blocking: bool = False) -> Callable[[HandlerT], HandlerT]:
        """Define a route for PUT: see `route()`."""
        return self.route(path, methods=["PUT"], name=name, blocking=blocking)

    def patch(self, path: str, *, name: str | None = None, blocking: bool = False) -> Callable[[HandlerT], HandlerT]:
        """Define a route for PATCH: see `route()`."""
        return self.route(path, methods=["PATCH"], name=name, blocking=blocking)

    def delete(self, path: str, *, name: str | None = None, blocking: bool = False) -> Callable[[HandlerT], HandlerT]:
        """Define a route for DELETE: see `route()`."""
        return self.route(path, methods=["DELETE"], name=name, blocking=blocking)

    def head(self, path: str, *, name: str | None = None, blocking: bool = False) -> Callable[[HandlerT], HandlerT]:
        """Define a route for HEAD, instead of the one for GET: see `route()`."""
        return self.route(path, methods=["HEAD"], name=name, blocking=blocking)

    def options(self, path: str, *, name: str | None = None, blocking: bool = False) -> Callable[[HandlerT], HandlerT]:
        """Define a route for OPTIONS, instead of the answer with Allow: see `route()`."""
        return self.route(path, methods=["OPTIONS"], name=name, blocking=blocking)

    def route(
        self, path: str, *, methods: Iterable[str], name: str | None = None, blocking: bool = False
    ) -> Callable[[HandlerT], HandlerT]:
        """Define a route: a decorator for a function that takes the request and returns a value or a `Response`.

        A plain function is called at once, on the loop's thread; `async def` runs in a task.

        Args:
            path: The pattern: a path, not percent-encoded, in which whole segments may be parameters: `{name}` or
                `{name:converter}` with the converter str, int, float, uuid, path (the last segment: the rest of the
                path), or one of `converter()`. Fixed text is matched before a parameter, and that before a path;
                patterns that differ only in converters are tried in the order of their definition.
            methods: The methods; any token may be one.
            name: The name for `url_for`. Names are not made of the function's.
            blocking: Whether a plain function is called in the loop's executor, with its context variables.

        Raises:
            ValueError: The pattern is malformed, or the name, or a method with this pattern, is defined already.
            TypeError: The function does not take one argument.
        """
        self._check_open("a route")
        pattern = parse(path, self._converters)
        names = methods_of(methods)

        def decorate(handler: HandlerT) -> HandlerT:
            self._check_open("a route")
            handlers.check(handler, role="handler", arguments=("request",))
            if blocking and handlers.is_async(handler):
                raise TypeError(f"handler {handlers.name_of(handler)}: blocking=True is for plain functions")
            self._add(Definition(pattern, names, handler, name, blocking))
            return handler

        return decorate

    def websocket(self, path: str, *, name: str | None = None) -> Callable[[WebSocketHandlerT], WebSocketHandlerT]:
        """Define a route for WebSockets: a decorator for an `async def` that takes the `WebSocket`.

        Middleware, hooks and exception handlers are for requests: they do not surround it. Arguments and errors are
        those of `route()`.
        """
        self._check_open("a route")
        pattern = parse(path, self._converters)

        def decorate(handler: WebSocketHandlerT) -> WebSocketHandlerT:
            self._check_open("a route")
            handlers.check(handler, role="WebSocket handler", arguments=("socket",))
            if not handlers.is_async(handler):
                raise TypeError(f"WebSocket handler {handlers.name_of(handler)}: expected async def")
            self._add(Definition(pattern, None, handler, name, is_websocket=True))
            return handler

        return decorate

    def mount(self, prefix: str, application: Any, *, name: str | None = None) -> None:
        """Serve another application below a prefix.

        The routes of an `App` become routes of this one, with their middleware, hooks and exception handlers inside
        of this one's, and with their lifespan, whose state is that of their requests only. Names get a prefix.
        Exceptions without a handler there have the handlers of this application. An ASGI application is called with
        `root_path` extended by the prefix; nothing of this application surrounds it, and its lifespan is not run.
        Routes are matched before mounted ASGI applications with the same path.

        Args:
            prefix: A path without a slash at its end, or `/`. It may have parameters if an `App` is mounted.
            application: An `App` or an ASGI application.
            name: What stands before the names and a colon; the text of the prefix if it is None. With an empty one the
                names stay as they are.

        Raises:
            ValueError: The prefix is malformed, or something is mounted there already.
            TypeError: The application is none.
        """
        self._check_open("a mounted application")
        pattern = parse(prefix, self._converters)
        if len(pattern.segments) > 1 and pattern.segments[-1] == "":
            raise ValueError(f"mount {prefix!r}: expected a prefix without a slash at its end")
        if any(parameter.converter == "path" for parameter in pattern.parameters):
            raise ValueError(f"mount {prefix!r}: expected a prefix without a parameter that is a path")
        if not isinstance(application, App):
            if not callable(application):
                raise TypeError(f"mount {prefix!r}: expected an App or an ASGI application, not {application!r}")
            if pattern.parameters:
                raise ValueError(f"mount {prefix!r}: only an App has a prefix with parameters")
        elif self in application._applications():
            raise ValueError(f"mount {prefix!r}: an application can't be mounted in itself")
        if any(mount.prefix.shape() == pattern.shape() for mount in self._mounts):
            raise ValueError(f"mount {prefix!r}: an application is mounted there already")
        stem = prefix.strip("/").replace("/", ":") if name is None else name
        self._mounts.append(Mount(pattern, application, f"{stem}:" if stem else "", isinstance(application, App)))

    def files(
        self,
        prefix: str,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        index: str | None = "index.html",
        follow_symlinks: bool = False,
        precompressed: bool = False,
        cache_control: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        content_types: Mapping[str, str] | None = None,
        dot_files: bool = True,
    ) -> None:
        """Serve the regular files of a folder below a prefix. No path leads out of the folder.

        Args:
            prefix: The prefix of the paths, such as "/static".
            folder: The folder. It is opened at once, and stays the same one if its name comes to lead to another.
            name: A name for `url_for`, which has one parameter, `path`.
            index: The file that is sent for a folder, or None: a folder is 404 then.
            follow_symlinks: Whether symbolic links are followed, also out of the folder.
            precompressed: Whether a file with `.br`, `.zst` or `.gz` behind its name is sent to clients that accept it.
            cache_control: The field `Cache-Control` of all files.
            headers: Further header fields of all files.
            content_types: Media types by suffix, such as `{".glb": "model/gltf-binary"}`.
            dot_files: Whether there are files and folders whose names begin with a dot. They are 404 otherwise.

        Raises:
            OSError: The folder can't be opened, or is none.
        """
        from .static_files import StaticFiles

        stem = prefix.rstrip("/")
        endpoint: Any = StaticFiles(
            folder,
            index=index,
            follow_symlinks=follow_symlinks,
            precompressed=precompressed,
            cache_control=cache_control,
            headers=headers,
            content_types=content_types,
            dot_files=dot_files,
        )
        self.get(f"{stem}/{{path:path}}", name=name)(endpoint)
        if stem:
            # It redirects to the folder.
            self.get(stem)(endpoint)

    def converter(self, name: str, converter: Converter[Any]) -> None:
        """Add a converter for parameters of routes that are defined after it.

        ValueError if the name is no identifier, or has a converter. TypeError if the object is none.
        """
        self._check_open("a converter")
        if not name.isidentifier() or not name.isascii():
            raise ValueError(f"converter: expected an identifier, not {name!r}")
        if name in BUILT_IN or name in self._converters:
            raise ValueError(f"converter: {name!r} exists already")
        if isinstance(converter, type) or not all(
            callable(getattr(converter, method, None)) for method in ("parse", "format")
        ):
            raise TypeError(f"converter {name!r}: expected an object with parse() and format(), not {converter!r}")
        self._converters[name] = converter

    def url_for(self, name: str, /, *, _query: Query | None = None, **parameters: Any) -> str:
        """Return the percent-encoded path of a named route, with a query if `_query` has any.

        LookupError if no route has the name, TypeError for parameters that are missing or unknown, ValueError for a
        value that no path has.
        """
        return self._url_for(None, name, _query, parameters)

    # Serving.

    @property
    def asgi(self) -> Any:
        """The application for any ASGI server: the same as the object itself."""
        if self._asgi is None:
            asgi: Any = importlib.import_module(".asgi", __package__)
            self._asgi = asgi.Asgi(self)
        return self._asgi

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI scope."""
        await self.asgi(scope, receive, send)

    def _compiled(self) -> Any:
        """Return the routes for the native code. Nothing can be added from now on."""
        if self._routes is None:
            for application in self._applications():
                application._is_closed = True
            self._routes = compiled(self)
        return self._routes

    @contextlib.asynccontextmanager
    async def _lifespan_context(self) -> AsyncGenerator[dict[str, Any] | None]:
        """Run the lifespan, with those of mounted applications inside: in their order, and ended in reverse."""
        async with contextlib.AsyncExitStack() as stack:
            state = await self._enter(stack)
            try:
                yield None if state is None else dict(state)
            finally:
                for application in self._applications():
                    application._state = {}

    async def _enter(self, stack: contextlib.AsyncExitStack) -> Mapping[str, Any] | None:
        """Start this application and those that are mounted, once each."""
        state = None if self._lifespan is None else await stack.enter_async_context(self._lifespan(self))
        for application in self._applications()[1:]:
            if application._lifespan is not None:
                inner = await stack.enter_async_context(application._lifespan(application))
                application._state = inner or {}
        return state

    def _applications(self) -> list[App]:
        """Return this application and all that are mounted, each once, in order."""
        found = {id(self): self}
        for mount in self._mounts:
            if isinstance(mount.application, App):
                found |= {id(inner): inner for inner in mount.application._applications()}
        return list(found.values())

    def _add(self, definition: Definition) -> None:
        """Add a route. ValueError if its name or its pattern is defined already."""
        name = definition.name
        if name is not None:
            if name in self._names:
                raise ValueError(f"route {definition.pattern.text!r}: the name {name!r} is that of another route")
            if ":" in name or not name:
                raise ValueError(f"route {definition.pattern.text!r}: expected a name without a colon, not {name!r}")
        self._overlaps.add(definition.pattern, definition)
        if name is not None:
            self._names[name] = definition
        self._definitions.append(definition)

    def _url_for(self, route: Route | None, name: str, query: Query | None, parameters: Mapping[str, Any]) -> str:
        """Do the same for a request: names of the mounted application that has its route come first."""
        found = self._named(route.scope + name) if route is not None and route.scope else None
        found = found or self._named(name)
        if found is None:
            raise LookupError(f"no route is named {name!r}")
        return path_for(found, parameters) + query_of(query)

    def _named(self, name: str) -> list[Section] | None:
        """Return the pattern of a name: the prefixes of mounted applications, then that of the route."""
        if name in self._names:
            return [(self._names[name].pattern, self._converters)]
        for mount in self._mounts:
            if name.startswith(mount.scope) and isinstance(mount.application, App):
                inner = mount.application._named(name.removeprefix(mount.scope))
                if inner is not None:
                    return inner if mount.prefix.text == "/" else [(mount.prefix, self._converters), *inner]
        return None
