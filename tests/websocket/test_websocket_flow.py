"""Back-pressure: a peer that does not read makes `send()` wait, and messages that nobody receives are not read.

Memory is limited, nothing is lost, and everything goes on once there is room.
"""

import asyncio
from typing import Any

import pytest
from asgi_places import Place
from support import MIB, resident
from ws_calls import Call, Served, connect, served
from ws_frames import PONG, Frame, binary, close, fragments, handshake, ping, text
from ws_peer import Peer

pytestmark = pytest.mark.vitok_only

# The queue of a connection, a read of the loop's, and what allocators keep: nowhere near what is sent here.
GROWTH_AT_MOST = 8 * MIB


class Sending:
    """A task of the application that sends messages for ever, and counts them."""

    def __init__(self, call: Call, size: int) -> None:
        self.call = call
        self.size = size
        self.count = 0
        self.error: BaseException | None = None
        self.task = call.site.loop.create_task(self.send())

    async def send(self) -> None:
        """Send until that fails."""
        try:
            while True:
                data = self.count.to_bytes(4, "big").ljust(self.size, b"\0")
                await self.call.raw_send({"type": "websocket.send", "bytes": data})
                self.count += 1
        except OSError as error:
            self.error = error

    def wait_until_full(self) -> int:
        """Run the loop until no more messages are taken; return their number."""
        before = -1
        while before != self.count:
            before = self.count
            self.call.site.turn(20)
        return before


@pytest.mark.parametrize("size", [2000, 20_000, 1_000_000])
def test_a_reader_that_never_reads(size: int) -> None:
    """`send()` waits once transport and kernel are full; what is buffered is bounded; the rest is sent in order."""
    with served() as here:
        client = here.site.connect(receive_buffer=4096)
        peer = Peer(client)
        peer.send(handshake())
        call = here.calls.next()
        call.accept()
        peer.accepted()
        before = resident()
        sending = Sending(call, size)
        sent = sending.wait_until_full()
        assert not sending.task.done()
        assert sent * size < 10 * MIB
        assert resident() - before < GROWTH_AT_MOST + 4 * size
        for number in range(sent + 10):
            assert peer.frame().data[:4] == number.to_bytes(4, "big")
        here.site.wait(lambda: sending.count > sent)
        sending.task.cancel()
        here.site.turn()


@pytest.mark.parametrize("leaves", [False, True])
def test_a_reader_that_stops_on_every_transport(place: Place, leaves: bool) -> None:
    """The same on every transport: `send()` waits, and goes on once the peer reads, or raises once it is gone."""
    with served(**place.options) as here:
        # Its buffers fill while the test does not read from it.
        peer = connect(place, here)
        peer.send(handshake())
        call = here.calls.next()
        call.accept()
        peer.accepted()
        sending = Sending(call, 50_000)
        sent = sending.wait_until_full()
        assert not sending.task.done()
        assert sent * 50_000 < 20 * MIB
        if leaves:
            peer.stream.close()
            here.site.wait(sending.task.done)
            assert isinstance(sending.error, OSError)
            assert call.disconnected()[0] == 1006
            call.returns()
            here.ended()
            return
        for number in range(sent + 5):
            assert peer.frame().data[:4] == number.to_bytes(4, "big")
        sending.task.cancel()
        here.site.turn()


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_reader_that_leaves_while_send_waits(leave: str) -> None:
    """A waiting `send()` ends with an OSError once the peer is gone, and `receive()` has the end."""
    with served() as here:
        peer = Peer(here.site.connect(receive_buffer=4096))
        peer.send(handshake())
        call = here.calls.next()
        call.accept()
        peer.accepted()
        sending = Sending(call, 10_000)
        sending.wait_until_full()
        getattr(peer.client, leave)()
        here.site.wait(sending.task.done)
        assert isinstance(sending.error, OSError)
        assert call.disconnected()[0] == 1006
        call.returns()
        here.ended()


def test_a_send_that_is_cancelled_while_it_waits() -> None:
    """A cancelled `send()` has sent its message whole or not at all; the connection goes on."""
    with served() as here:
        peer = Peer(here.site.connect(receive_buffer=4096))
        peer.send(handshake())
        call = here.calls.next()
        call.accept()
        peer.accepted()
        sending = Sending(call, 10_000)
        sent = sending.wait_until_full()
        sending.task.cancel()
        here.site.turn()
        last = here.site.loop.create_task(call._send({"type": "websocket.send", "text": "last"}))
        numbers = []
        while (frame := peer.frame()).opcode == 2:
            numbers.append(int.from_bytes(frame.data[:4], "big"))
        assert frame.data == b"last"
        assert numbers in ([*range(sent)], [*range(sent + 1)])
        here.site.run(call._wait(last))


@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_a_flood_that_nobody_receives(size: int) -> None:
    """Reading pauses while messages wait for the application; later all of them are received in their order."""
    with served() as here:
        peer, call = here.open()
        data = binary(bytes(size))
        pending = bytearray(data * (30 * MIB // len(data) if size > 1 else 100_000))
        before = resident()
        total = len(pending) // len(data)
        sent = last = 0
        while True:
            taken = peer.client.offer(bytes(pending[sent : sent + MIB]))
            sent += taken
            here.site.turn(10)
            if not taken and not last:
                break
            last = taken
        if size > 1:
            assert sent < 16 * MIB
        assert resident() - before < GROWTH_AT_MOST + size
        sending = here.site.loop.create_task(here.site.loop.sock_sendall(peer.client.sock, pending[sent:]))

        async def receive_all() -> int:
            count = 0
            while count < total:
                event = await call.raw_receive()
                assert len(event["bytes"]) == size
                count += 1
            return count

        assert here.site.run(receive_all()) == total
        assert sending.done()


def test_the_queue_of_a_slow_application_keeps_its_order(place: Place) -> None:
    """More messages than the queue holds, received one by one with turns in between, on every transport."""
    with served(ws_max_queue=4, **place.options) as here:
        peer = connect(place, here)
        peer.send(handshake(), *(text(f"{number}") for number in range(50)))
        call = here.calls.next()
        call.accept()
        peer.accepted()
        peer.client.writer.write(b"".join(text(f"{number}") for number in range(50, 100)) + close(4000))
        for number in range(100):
            assert call.content() == f"{number}"
            here.site.turn(number % 3)
        assert call.disconnected() == (4000, "")
        assert peer.closed()[0] == 4000


def test_pings_behind_messages_that_nobody_receives() -> None:
    """While reading is paused pings wait with the rest; they are answered once it goes on."""
    with served(ws_max_queue=2) as here:
        peer, call = here.open()
        peer.send(*(text(f"{number}") for number in range(10)), ping(b"?"))
        here.site.turn()
        for number in range(10):
            assert call.content() == f"{number}"
        assert peer.frame() == Frame(PONG, b"?")


def test_the_end_of_a_peer_while_reading_is_paused() -> None:
    """A peer that leaves behind a flood: all that has arrived is received, then the end."""
    with served(ws_max_queue=2) as here:
        peer, call = here.open()
        peer.send(*(text(f"{number}") for number in range(100)))
        here.site.turn()
        peer.stream.close()
        here.site.turn()
        for number in range(100):
            assert call.content() == f"{number}"
        assert call.disconnected()[0] == 1006
        call.returns()
        here.ended()


def test_closing_while_reading_is_paused() -> None:
    """The application closes without having received: the peer's answer behind the flood is found."""
    with served(ws_max_queue=2) as here:
        peer, call = here.open()
        peer.send(*(text("unread" * 100) for _ in range(1000)))
        here.site.turn()
        call.send("close", code=3000)
        call.returns()
        assert peer.closed() == (3000, "")
        peer.send(close(3000))
        assert peer.stream.end() == b""
        peer.stream.close()
        here.ended()


def test_a_slow_reader_and_a_flood_at_once() -> None:
    """An echo whose peer sends all before it reads anything: both directions fill, and all of it comes back."""
    with served() as here:
        peer, call = here.open()
        count, size = 400, 50_000

        async def echo() -> None:
            for _ in range(count):
                event = await call.raw_receive()
                await call.raw_send({"type": "websocket.send", "bytes": event["bytes"]})

        data = b"".join(binary(number.to_bytes(2, "big") * (size // 2)) for number in range(count))

        async def all_at_once() -> None:
            await here.site.loop.sock_sendall(peer.client.sock, data)

        tasks = [here.site.loop.create_task(each()) for each in (echo, all_at_once)]
        before = resident()
        here.site.turn(200)
        assert resident() - before < GROWTH_AT_MOST
        for number in range(count):
            assert peer.frame().data == number.to_bytes(2, "big") * (size // 2)
        here.site.run(wait_for(tasks))


async def wait_for(tasks: list[Any]) -> None:
    """Wait for tasks."""
    await asyncio.gather(*tasks)


def test_a_message_longer_than_the_queue(here: Served) -> None:
    """A message of more bytes than may wait is received as any other, in one frame or in many."""
    peer, call = here.open()
    data = bytes(range(256)) * (3 * MIB // 256)
    parts = [data[at : at + 10_000] for at in range(0, len(data), 10_000)]
    for frames in (binary(data), b"".join(fragments(2, *parts))):
        task = here.site.loop.create_task(here.site.loop.sock_sendall(peer.client.sock, frames))
        assert call.content() == data
        here.site.run(call._wait(task))
