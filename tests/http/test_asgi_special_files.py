"""Responses from files that are not regular: an error at once, on every transport.

Files that can be sent are tested in test_asgi_extensions.py.
"""

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgi_messages import start
from asgi_support import GET, Site, serving
from certificates_made import Certificates

pytestmark = pytest.mark.vitok_only


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


@pytest.fixture(params=["plain", "TLS"])
def context(request: pytest.FixtureRequest, certificates: Certificates) -> dict[str, Any]:
    """Options of the server."""
    if request.param == "plain":
        return {}
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.certificate, certificates.key)
    return {"tls": made}


async def status_line(site: Site) -> bytes:
    """The first line of an answer, over TLS or not."""
    reader, writer = await asyncio.open_connection(*site.address, ssl=site.context)
    writer.write(GET)
    try:
        return await reader.readline()
    finally:
        writer.close()


def serve(application: Application, options: dict[str, Any]) -> None:
    """Ask once: the application's OSError is answered with 500 and told, and the server goes on."""
    with serving(application, **options) as site:
        if options:
            site.context = ssl.create_default_context()
            site.context.check_hostname = False
            site.context.verify_mode = ssl.CERT_NONE
        assert site.run(status_line(site)).startswith(b"HTTP/1.1 500 ")
        site.wait(lambda: site.http.running == 0)
        [(_, error)] = site.hooks.take()
        assert application.errors == [error]


def test_pathsend(path: Path, context: dict[str, Any]) -> None:
    """By its name."""
    serve(Application({"type": "http.response.pathsend", "path": str(path)}), context)


@pytest.mark.parametrize("count", [None, 5])
@pytest.mark.parametrize("has_object", [True, False], ids=["file object", "descriptor"])
def test_zerocopysend(path: Path, context: dict[str, Any], count: int | None, has_object: bool) -> None:
    """By its descriptor, whatever is asked for of it; Python makes no file object of a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        is_object = has_object and not path.is_dir()
        file = os.fdopen(descriptor, "rb", buffering=0, closefd=False) if is_object else descriptor
        message = {"type": "http.response.zerocopysend", "file": file}
        serve(Application(message if count is None else {**message, "count": count}), context)
    finally:
        os.close(descriptor)
