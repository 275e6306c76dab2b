"""What the native server is told: the options that are its own, in its form.

It knows nothing of what they mean; which ones they are stands in the table of options.
"""

from __future__ import annotations

from typing import Any

from .options import Options, table

_NAME = b"vitok"


def native_options(options: Options, *, state: dict[str, Any] | None, access_log: bool) -> dict[str, Any]:
    """The dictionary for `_native.HttpServer`."""
    told = {option.name: getattr(options, option.name) for option in table() if option.is_native}
    told["server_header"] = _NAME if options.server_header else None
    told["headers"] = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in options.headers]
    return {**told, "state": state, "access_log": access_log}
