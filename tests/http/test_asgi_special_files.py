"""Responses from files that are not regular: an error at once, on every transport.

Files that can be sent are tested in test_asgi_extensions.py.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import start
from asgi_places import Place
from asgi_support import serving
from certificates_made import Certificates
from wires import both_wires

pytestmark = [pytest.mark.vitok_only, both_wires]


def fifo(folder: Path) -> Path:
    """A FIFO without another end: opening it waits for one."""
    os.mkfifo(folder / "fifo")
    return folder / "fifo"


def folder_itself(folder: Path) -> Path:
    """A folder."""
    return folder


def device(_folder: Path) -> Path:
    """A device with content that has no end."""
    return Path("/dev/zero")


@pytest.fixture(params=[fifo, folder_itself, device])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each of them."""
    make: Callable[[Path], Path] = request.param
    return make(tmp_path)


class Application:
    """Sends what it was made with, and keeps the errors that this raises."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = messages
        self.errors: list[OSError] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        await send(start())
        try:
            for message in self.messages:
                await send(message)
        except OSError as error:
            self.errors.append(error)
            raise


@pytest.fixture(params=["a stream of ours", "TLS"])
def place(request: pytest.FixtureRequest, wire: str, certificates: Certificates) -> Place:
    """Transports of ours."""
    return Place(request.param, certificates)


def serve(application: Application, place: Place) -> None:
    """Ask once: the application's OSError is answered with 500 and told, and the server goes on."""
    with serving(application, **place.options) as site:
        assert place.connect(site).ask().status == 500
        site.wait(lambda: site.http.running == 0)
        [(_, error)] = site.hooks.take()
        assert application.errors == [error]


def test_pathsend(path: Path, place: Place) -> None:
    """By its name."""
    serve(Application({"type": "http.response.pathsend", "path": str(path)}), place)


@pytest.mark.parametrize("count", [None, 5])
@pytest.mark.parametrize("has_object", [True, False], ids=["file object", "descriptor"])
def test_zerocopysend(path: Path, place: Place, count: int | None, has_object: bool) -> None:
    """By its descriptor, whatever is asked for of it; Python makes no file object of a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        is_object = has_object and not path.is_dir()
        file = os.fdopen(descriptor, "rb", buffering=0, closefd=False) if is_object else descriptor
        message = {"type": "http.response.zerocopysend", "file": file}
        serve(Application(message if count is None else {**message, "count": count}), place)
    finally:
        os.close(descriptor)
