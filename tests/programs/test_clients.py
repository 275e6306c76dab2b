"""Popular clients, each on the loop, against a server: a child on the same loop, or a service of Debian's.

Each is a program of apps/ that checks its answers, prints at its end on which loop it ran, and reports no errors.
"""

from pathlib import Path

from children import Flavour, run_to_end, serving, words_of
from needs import need_library
from services import Service

LOOPS = {"asyncio": "asyncio.unix_events._UnixSelectorEventLoop", "vitok": "vitok.Loop"}


def test_aiohttp(flavour: Flavour) -> None:
    """Issue 3, item 9: an aiohttp client, of an aiohttp server on the same loop."""
    need_library("aiohttp")
    with serving(words_of("aiohttp_server.py", flavour), flavour) as server:
        # The name has addresses of both families, and the server listens on one: so one attempt has to fail.
        address = f"http://localhost:{server.port}"
        assert run_to_end([*words_of("aiohttp_client.py", flavour), address], flavour) == LOOPS[flavour.loop]


def test_websockets(flavour: Flavour) -> None:
    """The websockets library on both sides."""
    need_library("websockets")
    with serving(words_of("websockets_server.py", flavour), flavour) as server:
        assert run_to_end([*words_of("websockets_client.py", flavour), server.address], flavour) == LOOPS[flavour.loop]


def test_anyio(flavour: Flavour, certificate: Path, tmp_path: Path) -> None:
    """anyio on both sides, within one program."""
    need_library("anyio")
    words = [*words_of("anyio_program.py", flavour), str(tmp_path), str(certificate)]
    assert run_to_end(words, flavour) == LOOPS[flavour.loop]


def test_redis(flavour: Flavour, redis: Service) -> None:
    """Issue 3, item 9: redis-py against a Redis server from Debian's packages, over TCP and over its Unix socket."""
    need_library("redis")
    urls = [f"redis://127.0.0.1:{redis.port}/1", f"unix://{redis.folder}/redis.sock?db=1"]
    assert run_to_end([*words_of("redis_client.py", flavour), *urls], flavour) == LOOPS[flavour.loop]


def test_asyncpg(flavour: Flavour, postgres: Service) -> None:
    """Issue 3, item 9: asyncpg against PostgreSQL from Debian's packages, over TCP and over its Unix socket."""
    need_library("asyncpg")
    hosts = ["127.0.0.1", str(postgres.folder)]
    addresses = [
        f"postgresql:///postgres?user=tester&host={host}&port={postgres.port}&sslmode=disable" for host in hosts
    ]
    assert run_to_end([*words_of("asyncpg_client.py", flavour), *addresses], flavour) == LOOPS[flavour.loop]
