"""Compiling an application: from what was defined to the entries, functions and options of the native `Routes`.

It runs once, at the first use. Nothing here serves a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitok import _native

from . import chain, values
from .definitions import Definition, Mount, Overlaps, joined, renamed
from .errors import HTTPError
from .handlers import is_async, name_of
from .responses import Response, send
from .routes import Parameter, Pattern, Route, covers, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .converters import Converter

# What `OPTIONS *` and every path are answered with, beside their own methods.
_OPTIONS = "OPTIONS"
_ROOT = Pattern("/", ("",))


def compiled(
    app: Any, outer: Mapping[str, Callable[[Any], Any]] | None = None, rest: Callable[..., Any] | None = None
) -> _native.Routes:
    """Return the routes of an application with those of all that are mounted in it.

    `outer` has plain functions that answer all requests at and below a prefix, which is empty for all paths, instead of
    the application. Nothing of the application surrounds them. `rest` is an ASGI application that is mounted at `/` and
    gets all other requests, also those whose path is none or can't be decoded.
    """
    compilation = _Compilation(app)
    compilation.add(app, _Place(_ROOT, "", compilation.level(app, None)))
    for prefix, endpoint in (outer or {}).items():
        compilation.add_outer(parse(prefix or "/", {}), endpoint)
    return compilation.routes(rest)


class _Place:
    """Where an application is mounted."""

    def __init__(self, prefix: Pattern, scope: str, level: chain.Level) -> None:
        self.prefix = prefix
        # The prefix of its names.
        self.scope = scope
        self.level = level


class _Compilation:
    """One run of the compiler."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.routed: _native.Routes | None = None
        self.entries: list[tuple[str, tuple[str, ...] | None, str, Any, Route]] = []
        # They come behind all routes, so that a route is before a mounted application at the same path.
        self.mounted: list[tuple[str, tuple[str, ...] | None, str, Any, Route]] = []
        # They come before all routes, and are the only ones at and below their prefixes.
        self.outer: list[tuple[str, tuple[str, ...] | None, str, Any, Route]] = []
        self.converters: dict[str, Converter[Any]] = {}
        self.places: list[_Place] = []
        self.overlaps = Overlaps()
        self.fallbacks: dict[tuple[int, tuple[str, ...] | None], chain.Endpoint] = {}

    def level(self, app: Any, outer: chain.Level | None) -> chain.Level:
        """Return what one application surrounds its handlers with."""
        has_state = outer is not None and app._lifespan is not None
        return chain.Level(
            middleware=app._middleware,
            before=app._before,
            after=app._after,
            handlers=app._exception_handlers,
            outer=outer,
            respond=self.respond,
            state=(lambda: app._state) if has_state else None,
        )

    def add(self, app: Any, place: _Place) -> None:
        """Add the routes of one application, then those that are mounted in it."""
        self.places.append(place)
        names = {name: self.converter(name, converter) for name, converter in app._converters.items()}
        for definition in app._definitions:
            pattern = joined(place.prefix, renamed(definition.pattern, names))
            self.overlaps.add(pattern, definition)
            route = Route(pattern.text, _full(place.scope, definition.name), definition.methods, place.scope)
            kind, endpoint = self.endpoint(app, definition, place.level)
            self.entries.append((_shape(pattern), definition.methods, kind, endpoint, route))
            if definition.pattern.text == "/" and place.prefix is not _ROOT and not definition.is_websocket:
                self.add_redirect(definition, place)
        for mount in app._mounts:
            self.add_mount(mount, joined(place.prefix, renamed(mount.prefix, names)), place)

    def add_mount(self, mount: Mount, prefix: Pattern, place: _Place) -> None:
        """Add what is mounted in an application at a prefix."""
        if prefix.segments[-1] == "" and len(prefix.segments) > 1:
            # An application at `/` of one that is mounted itself.
            prefix = place.prefix
        scope = place.scope + mount.scope
        if mount.is_app:
            inner = self.level(mount.application, place.level)
            self.add(mount.application, _Place(prefix, scope, inner))
            return
        route = Route(prefix.text, None, None, scope)
        rest = joined(prefix, Pattern("/{path:path}", (Parameter("path", "path"),)))
        shapes = [_shape(rest)] if prefix.segments == ("",) else [_shape(prefix), _shape(rest)]
        self.mounted += [(shape, None, "asgi", mount.application, route) for shape in shapes]

    def add_outer(self, prefix: Pattern, endpoint: Callable[[Any], Any]) -> None:
        """Add what answers all requests at and below a prefix, which has no parameters."""
        rest = joined(prefix, Pattern("/{path:path}", (Parameter("path", "path"),)))
        shapes = [_shape(rest)] if prefix == _ROOT else [_shape(prefix), _shape(rest)]
        self.entries = [row for row in self.entries if row[2] == "websocket" or not _is_below(row[0], prefix)]
        self.mounted = [row for row in self.mounted if row[0] in shapes or not _is_below(row[0], prefix)]
        route = Route(prefix.text, None, None)
        self.outer += [(shape, None, "plain", endpoint, route) for shape in shapes]

    def add_redirect(self, definition: Definition, place: _Place) -> None:
        """Redirect the prefix of an application to its page `/`, so that relative references on it are right."""
        endpoint, awaits = place.level.surround(_redirect, name="redirect", awaits=False)
        kind = "async" if awaits else "plain"
        route = Route(place.prefix.text, None, definition.methods, place.scope)
        shape = _shape(place.prefix)
        self.mounted.append((shape, definition.methods, kind, endpoint, route))

    def endpoint(self, app: Any, definition: Definition, level: chain.Level) -> tuple[str, Any]:
        """Return the kind and the endpoint of a route."""
        handler = definition.handler
        if definition.is_websocket:
            from .websocket import endpoint as websocket_endpoint

            return "websocket", level.with_state_of_socket(websocket_endpoint(handler, app=self.app))
        awaits = is_async(handler)
        if definition.is_blocking:
            handler, awaits = chain.in_thread(handler), True
        endpoint, awaits = level.surround(handler, name=f"handler {name_of(definition.handler)}", awaits=awaits)
        if endpoint is not definition.handler:
            # The native code names the endpoint in its messages.
            endpoint.__module__, _, endpoint.__qualname__ = name_of(definition.handler).rpartition(".")
        return "async" if awaits else "plain", endpoint

    def converter(self, name: str, converter: Converter[Any]) -> str:
        """Return the name of a converter in all routes: applications may have given one name to several."""
        number, unique = 1, name
        while self.converters.setdefault(unique, converter) is not converter:
            number += 1
            unique = f"{name}@{number}"
        return unique

    def respond(self, value: Any, request: Any, name: str) -> Any:
        """Return the response of a value. TypeError names what returned it, if it is none."""
        if isinstance(value, Response):
            return value
        routed: Any = self.routed
        try:
            return _native.response_of(routed, value, request)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error

    def fallback(self, request: Any, allowed: tuple[str, ...] | None) -> Any:
        """Answer a request without a route, in what surrounds the routes below the same prefix."""
        path = request.path
        # The application with the longest prefix; of those at `/`, which is none, the innermost.
        places = [place for place in self.places if covers(place.prefix, path)]
        place = max(reversed(places), key=lambda place: 0 if place.prefix == _ROOT else len(place.prefix.segments))
        key = (id(place), allowed)
        if key not in self.fallbacks:
            endpoint, _ = place.level.surround(self.missing(allowed), name="no route", awaits=False)
            self.fallbacks[key] = endpoint
        return self.fallbacks[key](request)

    def missing(self, allowed: tuple[str, ...] | None) -> Callable[[Any], Any]:
        """Return the endpoint for a path without a route, or with these methods only."""
        methods = None if allowed is None else ", ".join(dict.fromkeys([*allowed, _OPTIONS]))

        def answer(request: Any) -> Any:
            if request.method == _OPTIONS and (methods is not None or request.raw_path == b"*"):
                return Response(None, 204, {"Allow": methods} if methods else None)
            if methods is not None:
                raise HTTPError(405, f"{request.method} is not allowed here", headers={"Allow": methods})
            return self.redirected(request) or _not_found()

        return answer

    def redirected(self, request: Any) -> Any:
        """Return a redirection to the same path with, or without, a slash at its end, if that has a route."""
        raw = request.raw_path
        # Such a path, as a reference, is the host of another server.
        if not self.app._redirect_slashes or raw in {b"/", b""} or raw[1:2] in {b"/", b"\\"}:
            return None
        other = raw[:-1] if raw.endswith(b"/") else raw + b"/"
        routed: Any = self.routed
        found = routed.match(request.method, other)
        # Without an endpoint, it is the methods of the other path.
        return _redirect_to(request, other) if len(found) == 4 and callable(found[1]) else None

    def routes(self, rest: Callable[..., Any] | None) -> _native.Routes:
        """Return the native routes."""
        rows = [*self.outer, *self.entries, *self.mounted]
        app_options = self.app._options
        encode = app_options["json_encode"] or values.encode_json
        options = {
            "app": self.app,
            "max_body": app_options["max_body"],
            "form_limits": app_options["form_limits"],
            "json_encode": encode,
            "json_decode": app_options["json_decode"] or values.decode_json,
            "values": values.converter(encode),
            "send": send,
            "converters": self.converters,
            "rest": next((place for place, row in enumerate(rows) if row[3] is rest), None),
        }
        handle = self.places[0].level.handle
        self.routed = _native.Routes(rows, self.fallback, handle, options)
        return self.routed


def _is_below(shape: str, prefix: Pattern) -> bool:
    """Return whether all paths of a route are at or below a prefix. A parameter does not count as the text of one."""
    return prefix == _ROOT or f"{shape}/".startswith(f"{_shape(prefix)}/")


def _not_found() -> Any:
    """Refuse a path without a route."""
    raise HTTPError(404, "nothing is at this path")


def _redirect(request: Any) -> Any:
    """Redirect a path to the same with a slash at its end."""
    return _redirect_to(request, request.raw_path + b"/")


def _redirect_to(request: Any, raw_path: bytes) -> Any:
    """Return a redirection to another path of this application, with the same query."""
    query = b"?" + request.query_string if request.query_string else b""
    # Relative to the path, so that a prefix which this application does not know stays before it.
    return Response(None, 308, {"Location": _reference(request.raw_path, raw_path) + query.decode("latin-1")})


def _reference(base: bytes, target: bytes) -> str:
    """Return the last segment of a path as a reference relative to the other path (RFC 3986 section 4.2)."""
    segment = target.rstrip(b"/").rpartition(b"/")[2].decode("latin-1")
    if target.endswith(b"/"):
        return f"./{segment}/"
    return f"../{segment}" if base.endswith(b"/") else f"./{segment}"


def _full(scope: str, name: str | None) -> str | None:
    """Return a name with the prefix of its application."""
    return None if name is None else scope + name


def _shape(pattern: Pattern) -> str:
    """Return a pattern as the native code reads it: with the names of converters that are unique."""
    return "".join(
        f"/{{{part.name}:{part.converter}}}" if isinstance(part, Parameter) else f"/{part}" for part in pattern.segments
    )
