"""Servers that take long to install, each with an application that names its loop: `make programs`.

Each is started as its user would: with an option where it has one for the loop, else under `vitok run`, and with
`--as-uvloop` where it knows uvloop by name. Each has its workers in processes of their own.
"""

import re
import socket
import sys
import time
import urllib.request
from dataclasses import dataclass

import pytest
from children import ADDRESS, APPS, Flavour, serving
from needs import MORE, need_library
from services import free_port
from test_clients import LOOPS

ANSWER_SECONDS = 20
PAUSE_SECONDS = 0.05
UNDER_VITOK = ("-m", "vitok", "run")
AS_UVLOOP = (*UNDER_VITOK, "--as-uvloop")
# A worker of gunicorn that is still starting misses SIGTERM, on every loop, and is waited for until it is killed. The
# one that has answered misses nothing, and there must be no other.
GUNICORN = ("-m", "gunicorn", "asgi_loop:app", "--bind", "127.0.0.1:0", "--workers", "1", "--no-control-socket")


@dataclass(frozen=True, slots=True)
class Program:
    """The words after the interpreter on each loop, and what else there is to know."""

    library: str
    on_asyncio: tuple[str, ...]
    on_vitok: tuple[str, ...]
    place: re.Pattern[str] = ADDRESS


HYPERCORN = ("-m", "hypercorn", "asgi_loop:app", "--bind", "127.0.0.1:0")
GRANIAN = ("-m", "granian", "asgi_loop:app", "--interface", "asgi", "--host", "127.0.0.1", "--port", "PORT")
DAPHNE = ("-m", "daphne", "-b", "127.0.0.1", "-p", "0", "asgi_loop:app")
BY_UVICORN = (*GUNICORN, "--worker-class", "gunicorn_worker.Worker")
BY_ASGI = (*GUNICORN, "--worker-class", "asgi", "--asgi-loop")
SERVERS = {
    "hypercorn": Program(
        "hypercorn", (*HYPERCORN, "--worker-class", "asyncio"), (*AS_UVLOOP, *HYPERCORN, "--worker-class", "uvloop")
    ),
    "gunicorn-uvicorn": Program("gunicorn", BY_UVICORN, BY_UVICORN),
    "gunicorn-asgi": Program("gunicorn", (*BY_ASGI, "asyncio"), (*AS_UVLOOP, *BY_ASGI, "uvloop")),
    "granian": Program("granian", (*GRANIAN, "--loop", "asyncio"), (*AS_UVLOOP, *GRANIAN, "--loop", "uvloop")),
    "daphne": Program("daphne", DAPHNE, (*UNDER_VITOK, *DAPHNE), re.compile(r"127\.0\.0\.1:\d+$")),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server(name: str, plain_flavour: Flavour) -> None:
    """Issue 14, item 7: its application runs on the loop that its user chose."""
    server = SERVERS[name]
    need_library(server.library, group=MORE)
    port = str(free_port())
    chosen = server.on_vitok if plain_flavour.loop == "vitok" else server.on_asyncio
    words = [sys.executable, *plain_flavour.flags, *(port if word == "PORT" else word for word in chosen)]
    with serving(words, plain_flavour, place=server.place, PYTHONPATH=str(APPS)) as running:
        wait_for_listener(running.port)
        with urllib.request.urlopen(f"http://127.0.0.1:{running.port}/", timeout=ANSWER_SECONDS) as answer:
            assert answer.read().decode() == LOOPS[plain_flavour.loop]


def wait_for_listener(port: int) -> None:
    """Wait until somebody listens. granian says where it is going to listen before its workers do."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(PAUSE_SECONDS)
        else:
            return
