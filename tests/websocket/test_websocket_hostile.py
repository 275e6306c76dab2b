"""Peers that leave at the worst moment, or send what makes no sense: nothing leaks, and others are served.

Floods are tested in test_websocket_floods.py, invalid frames in test_websocket_invalid.py, bombs in
test_websocket_deflate.py, a peer that does not read in test_websocket_flow.py.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgi_support import GET, serving
from support import MIB, open_descriptors
from ws_calls import Served, echo, served
from ws_frames import BINARY, binary, close, deflated, fragments, handshake, ping, text
from ws_peer import DEFLATE, Peer

pytestmark = pytest.mark.vitok_only

SESSION = b"".join(
    [
        handshake("/", DEFLATE),
        text("first"),
        deflated("a" * 100),
        *fragments(BINARY, b"se", b"", b"cond"),
        ping(b"?"),
        close(4000, "end"),
    ]
)


@contextmanager
def leaking_nothing(site: Any) -> Iterator[None]:
    """Afterwards no connection, call or descriptor is left of what happened within, and the site serves."""
    before = open_descriptors()
    yield
    site.wait(lambda: site.http.connections == 0 == site.http.running)
    site.turn()
    assert open_descriptors() == before
    client = site.connect()
    assert client.ask(GET).body == b"plain"
    client.send(handshake() + text("hello"))
    peer = Peer(client)
    peer.accepted()
    assert peer.message() == "hello"
    client.close()


@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.parametrize("ending", ["reset", "close", "half_close"])
def test_leaving_at_every_point(ending: str, turns: int) -> None:
    """A peer that leaves after any number of bytes, at once or some turns later, leaves nothing behind."""
    with serving(echo) as site, leaking_nothing(site):
        for place in range(0, len(SESSION) + 1, 1 if turns == 1 else 7):
            client = site.connect()
            client.offer(SESSION[:place])
            site.turn(turns)
            getattr(client, ending)()
            if ending == "half_close":
                client.end()
                client.close()
            site.clients.clear()


@pytest.mark.parametrize("turns", range(8))
def test_leaving_at_every_turn(turns: int) -> None:
    """A peer that is reset at any turn of a whole session, of a handshake behind requests, or within an echo."""
    with serving(echo) as site, leaking_nothing(site):
        for data in (SESSION, GET * 3 + SESSION, handshake() + binary(bytes(300_000)) * 3):
            client = site.connect(receive_buffer=4096)
            client.offer(data)
            site.turn(turns)
            client.reset()


def test_a_handshake_that_never_ends() -> None:
    """A handshake that is not complete in the time for a head is answered as any such request, and ends."""
    with serving(echo, timeout_header=0.2) as site, leaking_nothing(site):
        for data in (handshake()[:-2], handshake()[:10], handshake()[:-1]):
            client = site.connect()
            client.send(data)
            assert client.end()[:13] in (b"", b"HTTP/1.1 408 ")
            client.close()


def test_bytes_without_sense() -> None:
    """Any bytes behind a handshake end the connection or are messages; the site serves, and nothing is reported."""
    chance = random.Random(13)
    with serving(echo) as site, leaking_nothing(site):
        for _ in range(300):
            client = site.connect()
            data = chance.randbytes(chance.choice([1, 2, 7, 30, 300, 5000]))
            start = chance.choice([b"", b"\x81", b"\xc1\xfe", b"\x01", b"\x88\x80", b"\x82\xff\0\0\0\0\0\0"])
            client.offer(handshake("/", chance.choice([DEFLATE, "x-a: b"])) + start + data)
            site.turn(chance.randrange(4))
            if chance.random() < 0.5:
                client.half_close()
                client.end()
            client.close()
            site.clients.clear()


def test_a_crowd_that_leaves_at_once() -> None:
    """Some hundred peers, each in the middle of something else, are all reset in one turn of the loop."""
    with serving(echo) as site, leaking_nothing(site):
        for number in range(300):
            client = site.connect()
            client.offer(SESSION[: number * len(SESSION) // 300])
        site.turn()
        for client in site.clients:
            client.reset()
        site.clients.clear()


def test_a_server_that_ends_with_everything_open() -> None:
    """The end of the server takes peers of all kinds with it, those that never read or answer, too."""
    for _ in range(2):
        with serving(echo, ws_close_seconds=0.2) as site:
            for data in (b"", handshake()[:9], handshake(), SESSION[:-5], handshake() + binary(bytes(MIB))):
                client = site.connect(receive_buffer=4096)
                client.offer(data)
            site.turn(20)
            site.http.begin_shutdown()
            site.turn(20)


def test_applications_that_are_left_alone() -> None:
    """Peers that leave before anybody accepts them, by the hundred: each application is told, none is forgotten."""
    with served() as here:
        for _ in range(200):
            here.begin().client.reset()
            here.site.clients.clear()
        here.site.turn()
        for _ in range(200):
            call = here.calls.next()
            call.connected()
            assert call.disconnected()[0] == 1006
            call.outcome.set_result(None)
        here.ended()


def test_many_waiting_at_one_connection(here: Served) -> None:
    """A thousand tasks that wait in `receive()` of one connection all end when it does."""
    peer, call = here.open()
    tasks = [here.site.loop.create_task(call._receive()) for _ in range(1000)]
    here.site.turn()
    peer.stream.close()
    here.site.wait(lambda: all(task.done() for task in tasks))
    kinds = {type(task.exception()) if task.exception() else task.result()["type"] for task in tasks}
    assert kinds <= {"websocket.disconnect", RuntimeError}
