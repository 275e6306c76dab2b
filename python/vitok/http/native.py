"""The settings of the native server: the numbers that are no options, and the options in its form.

The native server has no numbers of its own. The meaning of options is not known here; their table says which ones are
native.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .options import Options, table

_NAME = b"vitok"
_DEFAULTS = Options()

# What no user has had to change: sizes in bytes, times in seconds. Beside each number stands the reason for it, with
# the choices of other servers as documented in 2026.
LIMITS: Final[Mapping[str, float]] = {
    # A method; a longer one is answered with 501. The longest registered one (UPDATEREDIRECTREF) has 17 bytes.
    "method_bytes": 32,
    # The extensions of one chunk, which have no use in practice, and those of all chunks of a request. hyper 16 KiB.
    "chunk_extension_bytes": 256,
    "chunk_extensions_bytes": 16 * 1024,
    # The trailer section. Node and hyper count it as part of the head.
    "trailer_bytes": 16 * 1024,
    # Further requests that are kept while one is answered, before reading pauses: one large read. Go keeps 4 KiB,
    # uvicorn whatever one read brought.
    "backlog_bytes": 256 * 1024,
    # The rest of a request that was answered early: so much is read and discarded, so that the connection can be used
    # again. With more, it closes. Go 256 KiB, nginx by time.
    "drain_bytes": 64 * 1024,
    # Content that waits for the application, before reading pauses: asyncio's high-water mark, and uvicorn's.
    "waiting_body_bytes": 64 * 1024,
    # Requests of one connection that are started before other connections get their turn. A connection of a benchmark
    # that pipelines has 16; browsers and proxies don't pipeline.
    "requests_per_turn": 16,
    # Content of one response that is sent before the loop runs a turn: some milliseconds. A client that reads as fast
    # as the application sends, one that has left, and a HEAD request never make the application wait.
    "response_bytes_per_turn": 1024 * 1024,
    # The longest silence of a client after its last response before the connection is cut, and the longest time in
    # which it may send bytes that are not read: without this time its kernel could discard the response unread (RFC
    # 9112, section 9.6). nginx 5 and 30.
    "linger_seconds": 2.0,
    "linger_seconds_at_most": 30.0,
    # How long messages to a client that has left are dropped while the application waits for `http.disconnect`:
    # hundreds of turns of a busy loop, and half of the second within which a generator should end. Then `send()`
    # raises.
    "disconnect_grace_seconds": 0.5,
}


def native_options(
    options: Options = _DEFAULTS, *, state: dict[str, Any] | None = None, access_log: bool = False
) -> dict[str, Any]:
    """Return the dictionary for `_native.HttpServer`."""
    told = {option.name: getattr(options, option.name) for option in table() if option.is_native}
    told["server_header"] = _NAME if options.server_header else None
    told["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in options.headers]
    # The rest is for uvicorn's server.
    fixed = {"asgi_version": "3.0", "refusal_text": "", "allow_upgrade": False, "reports_to_hooks": False}
    return {**LIMITS, **told, **fixed, "state": state, "access_log": access_log}
