"""The options of the server, each in one place, with name, type, default, what it does and what other servers chose.

The command line, the environment, files of configuration, the keywords of `vitok.serve` and `vitok.http.Server`, and
the table in docs/serve/options.md are all made from this table (option_parsing.py, tests/http/serve_table.py). Numbers
that are no options are in limits.py; the native server has none of its own. The use of the values is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..limits import LIMITS
from ..option_parsing import (
    Option,
    OptionError,
    options_of,
    read_keywords,
)
from .keywords import ServeOptions, ServerOptions
from .logs import Logs
from .network import Addresses, Proxy, Tls
from .programs import ApplicationOptions, Development, Processes
from .protocol import Http2, Limits, Responses, Timeouts, WebSockets

if TYPE_CHECKING:
    from vitok._native import HttpTotals

__all__ = ["OptionError", "Options", "ServeOptions", "ServerOptions", "from_keywords", "native_options", "table"]

_NAME = b"vitok"


# dataclasses take the fields of the last base first.
@dataclass(frozen=True, kw_only=True)
class Options(
    Logs,
    Proxy,
    Responses,
    WebSockets,
    Http2,
    Limits,
    Timeouts,
    Development,
    Processes,
    ApplicationOptions,
    Tls,
    Addresses,
):
    """How to serve: one value for each option, checked by `vitok.http.option_types`.

    Times are in seconds and sizes in bytes; None means no limit.
    """


def table() -> tuple[Option, ...]:
    """Return all options, in the order in which they are shown."""
    return _TABLE


def from_keywords(keywords: Mapping[str, Any]) -> Options:
    """Return the options of keywords. TypeError for an unknown one, OptionError for an invalid value."""
    return Options(**read_keywords(_TABLE, keywords))


def native_options(
    options: Options | None = None,
    *,
    state: dict[str, Any] | None = None,
    access_log: bool = False,
    stamps: bool = False,
    colors: bool = False,
    follows_scopes: bool = False,
    metrics: bool = False,
    forwarded: Callable[[dict[str, Any]], None] | None = None,
    totals: HttpTotals | None = None,
) -> dict[str, Any]:
    """Return the dictionary for `_native.HttpServer`.

    Lines about requests begin with the time with `stamps`, unless they have a format of the user's; they have colours
    with `colors`, and the client that the scope has in the end with `follows_scopes`. With `metrics` the server counts
    what `HttpServer.metrics()` returns. `forwarded` sets client and scheme of a scope, for a native application behind
    a proxy. `totals` counts for the limits of a process with several servers, each in a thread of its own.
    """
    options = options or Options()
    told = {option.name: getattr(options, option.name) for option in _TABLE if option.is_native}
    told["server_header"] = _NAME if options.server_header else None
    told["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in options.headers]
    # The rest is for uvicorn's server.
    fixed = {"asgi_version": "3.0", "refusal_text": "", "allow_upgrade": False, "reports_to_hooks": False}
    lines = {
        "access_log": access_log,
        "access_log_format": options.access_log_format,
        "access_log_json": options.log_format == "json",
        "access_log_colors": colors,
        "access_log_stamps": stamps,
        "access_log_scope": follows_scopes,
    }
    given = {"metrics": metrics, "state": state, "forwarded": forwarded, "totals": totals}
    return {**LIMITS, **told, **fixed, **lines, **given}


# The first option of each group.
_GROUPS = {
    "host": "Addresses",
    "ssl_certfile": "TLS",
    "factory": "The application",
    "workers": "Processes",
    "reload": "Development",
    "timeout_header": "Timeouts",
    "limit_request_line": "Limits",
    "http": "HTTP/2",
    "ws": "WebSockets",
    "server_header": "Responses",
    "proxy_headers": "A proxy in front",
    "access_log": "Logs and metrics",
}
_TABLE = options_of(Options, _GROUPS)
