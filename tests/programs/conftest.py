"""Fixtures of the real programs: their loop, a certificate, a browser, and the two services that they use.

The conftest.py above this one checks after every test that no descriptor is left open.
"""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import running_browser
from children import FLAVOURS, PLAIN_FLAVOURS, TLS_FLAVOURS
from needs import need_command, need_library
from services import Service, postgres_server, redis_server, redis_tls_server
from uvicorn_site import HTTPTOOLS_ON_OURS, OURS
from uvicorn_websocket import CLASS, CONTROL


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once in each flavour; `--loop` chooses, as everywhere."""
    only = metafunc.config.getoption("--loop")
    kinds = {"flavour": FLAVOURS, "plain_flavour": PLAIN_FLAVOURS, "tls_flavour": TLS_FLAVOURS}
    for fixture, flavours in kinds.items():
        if fixture in metafunc.fixturenames:
            chosen = {name: flavour for name, flavour in flavours.items() if only in (None, flavour.loop)}
            metafunc.parametrize(fixture, list(chosen.values()), ids=list(chosen), scope="module")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The host and port of a browser's DevTools, for the session."""
    with running_browser(tmp_path_factory.mktemp("browser")) as place:
        yield place


@pytest.fixture(scope="session")
def redis() -> Iterator[Service]:
    """A Redis server for the session."""
    with redis_server() as service:
        yield service


@pytest.fixture(scope="session")
def redis_tls(certificate: Path) -> Iterator[Service]:
    """A Redis server for the session, for TLS alone."""
    with redis_tls_server(certificate) as service:
        yield service


@pytest.fixture(scope="session")
def postgres(certificate: Path) -> Iterator[Service]:
    """A PostgreSQL server for the session."""
    with postgres_server(certificate) as service:
        yield service


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 and localhost that nobody but itself has signed, in one file."""
    openssl = need_command("openssl", package="openssl")
    folder = tmp_path_factory.mktemp("certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    # From 3.13 on Python wants to see what a certificate may be used for.
    facts = ["subjectAltName=IP:127.0.0.1,DNS:localhost", "keyUsage=critical,digitalSignature,keyCertSign"]
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate),
            *(word for fact in facts for word in ("-addext", fact)),
        ],
        check=True,
        capture_output=True,
    )
    certificate.write_text(key.read_text() + certificate.read_text())
    return certificate


@pytest.fixture(params=["clear", "TLS"])
def tls(request: pytest.FixtureRequest) -> tuple[ssl.SSLContext, ssl.SSLContext] | None:
    """No TLS, or the server's context and the client's."""
    if request.param == "clear":
        return None
    certificate: Path = request.getfixturevalue("certificate")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    return serving, ssl.create_default_context(cafile=str(certificate))


@pytest.fixture(params=[OURS, HTTPTOOLS_ON_OURS, "h11", "httptools"])
def http(request: pytest.FixtureRequest) -> str:
    """What uvicorn takes for `--http`: ours, its own on our parser, and its own."""
    name: str = request.param
    if ":" not in name:
        need_library(name)
    return name


@pytest.fixture(params=[CLASS, CONTROL])
def ws(request: pytest.FixtureRequest) -> str:
    """What uvicorn takes for `--ws`: ours, and its default."""
    name: str = request.param
    if name == CONTROL:
        need_library("websockets")
    return name
