"""Fixtures of the tests of WebSockets: a site whose application is the test itself, and the kinds of transports."""

from collections.abc import Iterator

import pytest
from asgi_places import KINDS, Place
from certificates_made import Certificates, make_certificates
from tls_engines import choose
from ws_calls import Served, served


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificate and keys for the session."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def here() -> Iterator[Served]:
    """A site on a stream of ours, with the server's own options."""
    with served() as site:
        yield site


@pytest.fixture(params=[*KINDS, "TLS in memory"])
def place(
    request: pytest.FixtureRequest, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Each kind of transport, TLS with both engines."""
    kind = str(request.param)
    choose("memory" if "memory" in kind else "direct", monkeypatch)
    place = Place(kind, certificates)
    yield place
    place.close()
