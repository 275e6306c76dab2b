"""A native application as an ASGI application, for any server: lifespan, requests, WebSockets and mounted applications.

Routes, conversions and content are the native ones; what is here is what the native server does with them. How an
application is made of routes is not known here.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from vitok import _native

from ..narrowing import is_tuple
from .asgi_exchange import Incoming, Outgoing
from .errors import HTTPError

if TYPE_CHECKING:
    from vitok._native import Request, Response, Routes

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

# What may stand in a path without being encoded (RFC 3986, section 3.3).
_PATH = "/:@!$&'()*+,;=~"
# The parameter of a mounted application for what follows its prefix.
REST_OF_MOUNT = "path"
# The method by which the routes of WebSockets are found: no request has it.
_WEBSOCKET = "WEBSOCKET"


class Application(Protocol):
    """What is needed of an application."""

    def _compiled(self) -> Routes:
        """Return its routes."""
        ...

    def _lifespan_context(self) -> AbstractAsyncContextManager[Any]:
        """Return its lifespan, whose value is the state for requests: a dict or None."""
        ...


class Asgi:
    """An application as `asgi(scope, receive, send)`."""

    def __init__(self, app: Application) -> None:
        self._app = app
        # For requests of a server that keeps no state.
        self._state: dict[str, Any] = {}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve a lifespan, a request or a WebSocket."""
        kind = scope["type"]
        if kind == "lifespan":
            await self._serve_lifespan(scope, receive, send)
            return
        if kind not in ("http", "websocket"):
            raise RuntimeError(f"the application does not serve the protocol {kind!r}")
        routes = self._app._compiled()
        scope = {"state": dict(self._state), **scope}
        path, raw_path = _own_path(scope)
        if kind == "websocket":
            await _serve_websocket(routes, (path, raw_path), scope, receive, send)
            return
        try:
            found: Any = routes.match(scope["method"], raw_path)
        except ValueError as error:
            found = HTTPError(400, str(error))
        if _is_found(found) and found[0] == "asgi":
            await _call(found, scope, path, receive, send)
            return
        await _Request(routes, {**scope, "path": path, "raw_path": raw_path}, receive, send).serve(found)

    async def _serve_lifespan(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await receive()
        phase = "startup"
        try:
            async with self._app._lifespan_context() as state:
                self._keep(state, scope)
                await send({"type": "lifespan.startup.complete"})
                phase = "shutdown"
                await receive()
        except Exception as error:
            await send({"type": f"lifespan.{phase}.failed", "message": _shown(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    def _keep(self, state: Any, scope: dict[str, Any]) -> None:
        if state is None:
            return
        if not isinstance(state, dict):
            raise TypeError(f"a lifespan yields a dict or None, not {type(state).__name__}")
        if "state" in scope:
            scope["state"].update(state)
        else:
            self._state = state


class _Request:
    """One request, from its route to its response."""

    def __init__(self, routes: Routes, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self._routes = routes
        self._scope = scope
        self._incoming = Incoming(scope, receive)
        self._outgoing = Outgoing(scope, send, self._incoming)
        # Whether exceptions have been handled already.
        self._is_answered = False

    async def serve(self, found: Any) -> None:
        """Answer by the endpoint that was found, or by the fallback. An exception that nobody handles is raised."""
        try:
            try:
                await self._send(await self._response(found))
            except Exception as error:
                if self._is_answered or self._outgoing.has_begun:
                    # Only the end of the connection can tell the client.
                    raise
                # Before the head, an exception of what makes the content is one of the handler.
                await self._send(await self._failed(error))
        except ConnectionError as error:
            if not self._is_of_disconnect(error):
                raise
        finally:
            self._incoming.close()

    async def _response(self, found: Any) -> Response:
        """Return the response, whatever happens on the way to it."""
        is_found = _is_found(found)
        nothing: Any = ("async", self._routes.fallback, None, {})
        kind, endpoint, route, params = found if is_found else nothing
        self.request = _made(self._routes, self._scope, self._incoming.receive, params, route)
        try:
            if isinstance(found, HTTPError):
                raise found
            if not is_found:
                value = endpoint(self.request, found or None)
            else:
                if kind == "plain" and self._incoming.has_content:
                    # Such a function can't wait for the content.
                    await self.request.body()
                value = endpoint(self.request)
            return await self._converted(value)
        except Exception as error:
            return await self._failed(error)

    async def _failed(self, error: Exception) -> Response:
        """Return the response of an exception. One that nobody handles is raised: the server reports and answers it."""
        if self._is_of_disconnect(error):
            raise error
        self._is_answered = True
        return await self._converted(self._routes.on_exception(self.request, error))

    async def _converted(self, value: Any) -> Response:
        while inspect.iscoroutine(value):
            value = await value
        return _native.response_of(self._routes, value, self.request)

    async def _send(self, response: Response) -> None:
        if response.source is None:
            await self._outgoing.send_whole(response)
            return
        await self._routes.options["send"](response, self.request, self._outgoing)
        await self._outgoing.finish()

    def _is_of_disconnect(self, error: Exception) -> bool:
        """Return whether an exception says that the client has left, which is no error of the application."""
        return (self._incoming.has_left or self._outgoing.has_left) and isinstance(error, ConnectionError)


async def _serve_websocket(
    routes: Routes, paths: tuple[str, bytes], scope: dict[str, Any], receive: Receive, send: Send
) -> None:
    """Call the endpoint of a WebSocket. Without one the client gets 403, which is what ASGI has for it."""
    try:
        found: Any = routes.match(_WEBSOCKET, paths[1])
    except ValueError:
        found = ()
    if _is_found(found):
        await _call(found, scope, paths[0], receive, send)
        return
    await receive()
    await send({"type": "websocket.close", "code": 1000, "reason": ""})


async def _call(found: Any, scope: dict[str, Any], path: str, receive: Receive, send: Send) -> None:
    """Call a handler of WebSockets, or a mounted application: what precedes the rest of its path is its root path."""
    kind, endpoint, _, params = found
    root_path = scope.get("root_path", "")
    if kind == "asgi":
        rest = params.pop(REST_OF_MOUNT, None)
        root_path += path if rest is None else path[: len(path) - len(rest)].removesuffix("/")
    await endpoint({**scope, "root_path": root_path, "path_params": params}, receive, send)


def _is_found(found: Any) -> bool:
    """Return whether something was found: kind, endpoint, route and parameters, and not the methods of a path."""
    return is_tuple(found) and len(found) == 4 and callable(found[1])


def _made(routes: Routes, scope: dict[str, Any], receive: Receive, params: dict[str, Any], route: Any) -> Request:
    return _native.Request.from_scope(scope, receive, routes, params, route)


def _own_path(scope: dict[str, Any]) -> tuple[str, bytes]:
    """Return the path within the application, decoded and as it was sent. A scope has it after the root path."""
    path: str = scope["path"]
    raw_path: bytes = scope.get("raw_path") or quote(path, safe=_PATH).encode()
    root: str = scope.get("root_path", "").rstrip("/")
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :] or "/"
        for prefix in (root.encode(), quote(root, safe=_PATH).encode()):
            if raw_path == prefix or raw_path.startswith(prefix + b"/"):
                return path, raw_path[len(prefix) :] or b"/"
    return path, raw_path


def _shown(error: BaseException) -> str:
    """Return the traceback of an exception, from the application's part on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and _is_ours(trace):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def _is_ours(trace: TracebackType) -> bool:
    """Return whether a frame is of this package, or of the context managers that it enters."""
    module: str = trace.tb_frame.f_globals.get("__name__", "")
    return module == "contextlib" or module.startswith("vitok.")
