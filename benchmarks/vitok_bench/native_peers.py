"""The rows of `native_rows.py` on servers that an application starts itself.

Run as `python -m vitok_bench.native_peers NAME PORT`.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import parse_qs

from vitok_bench.http_app import MESSAGE, TEXT
from vitok_bench.native_rows import FILES

HOST: Final = "127.0.0.1"
PLAIN: Final = "text/plain; charset=utf-8"


def answer(path: str, read: Callable[[], bytes]) -> tuple[str, bytes]:
    """Return the content type and the content for a path; `read` returns the request's content."""
    if path == "/text":
        return PLAIN, TEXT
    if path == "/json":
        return "application/json", json.dumps(MESSAGE, separators=(",", ":")).encode()
    if path == "/form":
        return PLAIN, parse_qs(read().decode())["title"][0].encode()
    if path.startswith("/users/"):
        return PLAIN, b"%d" % int(path[7:])
    return PLAIN, (FILES / path.rpartition("/")[2]).read_bytes()


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers every row by WSGI (PEP 3333)."""
    kind, content = answer(environ["PATH_INFO"], environ["wsgi.input"].read)
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(content)))])
    return [content]


def fastpysgi(port: int) -> None:
    """Serve by fastpysgi: a loop and a parser in C, without a thread of its own."""
    server = importlib.import_module("fastpysgi")
    server.run(wsgi_app=wsgi, host=HOST, port=port)


def robyn(port: int) -> None:
    """Serve by robyn: a server and a router in Rust; plain functions are called in threads."""
    # It reads its options from the command line.
    sys.argv[1:] = ["--processes", "1", "--workers", "1", "--log-level", "ERROR", "--disable-openapi"]
    module = importlib.import_module("robyn")
    app = module.Robyn(__file__)
    response, headers = module.Response, {"Content-Type": PLAIN}

    async def text() -> str:
        return TEXT.decode()

    async def message() -> Any:  # noqa: ANN401 (its own class)
        content = json.dumps(MESSAGE, separators=(",", ":"))
        return response(status_code=200, headers={"Content-Type": "application/json"}, description=content)

    async def form(request: Any) -> Any:  # noqa: ANN401 (its own classes)
        body = request.body if isinstance(request.body, str) else bytes(request.body).decode()
        return response(status_code=200, headers=headers, description=parse_qs(body)["title"][0])

    async def user(request: Any) -> str:  # noqa: ANN401 (its own class)
        return str(int(request.path_params["number"]))

    app.get("/text")(text)
    app.get("/json")(message)
    app.post("/form")(form)
    app.get("/users/:number")(user)
    app.serve_directory("/static", str(FILES))
    app.start(host=HOST, port=port)


if __name__ == "__main__":
    {"fastpysgi": fastpysgi, "robyn": robyn}[sys.argv[1]](int(sys.argv[2]))
