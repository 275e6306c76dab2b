"""Programs that take long to install, one short program each: `make programs`.

Each prints the class of the loop that it ran on. `test_more_servers.py` has servers, `test_clusters.py` clusters.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from children import Flavour, run_to_end, words_of
from needs import MORE, need_library
from services import Service
from test_clients import LOOPS

IN_IPYTHON = "import scene; await __import__('asyncio').sleep(0); print(scene.loop_name())"


@pytest.mark.parametrize(("name", "library"), [("grpc", "grpc"), ("zmq", "zmq"), ("taskiq", "taskiq")])
def test_a_program(name: str, library: str, flavour: Flavour) -> None:
    """Issue 14, item 7: grpc.aio, pyzmq and taskiq."""
    need_library(library, group=MORE)
    assert run_to_end(words_of(f"more_{name}.py", flavour), flavour) == LOOPS[flavour.loop]


def test_asyncssh(flavour: Flavour, tmp_path: Path) -> None:
    """Issue 14, item 7: asyncssh on both sides."""
    need_library("asyncssh", group=MORE)
    assert run_to_end([*words_of("more_asyncssh.py", flavour), str(tmp_path)], flavour) == LOOPS[flavour.loop]


def test_psycopg(flavour: Flavour, postgres: Service) -> None:
    """Issue 14, item 7: psycopg against PostgreSQL, over TCP, over TLS and over its Unix socket."""
    need_library("psycopg", group=MORE)
    address = f"dbname=postgres user=tester port={postgres.port}"
    hosts = ["127.0.0.1 sslmode=disable", "127.0.0.1 sslmode=require", str(postgres.folder)]
    words = [*words_of("more_psycopg.py", flavour), *(f"{address} host={host}" for host in hosts)]
    assert run_to_end(words, flavour) == LOOPS[flavour.loop]


def test_faststream(flavour: Flavour, redis: Service) -> None:
    """Issue 14, item 7: FastStream against a Redis server."""
    need_library("faststream", group=MORE)
    words = [*words_of("more_faststream.py", flavour), f"redis://127.0.0.1:{redis.port}/2"]
    assert run_to_end(words, flavour) == LOOPS[flavour.loop]


def test_a_notebook(plain_flavour: Flavour, tmp_path: Path) -> None:
    """Issue 14, item 7: nbclient runs a notebook, in a kernel on the same kind of loop."""
    need_library("nbclient", group=MORE)
    need_library("ipykernel", group=MORE)
    # Its client leaves sockets to the garbage collector, on asyncio's loop too.
    flavour = replace(plain_flavour, flags=())
    folders = {f"JUPYTER_{kind}_DIR": str(tmp_path) for kind in ("CONFIG", "DATA", "RUNTIME")}
    words = words_of("more_notebook.py", flavour)
    assert run_to_end(words, flavour, IPYTHONDIR=str(tmp_path), **folders) == LOOPS[flavour.loop]


def test_ipython(plain_flavour: Flavour, tmp_path: Path) -> None:
    """Issue 14, item 7: `await` at IPython's prompt, on the default loop."""
    need_library("IPython", group=MORE)
    by_command = ["-m", "vitok", "run"] if plain_flavour.loop == "vitok" else []
    words = [sys.executable, *plain_flavour.flags, *by_command, "-m", "IPython", "--quick", "-c", IN_IPYTHON]
    path = str(Path(words_of("scene.py", plain_flavour)[-1]).parent)
    name = run_to_end(words, plain_flavour, IPYTHONDIR=str(tmp_path), PYTHONPATH=path)
    assert name == LOOPS[plain_flavour.loop]


def test_unittest(flavour: Flavour) -> None:
    """Issue 14, item 7: `unittest.IsolatedAsyncioTestCase`, on the default loop."""
    by_command = ("-m", "vitok") if flavour.loop == "vitok" else ()
    words = words_of("more_unittest.py", flavour, by_command=by_command)
    assert run_to_end(words, flavour) == LOOPS[flavour.loop]
