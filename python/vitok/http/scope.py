"""What is the same in the scopes of all requests, and of all WebSockets, of a server (ASGI HTTP and WebSocket
specification, "HTTP Connection Scope" and "Websocket Connection Scope").

The native server calls each function once, and fills in copies. Requests are not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import tls_extension

# Versions 2.4 and 2.5 of the specification add one thing to HTTP, that `send()` raises once the client has left, which
# it does here. From 2.4 on, however, Starlette (1.10) waits for that exception and no longer for `http.disconnect`, so
# that a response which waits for its next event outlives its client for ever. The servers that usually run it announce
# less (uvicorn 2.3, hypercorn 2.1), and no framework requires more.
_SPEC_VERSION = "2.3"
# With 2.5 a disconnect has a reason.
_WEBSOCKET_SPEC_VERSION = "2.5"


def prototype(
    root_path: str, asgi_version: str, path_send: bool, zero_copy_send: bool
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], Callable[[Any], dict[str, Any]]]:
    """Return a scope, and the dicts for its `asgi` and `extensions`, of which each request gets copies, and the
    function that makes the extension of a connection over TLS.

    The scope has what is the same for all requests or for most, and a key for the rest, in the specification's order.
    """
    scope = {
        "type": "http",
        "asgi": None,
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": None,
        "raw_path": None,
        "query_string": b"",
        "root_path": root_path,
        "headers": None,
        "client": None,
        "server": None,
        "extensions": None,
    }
    extensions: dict[str, Any] = {"http.response.early_hint": {}, "http.response.trailers": {}}
    # A framework that finds those for files uses them by itself, bypassing middleware that reads the content:
    # Starlette's `body_iterator` gets a dict, and its compression nothing. The messages are understood in any case.
    if path_send:
        extensions["http.response.pathsend"] = {}
    if zero_copy_send:
        extensions["http.response.zerocopysend"] = {}
    return scope, {"version": asgi_version, "spec_version": _SPEC_VERSION}, extensions, tls_extension.make


def websocket_prototype(root_path: str, asgi_version: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return a scope for WebSockets, and the dicts for its `asgi` and `extensions`, as `prototype` does.

    With `websocket.http.response` an application may refuse a client with a response of its own.
    """
    scope = {
        "type": "websocket",
        "asgi": None,
        "http_version": "1.1",
        "scheme": "ws",
        "path": None,
        "raw_path": None,
        "query_string": b"",
        "root_path": root_path,
        "headers": None,
        "client": None,
        "server": None,
        "subprotocols": None,
        "extensions": None,
    }
    asgi = {"version": asgi_version, "spec_version": _WEBSOCKET_SPEC_VERSION}
    return scope, asgi, {"websocket.http.response": {}}
