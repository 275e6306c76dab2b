"""Peers that never end anything, flood, or are very many: memory is bounded, and others are served.

Peers that leave are tested in test_websocket_hostile.py, floods that nobody receives in test_websocket_flow.py, too.
"""

import asyncio
import os
import time

import pytest
from asgi_support import Client, serving
from support import MIB, resident, run_script
from ws_calls import Served, echo, served
from ws_frames import BINARY, CONTINUATION, TEXT, binary, frame, handshake, ping, text
from ws_peer import Peer

pytestmark = pytest.mark.vitok_only

GROWTH_AT_MOST = 8 * MIB
# With VITOK_IDLE_WEBSOCKETS=9900, which takes some seconds more, as many as the usual limit of descriptors allows.
IDLE = int(os.environ.get("VITOK_IDLE_WEBSOCKETS", "2000"))


def served_well(here: Served) -> None:
    """Whether another peer is served."""
    peer, call = here.open()
    peer.send(text("hello"))
    assert call.content() == "hello"
    peer.leave()
    call.returns()


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


def test_a_flood_of_tiny_messages() -> None:
    """A peer that sends tiny messages as fast as it can gets all echoes, and others are not kept waiting."""
    count = 50_000
    with serving(echo) as site:
        peers = [Peer(site.connect()) for _ in range(2)]
        for peer in peers:
            peer.send(handshake())
            peer.accepted()
        client, other = peers[0].client, peers[1].client
        delays: list[float] = []

        async def sending() -> None:
            await site.loop.sock_sendall(client.sock, text("x") * count)

        async def reading() -> None:
            while len(client.buffer) < 3 * count:
                assert await client._more()

        async def others(task: "asyncio.Task[None]") -> None:
            while not task.done():
                began = time.monotonic()
                await site.loop.sock_sendall(other.sock, text("y"))
                assert await other._exactly(3) == b"\x81\x01y"
                delays.append(time.monotonic() - began)
                await asyncio.sleep(0.001)

        async def all_of_it() -> None:
            task = asyncio.ensure_future(reading())
            await asyncio.gather(task, sending(), others(task))

        site.run(all_of_it())
        assert client.buffer == b"\x81\x01x" * count
        # Generous, for a machine under load: a tenth of it is what it takes.
        assert max(delays) < 1


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
