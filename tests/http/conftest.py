"""Fixtures of the tests of the HTTP server: certificates, made once, and the kinds of transports."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgi_places import KINDS, Place
from certificates_made import Certificates, make_certificates
from tls_engines import ENGINES, choose


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificate and keys for the session."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, certificates: Certificates) -> Iterator[Place]:
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
