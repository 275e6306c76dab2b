"""No byte behind a handshake is lost: whatever stands before it, however the bytes are split, whenever it is accepted.

Each test runs on each kind of transport. Splits of frames alone are tested in crates/websocket.
"""

from typing import Any

import pytest
import wires
from asgi_places import Place
from asgi_support import GET, request
from ws_calls import Call, Served, connect, served
from ws_frames import BINARY, CLOSE, PONG, TEXT, Frame, binary, close, fragments, handshake, ping, text
from ws_peer import Peer

pytestmark = [pytest.mark.vitok_only, wires.both_wires]

HANDSHAKE = handshake("/chat", "x-padding: " + "p" * 50)
FRAMES = b"".join(
    [text("first"), *fragments(BINARY, b"se", b"", b"cond"), ping(b"?"), text("ä" * 100), close(4000, "e")]
)
CONTENT = ["first", b"second", "ä" * 100]


def receives_all(call: Call) -> None:
    """The application gets what FRAMES have."""
    assert [call.content() for _ in CONTENT] == CONTENT
    assert call.disconnected() == (4000, "e")


def reads_the_rest(peer: Peer) -> None:
    """The client gets the answers to FRAMES."""
    assert peer.frame() == Frame(PONG, b"?")
    assert peer.closed()[0] == 4000
    assert peer.stream.end() == b""


@wires.http1_only("its transports")
@pytest.mark.parametrize("requests", [0, 1, 3, 20])
@pytest.mark.parametrize("is_late", [False, True])
def test_one_segment(place: Place, requests: int, is_late: bool) -> None:
    """Requests, the handshake and all frames in one segment; the application accepts at once, or turns later."""
    with served(**place.options) as here:
        peer = connect(place, here)
        peer.send(GET * requests, HANDSHAKE, FRAMES)
        for _ in range(requests):
            assert peer.stream.answer().body == b"plain"
        call = here.calls.next()
        if is_late:
            here.site.turn(20)
        call.accept()
        peer.accepted()
        receives_all(call)
        reads_the_rest(peer)
        call.returns()
        peer.stream.close()
        here.ended()


@wires.http1_only("its transports")
@pytest.mark.parametrize("step", [1, 7, 64])
def test_small_segments(place: Place, step: int) -> None:
    """Everything arrives in segments of a few bytes."""
    with served(**place.options) as here:
        peer = connect(place, here)
        data = request("/", method="POST", body=b"content") + HANDSHAKE + FRAMES
        half = len(data) - len(FRAMES) // 2
        for at in range(0, half, step):
            peer.send(data[at : min(at + step, half)])
        assert peer.stream.answer().body == b"plain"
        call = here.calls.next()
        call.accept()
        peer.accepted()
        for at in range(half, len(data), step):
            peer.send(data[at : at + step])
        receives_all(call)
        reads_the_rest(peer)


@wires.http1_only("the bytes of the connection")
def test_every_split(here: Served) -> None:
    """Two segments, split at each byte of a handshake and its frames; the application is there in between."""
    data = HANDSHAKE + FRAMES
    for at in range(1, len(data)):
        peer = Peer(here.site.connect())
        peer.send(data[:at])
        here.site.turn(2)
        if at >= len(HANDSHAKE):
            call = here.calls.next()
            call.accept()
            peer.send(data[at:])
        else:
            assert not here.calls.calls
            peer.send(data[at:])
            call = here.calls.next()
            call.accept()
        peer.accepted()
        receives_all(call)
        reads_the_rest(peer)
        call.returns()
        peer.stream.close()
        here.site.clients.clear()
    here.ended()


class Eager:
    """An application that accepts in its first step and echoes, without ever leaving its task to a test."""

    def __init__(self) -> None:
        self.received: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Accept, then echo until the end."""
        await send({"type": "websocket.accept"})
        assert await receive() == {"type": "websocket.connect"}
        while (event := await receive())["type"] == "websocket.receive":
            self.received.append(event["text"] if "text" in event else event["bytes"])
            try:
                await send({**event, "type": "websocket.send"})
            except OSError:
                continue
        self.received.append(event["code"])


@wires.http1_only("its transports")
@pytest.mark.parametrize("requests", [0, 2])
def test_an_application_that_accepts_in_its_first_step(place: Place, requests: int) -> None:
    """The acceptance happens within the read that brought the handshake, and what is behind it is still there."""
    with served(**place.options) as here:
        application = here.calls.instead = Eager()
        peer = connect(place, here)
        peer.send(GET * requests, HANDSHAKE, FRAMES)
        for _ in range(requests):
            assert peer.stream.answer().body == b"plain"
        peer.accepted()
        found = [peer.frame()]
        while found[-1].opcode != CLOSE:
            found.append(peer.frame())
        # What it echoes after the peer has closed is not sent any more.
        echoed = [frame.data for frame in found if frame.opcode in (TEXT, BINARY)]
        whole = [b"first", b"second", "ä".encode() * 100]
        assert echoed == whole[: len(echoed)]
        assert Frame(PONG, b"?") in found
        assert peer.stream.end() == b""
        here.site.turn()
        assert application.received == [*CONTENT, 4000]


@wires.http1_only("its transports")
@pytest.mark.parametrize("requests", [0, 2])
def test_an_echo_in_its_first_step(place: Place, requests: int) -> None:
    """Messages behind the handshake are echoed, all of them and in their order, by the same application."""
    with served(**place.options) as here:
        here.calls.instead = Eager()
        peer = connect(place, here)
        peer.send(GET * requests, HANDSHAKE, *(text(f"{number}") for number in range(200)))
        for _ in range(requests):
            assert peer.stream.answer().body == b"plain"
        peer.accepted()
        assert [peer.message() for _ in range(200)] == [f"{number}" for number in range(200)]
        peer.leave()


@wires.http1_only("its transports")
def test_the_end_of_the_peer_behind_frames(place: Place) -> None:
    """A client that sends handshake, frames and its end in one go: the frames are received, then the end."""
    with served(**place.options) as here:
        peer = connect(place, here)
        peer.send(HANDSHAKE, text("last words"))
        call = here.calls.next()
        if place.trusting is None:
            peer.client.writer.write_eof()
        else:
            peer.stream.close()
        here.site.turn(10)
        call.connected()
        # The end may be known before the application accepts.
        try:
            call.send("accept")
        except OSError:
            assert call.disconnected()[0] == 1006
        else:
            assert call.content() == "last words"
            assert call.disconnected()[0] == 1006


@wires.http1_only("its transports")
@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_much_behind_a_handshake(place: Place, size: int) -> None:
    """More bytes behind a handshake than one read takes, while the application has not accepted yet."""
    with served(**place.options) as here:
        peer = connect(place, here)
        data = bytes(range(256)) * (size // 256)
        sending = here.site.loop.create_task(send_all(peer, HANDSHAKE + binary(data) + text("end")))
        call = here.calls.next()
        here.site.turn(50)
        call.accept()
        peer.accepted()
        assert call.content() == data
        assert call.content() == "end"
        here.site.run(call._wait(sending))


async def send_all(peer: Peer, data: bytes) -> None:
    """Send data while the loop does other things."""
    peer.client.writer.write(data)
    await peer.client.writer.drain()
