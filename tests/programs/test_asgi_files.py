"""Files behind middleware: middleware sees their content, unless the server was told to send files itself.

Sending files is tested in tests/http/test_asgi_extensions.py.
"""

import gzip
import json
from pathlib import Path

import pytest
from apps.scene import LARGE_BODY
from asgi import served
from children import Flavour
from needs import need_command, need_library
from sites import Site

APP = "asgi_files:app"
PROTOCOL = "vitok.uvicorn:Protocol"
SENDS_FILES = {"http.response.pathsend", "http.response.zerocopysend"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that is sent."""
    path = tmp_path_factory.mktemp("files") / "large.bin"
    path.write_bytes(LARGE_BODY)
    return path


@pytest.mark.parametrize("http", ["", PROTOCOL], ids=["serve", "protocol"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_middleware_sees_the_content_of_files(
    http: str, is_secure: bool, flavour: Flavour, file: Path, certificate: Path
) -> None:
    """Files are joined and compressed as any other response."""
    need_library("starlette")
    curl = need_command("curl", package="curl")
    trusted = certificate if is_secure else None
    with served(APP, flavour, lifespan="off", certificate=trusted, http=http, PROGRAM_FILE=str(file)) as server:
        site = Site(server.address, curl=curl, certificate=trusted)
        assert not SENDS_FILES & set(json.loads(site.curl("/extensions")))
        assert site.curl("/file") == LARGE_BODY
        head, _, content = site.curl("/joined/file", "--include").partition(b"\r\n\r\n")
        assert (b"x-joined: %d" % len(LARGE_BODY) in head.lower(), content) == (True, LARGE_BODY)
        head, _, content = site.curl("/packed/file", "--include", "-H", "Accept-Encoding: gzip").partition(b"\r\n\r\n")
        assert b"content-encoding: gzip" in head.lower()
        assert (gzip.decompress(content), len(content) < len(LARGE_BODY)) == (LARGE_BODY, True)


def test_files_that_the_server_sends(flavour: Flavour, file: Path) -> None:
    """With the options, the extensions are there, and Starlette uses the one that it knows."""
    need_library("starlette")
    curl = need_command("curl", package="curl")
    options = {"VITOK_PATH_SEND": "yes", "VITOK_ZERO_COPY_SEND": "yes", "PROGRAM_FILE": str(file)}
    with served(APP, flavour, lifespan="off", **options) as server:
        site = Site(server.address, curl=curl)
        announced = SENDS_FILES & set(json.loads(site.curl("/extensions")))
        assert announced == (set() if flavour.loop == "asyncio" else SENDS_FILES)
        assert site.curl("/file") == LARGE_BODY
        answer = site.curl("/packed/file", "--include", "-H", "Accept-Encoding: gzip")
        # What the server sends by itself is not compressed: that is why it is not announced to everybody.
        assert (b"content-encoding: gzip" in answer.lower()) is (announced == set())
        assert site.curl("--compressed", "/packed/file") == LARGE_BODY
