"""Clients that leave a stream of events, in popular frameworks: each stream ends, however they leave.

A stream that waits for its next event outlives its client unless its framework listens to `receive()`; whether it does
depends on what the server announces. uvicorn is the control.
"""

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from apps.asgi_events import FIRST
from asgi import served
from children import Flavour
from needs import need_command, need_library
from sites import Site, leave_without_a_word

FRAMEWORKS = {
    "starlette": ("starlette",),
    "middleware": ("starlette",),
    "fastapi": ("fastapi",),
    "sse": ("sse_starlette", "starlette"),
    "litestar": ("litestar",),
    "quart": ("quart",),
    "django": ("django",),
}
PROTOCOL = "vitok.uvicorn:Protocol"
VISITORS = 10


def close(connection: http.client.HTTPConnection) -> None:
    """Close it, as most do."""
    connection.sock.close()


def half_close(connection: http.client.HTTPConnection) -> None:
    """End this side only. Nobody can tell that from a close before something is sent."""
    connection.sock.shutdown(socket.SHUT_WR)


def ask_and_close(connection: http.client.HTTPConnection) -> None:
    """Close it with another request behind the one that is answered."""
    connection.sock.sendall(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    close(connection)


Leave = Callable[[http.client.HTTPConnection], None]
WAYS: tuple[Leave, ...] = (close, leave_without_a_word, half_close, ask_and_close)


@contextmanager
def running(name: str, flavour: Flavour, *, certificate: Path | None = None, http: str = "") -> Iterator[Site]:
    """The application in this framework, served."""
    for library in FRAMEWORKS[name]:
        need_library(library)
    curl = need_command("curl", package="curl")
    app = f"asgi_events:{name}"
    with served(app, flavour, lifespan="off", certificate=certificate, http=http) as server:
        yield Site(server.address, curl=curl, certificate=certificate)


def leave(site: Site, route: str, way: Leave, before: int) -> None:
    """Ten visitors of a stream leave, and then ten more streams have ended."""
    with ExitStack() as stack:
        for _ in range(VISITORS):
            connection = stack.enter_context(site.connection())
            connection.sock.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % route.encode())
            received = b""
            while FIRST not in received:
                received += connection.sock.recv(4096)
                assert received
            way(connection)
        assert site.curl(f"/ended/{before + VISITORS}") == b"ended"


def leave_all(site: Site, ways: tuple[Leave, ...], routes: tuple[str, ...], subtests: pytest.Subtests) -> None:
    """Every way of leaving for every kind of stream."""
    number = 0
    for route in routes:
        for way in ways:
            with subtests.test(f"{route}: {way.__name__}"):
                leave(site, route, way, number)
            number += VISITORS


def routes_of(name: str) -> tuple[str, ...]:
    """The kinds of streams. Starlette's middleware, cancelled while it sends, leaves a stream to be collected."""
    return ("/events",) if name == "middleware" else ("/events", "/flood")


def ways_of(flavour: Flavour, http: str) -> tuple[Leave, ...]:
    """The ways that the server can see: uvicorn's own protocol reads nothing behind a request that it answers."""
    is_uvicorns = flavour.loop == "asyncio" and not http
    return tuple(way for way in WAYS if not (is_uvicorns and way is ask_and_close))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_visitors_who_leave(name: str, flavour: Flavour, subtests: pytest.Subtests) -> None:
    """Under `vitok serve`, and under uvicorn."""
    with running(name, flavour) as site:
        leave_all(site, ways_of(flavour, ""), routes_of(name), subtests)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_visitors_of_the_protocol(name: str, flavour: Flavour, subtests: pytest.Subtests) -> None:
    """Under uvicorn with the protocol of ours, on either loop."""
    with running(name, flavour, http=PROTOCOL) as site:
        leave_all(site, WAYS, routes_of(name), subtests)


@pytest.mark.parametrize("name", ["starlette", "django"])
@pytest.mark.parametrize("http", ["", PROTOCOL], ids=["serve", "protocol"])
def test_visitors_over_tls(
    name: str, http: str, flavour: Flavour, certificate: Path, subtests: pytest.Subtests
) -> None:
    """Over TLS, whose transport closes with the peer's side."""
    # Half a connection is no connection there.
    ways = tuple(way for way in ways_of(flavour, http) if way is not half_close)
    with running(name, flavour, certificate=certificate, http=http) as site:
        leave_all(site, ways, routes_of(name), subtests)
