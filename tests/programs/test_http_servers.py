"""Popular HTTP servers, answering curl: bodies, keep-alive, many at once, streams, slow readers, the end.

Each is one of apps/, and all have the same routes. A server handles all requests in one run, which a SIGTERM ends while
a connection is still open; then its exit code and its output are checked.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from apps.scene import FLOOD_CHUNK_BYTES, FLOOD_CHUNKS, LARGE_BODY, MEETING
from children import APPS, Flavour, serving, words_of
from needs import need_command, need_library
from sites import Site, leave_without_a_word

# For curl to say of a transfer, in place of what it received, whether it opened a connection for it.
CONNECTS = ("--write-out", "%{num_connects}\n")
DISCARD = ("--output", Path(os.devnull))
OCTETS = ("--header", "Content-Type: application/octet-stream")


@dataclass(frozen=True, slots=True)
class Framework:
    """How one of the servers is started, and how it ends."""

    program: str
    libraries: tuple[str, ...]
    # Words between Python and the program, on our loop alone.
    by_command: tuple[str, ...] = ()
    # uvicorn brings everything to its end and then lets the signal have its usual effect.
    exit_code: int = 0
    is_encrypted: bool = False
    # Whether it closes connections that are only kept alive when it is told to stop.
    ends_idle_connections: bool = True
    # What uvicorn is told beyond the loop.
    options: tuple[str, ...] = ()


FRAMEWORKS = {
    "aiohttp": Framework("aiohttp_server.py", ("aiohttp",)),
    # A TLS connection ends when both sides have said so. From a silent visitor's aiohttp goes away without, and leaves
    # the socket to the garbage collector, which warns, on asyncio's loop too.
    "aiohttp-tls": Framework("aiohttp_server.py", ("aiohttp",), is_encrypted=True, ends_idle_connections=False),
    # Before it ends idle connections, Sanic waits for the end of all connections: from Python 3.12 on, whose servers
    # wait for their clients, it hangs until it has had enough of keeping the connection alive, on asyncio's loop too.
    "sanic": Framework(
        "sanic_server.py", ("sanic",), by_command=("-m", "vitok", "--as-uvloop"), ends_idle_connections=False
    ),
    "sanic-without-uvloop": Framework(
        "sanic_without_uvloop.py", ("sanic",), by_command=("-m", "vitok"), ends_idle_connections=False
    ),
    "tornado": Framework("tornado_server.py", ("tornado",)),
    "fastapi": Framework("fastapi_server.py", ("fastapi", "uvicorn"), exit_code=-signal.SIGTERM),
    "django": Framework("django_app:application", ("django", "uvicorn"), exit_code=-signal.SIGTERM),
    # Our parser and cycle under uvicorn's server, on either loop.
    "fastapi-native": Framework(
        "fastapi_server:app",
        ("fastapi", "uvicorn"),
        exit_code=-signal.SIGTERM,
        options=("--http", "vitok.uvicorn:Protocol"),
    ),
}


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the servers send, and curl too."""
    path = tmp_path_factory.mktemp("files") / "file"
    path.write_bytes(LARGE_BODY)
    return path


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_server(name: str, flavour: Flavour, large_file: Path, certificate: Path, subtests: pytest.Subtests) -> None:
    """Issue 3, item 9: a server on the loop answers curl, whatever its visitors do, and stops when it is told to."""
    framework = FRAMEWORKS[name]
    with running(framework, flavour, file=large_file, certificate=certificate) as site:
        with subtests.test("the loop is the one that the user chose"):
            check_loop(site, flavour)
        for check in CHECKS:
            with subtests.test(check.__doc__):
                check(site, large_file)


@contextmanager
def running(framework: Framework, flavour: Flavour, *, file: Path, certificate: Path) -> Iterator[Site]:
    """A running server. If it can take it, a connection is still open when it stops: one that is kept alive."""
    for library in framework.libraries:
        need_library(library)
    curl = need_command("curl", package="curl")
    environment = {"PROGRAM_FILE": str(file)}
    if framework.is_encrypted:
        environment["PROGRAM_CERTIFICATE"] = str(certificate)
    child = serving(command_of(framework, flavour), flavour, exit_code=framework.exit_code, **environment)
    with ExitStack() as longer_than_the_server, child as server:
        site = Site(server.address, curl=curl, certificate=certificate if framework.is_encrypted else None)
        yield site
        if framework.ends_idle_connections:
            idle = longer_than_the_server.enter_context(site.connection())
            idle.request("GET", "/loop")
            assert idle.getresponse().read()


def command_of(framework: Framework, flavour: Flavour) -> list[str]:
    """How its user starts a server: as a program, or by the command of uvicorn."""
    if framework.program.endswith(".py"):
        return words_of(framework.program, flavour, by_command=framework.by_command if flavour.loop == "vitok" else ())
    loop = f"{flavour.loop}:new_event_loop"
    options = ["--app-dir", str(APPS), "--port", "0", "--loop", loop, "--no-access-log", "--lifespan", "off"]
    options += framework.options
    return [sys.executable, *flavour.flags, "-m", "uvicorn", *options, framework.program]


def check_loop(site: Site, flavour: Flavour) -> None:
    """The program, left to its own ways of making a loop, is on the one that its user chose."""
    expected = {"asyncio": r"asyncio\.unix_events\._Unix\w+", "vitok": r"vitok\.\S+"}[flavour.loop]
    assert re.fullmatch(expected, site.curl("/loop").decode())


def check_bodies(site: Site, file: Path) -> None:
    """1 MiB up and down: of a known length, in chunks of unknown number, and as a file."""
    assert site.curl("/echo", *OCTETS, "--data-binary", f"@{file}") == LARGE_BODY
    chunked = ("--header", "Transfer-Encoding: chunked", "--request", "POST", "--upload-file", "-")
    assert site.curl("/echo", *OCTETS, *chunked, body=LARGE_BODY) == LARGE_BODY
    assert site.curl("/file") == LARGE_BODY


def check_keep_alive(site: Site, file: Path) -> None:
    """Requests one after the other share one connection."""
    routes = ("/loop", *DISCARD, "/file", *DISCARD, "/loop", *DISCARD)
    assert site.curl(*routes, *CONNECTS).split() == [b"1", b"0", b"0"]


def check_many_at_once(site: Site, file: Path) -> None:
    """Requests that wait for each other are all answered: none waits for another's end."""
    at_once = ("--parallel", "--parallel-immediate", "--parallel-max", str(MEETING))
    assert site.curl(*at_once, f"/meet?[1-{MEETING}]") == b"met" * MEETING


def check_stream(site: Site, file: Path) -> None:
    """The beginning of a stream arrives before its end has been written."""
    with site.curl_beside("/stream") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"first\n"
        assert site.curl("--request", "POST", "/release") == b"released"
        assert reader.stdout.read() == LARGE_BODY + b"last\n"


def check_slow_reader(site: Site, file: Path) -> None:
    """Who does not read is not written to, others are answered meanwhile, and nothing of the flood is lost."""
    with site.connection() as connection:
        connection.request("GET", "/flood")
        answer = connection.getresponse()
        begin = answer.read(1)
        assert site.curl("/loop")
        # Of 16 MiB, the kernel holds a few for the sender and a few KiB for us.
        assert int(site.curl("/sent")) < FLOOD_CHUNKS
        flood = begin + answer.read()
    assert flood == b"".join(bytes([number]) * FLOOD_CHUNK_BYTES for number in range(FLOOD_CHUNKS))


def check_visitor_who_leaves(site: Site, file: Path) -> None:
    """A reset in the middle of an answer harms nobody else."""
    with site.connection() as connection:
        connection.request("GET", "/flood")
        assert connection.getresponse().read(1) == b"\x00"
        leave_without_a_word(connection)
    assert site.curl("/loop")


CHECKS = (
    check_bodies,
    check_keep_alive,
    check_many_at_once,
    check_stream,
    check_slow_reader,
    check_visitor_who_leaves,
)
