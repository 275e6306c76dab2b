"""Peers that never end anything, flood, or leave at the worst moment: memory is bounded and others are served.

Invalid frames are tested in test_websocket_invalid.py, bombs in test_websocket_deflate.py, a peer that does not read in
test_websocket_flow.py.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgi_support import GET, Client, serving
from support import MIB, open_descriptors, resident, run_script
from ws_calls import Served, served
from ws_frames import (
    BINARY,
    CONTINUATION,
    TEXT,
    binary,
    close,
    deflated,
    fragments,
    frame,
    handshake,
    ping,
    text,
)
from ws_peer import DEFLATE, Peer

pytestmark = pytest.mark.vitok_only

GROWTH_AT_MOST = 8 * MIB
# With VITOK_IDLE_WEBSOCKETS=9900, which takes some seconds more, as many as the usual limit of descriptors allows.
IDLE = int(os.environ.get("VITOK_IDLE_WEBSOCKETS", "2000"))
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


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Echoes, and takes it calmly when the peer leaves."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"plain"})
        return
    await receive()
    try:
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({**event, "type": "websocket.send"})
    except OSError:
        pass


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


def served_well(here: Served) -> None:
    """Whether another peer is served."""
    peer, call = here.open()
    peer.send(text("hello"))
    assert call.content() == "hello"
    peer.leave()
    call.returns()


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


@pytest.mark.parametrize("size", [16 * MIB, 1])
def test_frames_that_never_end(size: int) -> None:
    """A hundred frames that announce much and bring little cost what they bring, and others are served."""
    with served() as here:
        pairs = [here.open() for _ in range(100)]
        before = resident()
        for peer, _ in pairs:
            peer.send(frame(BINARY, b"", length=size)[:10])
            peer.send(b"\1\2\3\4" * 250)
        here.site.turn()
        assert resident() - before < GROWTH_AT_MOST
        served_well(here)
        for peer, call in pairs:
            peer.stream.close()
            while (event := call.receive())["type"] != "websocket.disconnect":
                assert size == 1
            assert event["code"] in (1006, 1002)
            call.returns()
        here.ended()


def test_a_frame_byte_by_byte(here: Served) -> None:
    """A frame that arrives in single bytes is complete in the end, without a copy of it for each byte."""
    peer, call = here.open()
    data = text("x" * 300)
    for at in range(len(data)):
        peer.client.offer(data[at : at + 1])
        here.site.turn(1)
    assert call.content() == "x" * 300


def test_a_million_empty_fragments(here: Served) -> None:
    """Fragments without content cost nothing that stays, others are served meanwhile, and the message is whole."""
    peer, call = here.open()
    before = resident()
    block = frame(CONTINUATION, b"", is_final=False) * 10_000
    peer.send(frame(TEXT, b"a", is_final=False))

    async def flood() -> None:
        for _ in range(100):
            await here.site.loop.sock_sendall(peer.client.sock, block)

    task = here.site.loop.create_task(flood())
    here.site.turn(20)
    served_well(here)
    here.site.wait(task.done)
    peer.send(frame(CONTINUATION, b"b"))
    assert call.content() == "ab"
    assert resident() - before < GROWTH_AT_MOST


def test_a_million_fragments_of_one_byte() -> None:
    """A message made of fragments of one byte counts its bytes: it ends at the limit as any other."""
    with served(ws_max_size=100_000) as here:
        peer, call = here.open()
        before = resident()
        peer.send(frame(BINARY, b"", is_final=False))
        block = frame(CONTINUATION, b"a", is_final=False) * 10_000

        async def flood() -> None:
            try:
                for _ in range(20):
                    await here.site.loop.sock_sendall(peer.client.sock, block)
            except OSError:
                pass

        task = here.site.loop.create_task(flood())
        assert peer.closed()[0] == 1009
        assert call.disconnected()[0] == 1009
        assert resident() - before < GROWTH_AT_MOST
        peer.stream.close()
        here.site.wait(task.done)


def test_pings_in_a_flood() -> None:
    """Pings of a peer that never reads pile up nowhere; once it reads, the last thing it gets is the latest pong."""
    with served() as here:
        client = here.site.connect(receive_buffer=4096)
        client.send(handshake())
        call = here.calls.next()
        call.accept()
        peer = Peer(client)
        peer.accepted()
        before = resident()
        count = 100_000
        data = ping(b"p" * 100) * 1000
        task = here.site.loop.create_task(flood_and_last(here, client, data, count // 1000))
        here.site.wait(task.done)
        assert resident() - before < GROWTH_AT_MOST
        served_well(here)
        here.site.run(read_until(client, b"\x8a\x04last"))
        assert len(client.buffer) < count * 102 * 3 // 4
        client.buffer.clear()
        client.send(text("still here"))
        assert call.content() == "still here"


async def read_until(client: Client, last: bytes) -> None:
    """Read until what has arrived ends so."""
    while not client.buffer.endswith(last):
        assert await client._more()


async def flood_and_last(here: Served, client: Client, data: bytes, times: int) -> None:
    """Send some data so many times, and one more ping."""
    for _ in range(times):
        await here.site.loop.sock_sendall(client.sock, data)
    await here.site.loop.sock_sendall(client.sock, ping(b"last"))


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


def test_a_thousand_floods_that_nobody_receives() -> None:
    """Connections whose application receives nothing hold no more than their queue each."""
    with served(ws_max_queue=2) as here:
        before = resident()
        pairs = [here.open() for _ in range(100)]
        for peer, _ in pairs:
            peer.client.offer(binary(bytes(4000)) * 250)
        here.site.turn(20)
        assert resident() - before < 48 * MIB
        served_well(here)
        for peer, call in pairs:
            peer.client.reset()
            call.returns()
        here.ended()


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


IDLE_SCRIPT = """
import asyncio, resource, socket
from vitok import _native
from vitok.http.options import native_options

def memory():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

ended = 0

async def application(scope, receive, send):
    global ended
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})
    ended += event["code"] == 1006

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
count = min(COUNT, (hard - 100) // 2)
loop = new_loop()
http = _native.HttpServer(loop, application, native_options(), None)
server = loop.run_until_complete(loop.create_server(http, "127.0.0.1", 0, backlog=1000))
address = server.sockets[0].getsockname()

async def main():
    clients = []
    for _ in range(count):
        client = socket.socket()
        client.setblocking(False)
        await loop.sock_connect(client, address)
        clients.append(client)
    while http.connections < count:
        await asyncio.sleep(0.01)
    before = memory()
    for client in clients:
        client.send(HANDSHAKE)
    while http.running < count:
        await asyncio.sleep(0.01)
    for client in clients:
        assert (await loop.sock_recv(client, 1000)).startswith(b"HTTP/1.1 101 ")
    # With the application's task and coroutine.
    print((memory() - before) // count)
    for client in clients[::100]:
        client.send(MESSAGE)
        assert await loop.sock_recv(client, 1000) == b"\\x81\\x05hello"
    for client in clients:
        client.close()
    while http.connections or http.running:
        await asyncio.sleep(0.01)
    print(ended)

loop.run_until_complete(asyncio.wait_for(main(), 50))
server.close()
loop.close()
print(count)
"""


def test_thousands_of_idle_peers() -> None:
    """Thousands of idle WebSockets cost little memory each, some of them are served, and all are forgotten."""
    script = IDLE_SCRIPT.replace("COUNT", str(IDLE)).replace("HANDSHAKE", repr(handshake()))
    each, ended, count = run_script("vitok", script.replace("MESSAGE", repr(text("hello")))).split()
    assert int(count) > 100
    assert int(ended) == int(count)
    # The task, two coroutines and the scope of an application are in it, which are Python's.
    assert int(each) < 8000


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
