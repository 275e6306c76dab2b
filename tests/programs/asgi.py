"""ASGI applications in a child: under `vitok serve`, and under uvicorn on asyncio's loop.

uvicorn is the control: a test that fails there, too, is wrong about the rights of an application, or about the
application. The applications are not known here.
"""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from children import ADDRESS, APPS, Flavour, Judge, Server, serving
from needs import need_library

PAGE = APPS.parents[2] / "examples" / "page"


@contextmanager
def served(
    app: str,
    flavour: Flavour,
    *,
    folder: Path = APPS,
    socket: Path | None = None,
    certificate: Path | None = None,
    lifespan: str = "on",
    http: str = "",
    ws: str = "",
    judged_by: Judge | None = None,
    **environment: str,
) -> Iterator[Server]:
    """Serve `module:attribute` of a folder, on a port that the kernel chooses or on a Unix socket, or over TLS.

    With `http`, the name of a class, uvicorn serves by it on whichever loop; `ws` is its class for WebSocket.
    """
    common = [app, "--app-dir", str(folder), "--lifespan", lifespan, "--no-access-log"]
    where = ["--host", "127.0.0.1", "--port", "0"] if socket is None else ["--uds", str(socket)]
    place = ADDRESS if socket is None else re.compile(re.escape(str(socket)))
    trust = [] if certificate is None else ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(certificate)]
    words = [sys.executable, *flavour.flags, "-m", *server_of(flavour, http, ws), *common, *where, *trust]
    # uvicorn brings everything to its end and then lets the signal have its usual effect.
    exit_code = -signal.SIGTERM if http or flavour.loop == "asyncio" else 0
    with serving(words, flavour, exit_code=exit_code, place=place, judged_by=judged_by, **environment) as running:
        yield running


def server_of(flavour: Flavour, http: str, ws: str) -> list[str]:
    """The module that serves in this flavour, with the words that only it understands."""
    frames = ["--ws", ws] if ws else []
    if http:
        need_library("uvicorn")
        return ["uvicorn", "--loop", f"{flavour.loop}:new_event_loop", "--http", http, *frames]
    if flavour.loop == "asyncio":
        need_library("uvicorn")
        return ["uvicorn", "--loop", "asyncio", "--http", "h11", *frames]
    return ["vitok", "serve"]
