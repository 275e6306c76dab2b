"""Popular clients and servers over TLS, with each engine of our loop and on asyncio's own.

What they do is the same as in test_clients.py; here each byte of it is encrypted.
"""

from pathlib import Path

import pytest
from apps.scene import FLOOD_CHUNK_BYTES, FLOOD_CHUNKS, LARGE_BODY
from asgi import served
from children import Flavour, run_to_end, serving, words_of
from needs import need_command, need_library
from services import Service
from sites import Site
from test_clients import LOOPS

# The last of its records is not full.
BODY = LARGE_BODY + b"the end"
VERSIONS = {"1.2": ("--tls-max", "1.2"), "1.3": ("--tlsv1.3",)}
OCTETS = ("--header", "Content-Type: application/octet-stream")


@pytest.mark.parametrize("begin", ["at-once", "upgraded"])
def test_streams(tls_flavour: Flavour, certificate: Path, begin: str) -> None:
    """TLS by the standard library's streams, from the first byte and later; the client is run by our command."""
    by_command = ("-m", "vitok") if tls_flavour.loop == "vitok" else ()
    with serving([*words_of("tls_server.py", tls_flavour), str(certificate), begin], tls_flavour) as server:
        client = words_of("tls_client.py", tls_flavour, by_command=by_command)
        words = [*client, str(server.port), str(certificate), begin]
        assert run_to_end(words, tls_flavour) == LOOPS[tls_flavour.loop]


def test_aiohttp(tls_flavour: Flavour, certificate: Path) -> None:
    """Issue 12, item 5: an aiohttp client, of an aiohttp server on the same loop."""
    need_library("aiohttp")
    environment = {"PROGRAM_CERTIFICATE": str(certificate)}
    with serving(words_of("aiohttp_server.py", tls_flavour), tls_flavour, **environment) as server:
        words = [*words_of("aiohttp_client.py", tls_flavour), f"https://localhost:{server.port}"]
        assert run_to_end(words, tls_flavour, **environment) == LOOPS[tls_flavour.loop]


def test_redis(tls_flavour: Flavour, redis_tls: Service, certificate: Path) -> None:
    """Issue 12, item 5: redis-py against a Redis server from Debian's packages."""
    need_library("redis")
    url = f"rediss://localhost:{redis_tls.port}/1?ssl_ca_certs={certificate}"
    assert run_to_end([*words_of("redis_client.py", tls_flavour), url], tls_flavour) == LOOPS[tls_flavour.loop]


def test_asyncpg(tls_flavour: Flavour, postgres: Service, certificate: Path) -> None:
    """Issue 12, item 5: asyncpg against PostgreSQL from Debian's packages, which begins TLS on a request in clear."""
    need_library("asyncpg")
    trust = f"sslmode=verify-full&sslrootcert={certificate}"
    address = f"postgresql://tester@localhost:{postgres.port}/postgres?{trust}"
    assert run_to_end([*words_of("asyncpg_client.py", tls_flavour), address], tls_flavour) == LOOPS[tls_flavour.loop]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("program", ["vitok serve", "aiohttp"])
def test_curl(tls_flavour: Flavour, certificate: Path, program: str, version: str, tmp_path: Path) -> None:
    """Issue 12, item 5: curl, of our server (of uvicorn on asyncio's loop) and of a server on the loop."""
    curl = need_command("curl", package="curl")
    file = tmp_path / "file"
    file.write_bytes(BODY)
    if program == "aiohttp":
        need_library("aiohttp")
        environment = {"PROGRAM_CERTIFICATE": str(certificate), "PROGRAM_FILE": str(file)}
        running = serving(words_of("aiohttp_server.py", tls_flavour), tls_flavour, **environment)
    else:
        running = served("plain_asgi:app", tls_flavour, certificate=certificate)
    with running as server:
        site = Site(f"https://127.0.0.1:{server.port}", curl=curl, certificate=certificate)
        check_transfers(site, file, VERSIONS[version])


def check_transfers(site: Site, file: Path, version: tuple[str, ...]) -> None:
    """An upload that comes back, twice on one connection, and a download that is larger than all buffers."""
    upload = ("/echo", *OCTETS, "--data-binary", f"@{file}")
    assert site.curl(*version, *upload) == BODY
    assert site.curl(*version, *upload, "/echo") == BODY * 2
    flood = site.curl(*version, "/flood")
    assert flood == b"".join(bytes([number]) * FLOOD_CHUNK_BYTES for number in range(FLOOD_CHUNKS))
