"""Absolute URLs of named routes, for the client of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..._native import Request
    from .routes import Query


def url_for(request: Request[Any], name: str, /, *, _query: Query | None = None, **parameters: Any) -> str:
    """Return the URL of a named route, as the client of this request has to ask for it.

    LookupError if no route has the name, or the request belongs to no application.
    """
    if request.app is None:
        raise LookupError(f"no application has a route that is named {name!r}")
    path: str = request.app._url_for(request.route, name, _query, parameters)
    return f"{request.scheme}://{request.host}{request.root_path.rstrip('/')}{path}"
