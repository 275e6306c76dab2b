"""`vitok.serve()` and `vitok.http.Server` as calls: errors, signals, signature.

Requests are not tested here.
"""

import asyncio
import inspect
import logging
import os
import re
import signal
import socket
import threading
from pathlib import Path

import asgi_apps
import pytest
import vitok
import vitok.http
from embedded import run, serving
from served import CHILD_SECONDS, get
from support import run_python
from vitok.http.options import table

pytestmark = pytest.mark.vitok_only


def test_only_vitoks_loop_will_do() -> None:
    """In another loop it is a RuntimeError that says what to do."""
    server = vitok.http.Server(asgi_apps.app, port=0)
    with pytest.raises(RuntimeError, match=r"vitok.run"):
        asyncio.run(server.serve())


def test_a_server_serves_once() -> None:
    """A second `serve()` is a RuntimeError."""

    async def main() -> None:
        async with serving() as server:
            with pytest.raises(RuntimeError, match="once"):
                await server.serve()

    run(main())


def test_errors_are_exceptions(tmp_path: Path) -> None:
    """From Python what is wrong is a TypeError, ValueError, OSError or LifespanError, never an exit."""
    with pytest.raises(TypeError, match="'prot'"):
        vitok.serve(asgi_apps.app, prot=1)
    with pytest.raises(ValueError, match="port"):
        vitok.serve(asgi_apps.app, port="x")
    with pytest.raises(ValueError, match="no attribute"):
        vitok.serve("asgi_apps")
    with pytest.raises(ValueError, match="workers"):
        vitok.http.Server(asgi_apps.app, workers=2)
    with pytest.raises(OSError, match="can't be read"):
        vitok.serve(asgi_apps.app, ssl_certfile=tmp_path / "missing.pem")
    with pytest.raises(vitok.http.LifespanError, match="no database"):
        vitok.serve(asgi_apps.fails_to_start, port=0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        for workers in (1, 2):
            with pytest.raises(OSError, match="in use"):
                vitok.serve("asgi_apps:app", port=other.getsockname()[1], workers=workers)
    # Whatever failed, logging is as it was.
    assert logging.getLogger("vitok.server").handlers == []
    (tmp_path / "raising.py").write_text("raise LookupError('mine')")
    with pytest.raises(LookupError, match="mine"):
        vitok.serve("raising:app", app_dir=tmp_path, port=0)


def test_serve_blocks_and_leaves_signals_as_they_were() -> None:
    """`vitok.serve` returns after SIGTERM, and the handlers are those of before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def ask_and_end() -> None:
            while True:
                try:
                    get(port)
                    break
                except ConnectionRefusedError:
                    continue
            os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=ask_and_end)
        thread.start()
        vitok.serve(asgi_apps.without_lifespan, fd=listener.fileno(), access_log=False, log_level="error")
        thread.join()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_workers_of_another_thread() -> None:
    """A thread that is not the main one hears of no signal, and still finds out that its workers have ended."""
    errors: list[BaseException] = []

    def serve() -> None:
        try:
            vitok.serve("asgi_apps:nothing_of_this_name", port=0, workers=2)
        except vitok.http.WorkersError as error:
            errors.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    thread.join(CHILD_SECONDS)
    assert "do not start" in str(errors[0])


def test_serve_refuses_a_running_loop() -> None:
    """`vitok.serve` blocks, so it says what to use in a running loop."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"vitok.http.Server"):
            vitok.serve(asgi_apps.app)

    run(main())


def test_importing_vitok_does_not_import_the_server() -> None:
    """The server is imported by whoever asks for it: programs that only want a loop do not wait for it."""
    body = "import sys, vitok; print([name for name in sys.modules if name.startswith(('vitok.http', 'argparse'))])"
    child = run_python("-c", body)
    assert (child.returncode, child.stdout) == (0, "[]\n")


def test_the_example_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    """The program in docs/serve/index.md that embeds a server runs as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "serve" / "index.md").read_text()
    [program] = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "http.Server" in code]
    program = program.replace("from app import app\n", "")
    exec(program, {"app": asgi_apps.without_lifespan})
    assert re.search(r"http://127\.0\.0\.1:\d+", capsys.readouterr().out)


def test_the_signature_has_all_options() -> None:
    """`help(vitok.serve)` shows each option with its default."""
    parameters = inspect.signature(vitok.serve).parameters
    assert {name: one.default for name, one in parameters.items() if name != "app"} == {
        "ssl": None,
        **{option.name: option.default for option in table()},
    }
