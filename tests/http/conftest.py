"""Fixtures of the tests of the HTTP server: certificates, made once, the kinds of transports, files of uploads."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from asgi_places import KINDS, Place
from certificates_made import Certificates, make_certificates
from tls_engines import ENGINES, choose
from vitok.http.native import uploads


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificate and keys for the session."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, wire: str, certificates: Certificates) -> Iterator[Place]:
    """Each kind of transport."""
    place = Place(request.param, certificates)
    yield place
    place.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine of TLS transports."""
    choose(request.param, monkeypatch)
    name: str = request.param
    return name


@pytest.fixture(params=[*ENGINES, "asyncio's loop"])
def tls_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What `serving` takes as `loop`: a loop of ours with each engine, and asyncio's."""
    if request.param in ENGINES:
        choose(request.param, monkeypatch)
        yield None
        return
    loop = asyncio.SelectorEventLoop()
    yield loop
    loop.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[IO[bytes]]:
    """The temporary files of a test, as they are opened."""
    files: list[IO[bytes]] = []
    real = uploads.open_temporary

    def open_temporary(folder: str | None) -> IO[bytes]:
        files.append(real(folder))
        return files[-1]

    monkeypatch.setattr(uploads, "open_temporary", open_temporary)
    return files


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The FIFO for which a blocked worker or thread of blocking_apps.py and threads_apps.py waits."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


@pytest.fixture(params=["tcp", "unix"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """The options for an address of each kind."""
    return ("--uds", str(tmp_path / "app.sock")) if request.param == "unix" else ("--port", "0")
