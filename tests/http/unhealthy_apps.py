"""An application whose requests block the loop for ever, or use memory; the path of a request selects it."""

import ctypes
import os
import signal
import sys
import threading
import time
from typing import Any

from asgi_apps import Receive, Send
from asgi_apps import app as asgi_app

FOR_EVER = 1000
kept: list[Any] = []


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Does what the path selects, and else what asgi_apps.app does."""
    match scope.get("path"):
        case "/sleep":
            blocks_in_python()
        case "/spin":
            spins()
        case "/lock":
            # A C call that holds the interpreter's lock.
            threading.Thread(target=blocks_in_python, daemon=True).start()
            ctypes.PyDLL(None).sleep(FOR_EVER)
        case "/stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "/stacks":
            os.kill(os.getpid(), signal.SIGRTMAX - 3)
        case "/memory":
            kept.append(b"\1" * (128 * 1024 * 1024))
    await asgi_app(scope, receive, send)


def blocks_in_python() -> None:
    """Sleeps."""
    time.sleep(FOR_EVER)


def spins() -> None:
    """Computes."""
    while True:
        pass


async def starts_slowly(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Blocks the loop in its startup, for a while."""
    if scope["type"] == "lifespan":
        print("begun", file=sys.stderr, flush=True)
        time.sleep(1.5)
    await asgi_app(scope, receive, send)
