"""`vitok.http.testing.serve`: a server in a thread, for the block of a test."""

import asyncio
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import testing_apps
from support import ErrorLog
from vitok.http import LifespanError
from vitok.http.testing import serve

pytestmark = pytest.mark.vitok_only


def test_a_url_and_an_end() -> None:
    """The block has a URL that answers; after it nothing listens and no thread is left."""
    before = threading.active_count()
    testing_apps.seen.clear()
    with serve(testing_apps.app) as url:
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}/x") as response:
            assert b'"answer": 42' in response.read()
    assert threading.active_count() == before
    assert testing_apps.seen == ["ended"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)


def test_options_and_addresses(tmp_path: Path) -> None:
    """The options are those of `vitok.serve`."""
    options: dict[str, Any] = {"headers": [("X-One", "1")], "root_path": "/app"}
    with serve("testing_apps:app", **options) as url, urllib.request.urlopen(f"{url}/x") as response:
        assert response.headers["X-One"] == "1"
        assert b'"path": "/app/x"' in response.read()
    path = tmp_path / "socket"
    with serve(testing_apps.app, uds=str(path)) as url:
        assert url == f"unix:{path}"


def test_a_start_that_fails() -> None:
    """What the start raises is raised here, and no thread is left."""
    before = threading.active_count()
    with pytest.raises(TypeError, match="unexpected option 'prot'"), serve(testing_apps.app, prot=1):
        raise AssertionError

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(LifespanError, match="no database"), serve(broken):
        raise AssertionError
    with serve(testing_apps.app) as url:
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), serve(testing_apps.app, port=port):
            raise AssertionError
    assert threading.active_count() == before


def test_an_end_that_fails() -> None:
    """What the end of the application reports is raised at the end of the block."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "data is lost"})

    with pytest.raises(LifespanError, match="data is lost"), serve(app):
        pass


def test_a_block_that_raises(error_log: ErrorLog) -> None:
    """Its exception is that of the test, and the server has ended."""
    before = threading.active_count()
    with pytest.raises(KeyError), serve(testing_apps.app):
        raise KeyError
    assert threading.active_count() == before


def test_a_server_that_has_ended_before() -> None:
    """The end of the block is no error if the server has ended by itself."""
    with serve(testing_apps.app, limit_max_requests=1) as url:
        with urllib.request.urlopen(f"{url}/x") as response:
            assert response.status == 200
        while any(thread.name == "vitok.http.testing.serve" for thread in threading.enumerate()):
            threading.Event().wait(0.01)


def test_in_a_running_loop() -> None:
    """The thread is another one, so that a loop may run in this one."""

    async def main() -> None:
        with serve(testing_apps.app) as url:
            port = int(url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()

    with asyncio.Runner() as runner:
        runner.run(main())
