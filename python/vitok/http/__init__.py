"""The HTTP server inside the loop: the parts in Python, which run per server and per process, not per request.

`vitok serve` and `vitok.serve()` start it; `Server` is for a loop that runs already. Reading and writing HTTP is
native. Names are imported at their first use, so that the native server waits for none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitok._native import Headers as Headers
    from vitok._native import QueryParams as QueryParams
    from vitok._native import Request as Request

    from .lifespan import LifespanError as LifespanError
    from .native.app import App as App
    from .native.content import ClientDisconnected as ClientDisconnected
    from .native.converters import Converter as Converter
    from .native.errors import HTTPError as HTTPError
    from .native.form import Form as Form
    from .native.form import FormLimits as FormLimits
    from .native.responses import Response as Response
    from .native.streams import Event as Event
    from .native.uploads import UploadedFile as UploadedFile
    from .native.websocket import WebSocket as WebSocket
    from .native.websocket import WebSocketClosed as WebSocketClosed
    from .options import ServeOptions as ServeOptions
    from .options import ServerOptions as ServerOptions
    from .running import run as run
    from .server import Server as Server
    from .serving import serve as serve
    from .worker_slot import WorkersError as WorkersError

__all__ = [
    "App",
    "ClientDisconnected",
    "Converter",
    "Event",
    "Form",
    "FormLimits",
    "HTTPError",
    "Headers",
    "LifespanError",
    "QueryParams",
    "Request",
    "Response",
    "ServeOptions",
    "Server",
    "ServerOptions",
    "UploadedFile",
    "WebSocket",
    "WebSocketClosed",
    "WorkersError",
    "run",
    "serve",
]

_PLACES = {
    "App": "native.app",
    "ClientDisconnected": "native.content",
    "Converter": "native.converters",
    "Form": "native.form",
    "FormLimits": "native.form",
    "Event": "native.streams",
    "HTTPError": "native.errors",
    "Headers": "._native",
    "LifespanError": "lifespan",
    "QueryParams": "._native",
    "Request": "._native",
    "Response": "native.responses",
    "ServeOptions": "options",
    "Server": "server",
    "ServerOptions": "options",
    "UploadedFile": "native.uploads",
    "WebSocket": "native.websocket",
    "WebSocketClosed": "native.websocket",
    "WorkersError": "worker_slot",
    "run": "running",
    "serve": "serving",
}


if not TYPE_CHECKING:
    # A type checker would take any name for one of these.

    def __getattr__(name: str) -> Any:
        """Import a name at its first use."""
        if name in _PLACES:
            return getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
