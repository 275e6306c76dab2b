"""The options of the native server, in its form.

Their meaning is not known here; the table of options says which ones are native.
"""

from __future__ import annotations

from typing import Any

from .options import Options, table

_NAME = b"vitok"
_DEFAULTS = Options()


def native_options(
    options: Options = _DEFAULTS, *, state: dict[str, Any] | None = None, access_log: bool = False
) -> dict[str, Any]:
    """Return the dictionary for `_native.HttpServer`."""
    told = {option.name: getattr(options, option.name) for option in table() if option.is_native}
    told["server_header"] = _NAME if options.server_header else None
    told["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in options.headers]
    return {**told, "asgi_version": "3.0", "state": state, "access_log": access_log}
