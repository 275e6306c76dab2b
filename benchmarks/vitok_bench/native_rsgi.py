"""The rows of `native_rows.py` in RSGI, granian's own interface. It serves files without the application."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qs

from vitok_bench.http_app import MESSAGE, TEXT

HELLO: Final = TEXT.decode()
PLAIN: Final = [("content-type", "text/plain; charset=utf-8")]
JSON: Final = [("content-type", "application/json")]


async def app(scope: Any, protocol: Any) -> None:  # noqa: ANN401 (granian's own objects)
    """Answers every row but that of the file."""
    path: str = scope.path
    if path == "/text":
        protocol.response_str(200, PLAIN, HELLO)
    elif path == "/json":
        protocol.response_bytes(200, JSON, json.dumps(MESSAGE, separators=(",", ":")).encode())
    elif path == "/form":
        protocol.response_str(200, PLAIN, parse_qs((await protocol()).decode())["title"][0])
    elif path.startswith("/users/"):
        protocol.response_str(200, PLAIN, str(int(path[7:])))
    else:
        protocol.response_empty(404, [])
