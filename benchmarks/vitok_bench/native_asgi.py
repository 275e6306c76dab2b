"""The rows of `native_rows.py` as a plain ASGI application: the other interface of `vitok serve`."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from vitok_bench.http_app import MESSAGE, TEXT, Receive, Scope, Send
from vitok_bench.native_rows import FILES


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every row; there is no lifespan."""
    if scope["type"] == "lifespan":
        raise NotImplementedError("there is nothing to start")
    path: str = scope["path"]
    kind = b"text/plain; charset=utf-8"
    if path == "/text":
        answer = TEXT
    elif path == "/json":
        answer, kind = json.dumps(MESSAGE, separators=(",", ":")).encode(), b"application/json"
    elif path == "/form":
        answer = parse_qs((await receive())["body"].decode())["title"][0].encode()
    elif path.startswith("/users/"):
        answer = b"%d" % int(path[7:])
    else:
        answer = (FILES / path.rpartition("/")[2]).read_bytes()
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
