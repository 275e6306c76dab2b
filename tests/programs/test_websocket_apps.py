"""Applications in popular frameworks over WebSocket, and the library websockets as their visitor.

All have the same routes. An application handles all connections in one run, whose output is checked when SIGTERM ends
it. python-socketio has a client of its own.
"""

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from apps.rooms import FAREWELL, FIELD, SUBPROTOCOL
from apps.scene import LARGE_BODY
from asgi import served
from children import Flavour, run_to_end, words_of
from needs import need_library
from sites import ANSWER_SECONDS

LOOPS = {"asyncio": "asyncio.unix_events._UnixSelectorEventLoop", "vitok": "vitok.Loop"}
GUESTS = ("ada", "bob", "eve")
TEXT = "gr\u00fc\u00df dich \U0001f44b"
# So many messages for one that a guest sends. The layer of Channels in memory drops what is more than a hundred.
MANY = 80
CODE = 4001


@dataclass(frozen=True, slots=True)
class Framework:
    """What an application needs, and what its framework leaves out."""

    libraries: tuple[str, ...]
    # Whether it tells a handler with which code its client has closed.
    tells_codes: bool = True


FRAMEWORKS = {
    "fastapi": Framework(("fastapi",)),
    "starlette": Framework(("starlette",)),
    "quart": Framework(("quart",), tells_codes=False),
    "litestar": Framework(("litestar",)),
    "channels": Framework(("channels", "django")),
}


@dataclass(frozen=True, slots=True)
class Site:
    """An application's address, and what its framework leaves out."""

    address: str
    framework: Framework

    def connect(self, path: str, **how: Any) -> Any:
        """A connection, which is closed at the end of its block."""
        from websockets.sync.client import connect

        address = self.address.replace("http://", "ws://")
        return connect(address + path, proxy=None, open_timeout=ANSWER_SECONDS, max_size=None, legacy=True, **how)


@contextmanager
def running(name: str, flavour: Flavour) -> Iterator[Site]:
    """An application, served."""
    framework = FRAMEWORKS[name]
    for library in (*framework.libraries, "websockets"):
        need_library(library)
    with served(f"asgi_rooms_{name}:app", flavour, lifespan="auto", ws="wsproto") as server:
        yield Site(server.address, framework)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_an_application(name: str, plain_flavour: Flavour, subtests: pytest.Subtests) -> None:
    """An application in a framework does over our server what it does over uvicorn, and complains of nothing."""
    with running(name, plain_flavour) as site:
        for check in CHECKS:
            with subtests.test(check.__doc__):
                check(site)
        with urllib.request.urlopen(f"{site.address}/loop", timeout=ANSWER_SECONDS) as answer:
            assert answer.read().decode() == LOOPS[plain_flavour.loop]


def check_texts(site: Site) -> None:
    """Texts and bytes come back, small and large."""
    with site.connect("/echo") as connection:
        for text in ("", TEXT, TEXT * 100_000):
            connection.send(text)
            assert connection.recv(ANSWER_SECONDS) == text
    with site.connect("/bytes") as connection:
        for data in (b"\x00", LARGE_BODY):
            connection.send(data)
            assert connection.recv(ANSWER_SECONDS) == data


def check_json(site: Site) -> None:
    """Bodies as JSON, several of them ahead."""
    with site.connect("/json") as connection:
        for number in range(10):
            connection.send(json.dumps({"numbers": [number, 2]}))
        totals = [json.loads(connection.recv(ANSWER_SECONDS)) for _ in range(10)]
    assert totals == [{"total": number + 2} for number in range(10)]


def check_room(site: Site) -> None:
    """What one guest says reaches all, however much it is, and so does its leaving."""
    with ExitStack() as stack:
        guests = []
        for name in GUESTS:
            guests.append(stack.enter_context(site.connect(f"/room/{name}?times={MANY}")))
            assert {guest.recv(ANSWER_SECONDS) for guest in guests} == {f"{name} is here"}
        guests[0].send(TEXT)
        for guest in guests:
            assert [guest.recv(ANSWER_SECONDS) for _ in range(MANY)] == [f"ada: {TEXT}"] * MANY
        guests[0].close(CODE, "tired")
        code = CODE if site.framework.tells_codes else 0
        assert {guest.recv(ANSWER_SECONDS) for guest in guests[1:]} == {f"ada left: {code}"}


def check_refusal(site: Site) -> None:
    """Who has no token gets 403; who has one, a text and a close."""
    from websockets.exceptions import ConnectionClosedOK, InvalidStatus

    with pytest.raises(InvalidStatus) as refused:
        site.connect("/secret")
    assert refused.value.response.status_code == 403
    with site.connect("/secret?token=open%20sesame") as connection:
        assert connection.recv(ANSWER_SECONDS) == "you said open sesame"
        with pytest.raises(ConnectionClosedOK):
            connection.recv(ANSWER_SECONDS)


def check_subprotocol(site: Site) -> None:
    """The application chooses a subprotocol and adds a field to the response."""
    with site.connect("/chat", subprotocols=["chat.v1", SUBPROTOCOL]) as connection:
        assert connection.subprotocol == SUBPROTOCOL
        name, value = FIELD
        assert connection.response.headers[name] == value
        connection.send("bye")


def check_farewell(site: Site) -> None:
    """The application closes with a code and a reason."""
    from websockets.exceptions import ConnectionClosedError

    with site.connect("/farewell") as connection:
        with pytest.raises(ConnectionClosedError):
            connection.recv(ANSWER_SECONDS)
        assert (connection.close_code, connection.close_reason) == FAREWELL


CHECKS: tuple[Callable[[Site], None], ...] = (
    check_texts,
    check_json,
    check_room,
    check_refusal,
    check_subprotocol,
    check_farewell,
)


def test_socketio(plain_flavour: Flavour) -> None:
    """Its own client, by WebSocket from the beginning and after it has begun by polling."""
    need_library("socketio")
    need_library("aiohttp")
    with served("asgi_socketio:app", plain_flavour, lifespan="on", ws="wsproto") as server:
        words = [*words_of("socketio_client.py", plain_flavour), server.address]
        assert run_to_end(words, plain_flavour) == LOOPS[plain_flavour.loop]
