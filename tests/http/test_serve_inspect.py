"""`vitok serve --inspect`: `vitok top` looks at each process that serves."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from served import ask, serving
from support import run_python

pytestmark = pytest.mark.vitok_only


@pytest.fixture
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the sockets, in a runtime folder for the test alone."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "vitok"


def loop_of(path: Path) -> Any:
    """What the process that listens here tells of its loop."""
    shown = run_python("-m", "vitok", "top", path.stem, "--once", "--json", "--interval", "0.01")
    assert (shown.returncode, shown.stderr) == (0, "")
    [loop] = json.loads(shown.stdout)["loops"]
    return loop


def test_a_single_process_tells_of_its_connections(sockets: Path) -> None:
    """By the option; the socket goes with the server."""
    with serving("--inspect") as served:
        [path] = sockets.iterdir()
        assert path.stem == str(served.child.pid)
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert client.recv(1)
            metrics = loop_of(path)["metrics"]
        assert metrics["transports"]["stream"] == 1
        assert metrics["bytes_received"] == 27
        served.end()
    assert list(sockets.iterdir()) == []


def test_each_worker_listens(sockets: Path) -> None:
    """By the variable, which all processes see; the supervisor serves nothing and listens not."""
    with serving("--workers", "2", environment={"VITOK_INSPECT": "1"}) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            ask(client)
        paths = sorted(sockets.iterdir())
        assert len(paths) == 2
        assert str(served.child.pid) not in [path.stem for path in paths]
        assert all(loop_of(path)["metrics"]["turns"] > 0 for path in paths)
        served.end()


def test_without_the_option_nothing_listens(sockets: Path) -> None:
    """As before."""
    with serving() as served:
        assert not sockets.exists()
        served.end()
