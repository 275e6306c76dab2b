"""Any order of bytes, reads, turns and ends: every message is received once and in order, and nothing stays alive.

Each seed is one order, the same at each run. What a connection decides in random orders is tested in
`crates/wire/tests/websocket`; these go through the driver, the coroutines of `receive()` and `send()`, and the garbage
collector.
"""

import asyncio
import gc
import random
import weakref
from typing import Any

import pytest
import vitok
from driven import GET, Driven, Wire, turns
from ws_frames import BINARY, CLOSE, COMPRESSED, PING, PONG, TEXT, close, deflated, frame, handshake, inflated, ping
from ws_peer import DEFLATE, Peer

pytestmark = pytest.mark.vitok_only

SEEDS = 48
# What ends a connection, and the code that the application is told.
ENDS = {"close": 4000, "eof": 1006, "lost": 1006, "invalid": 1002, "the application": 3000, "it returns": None}


class Script:
    """What a peer sends, and an application that receives it all and sends it back."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.end = draw.choice(list(ENDS))
        self.is_deflated = draw.random() < 0.5
        self.requests = draw.choice((0, 0, 2))
        self.messages = [self._message() for _ in range(draw.choice((0, 1, 5, 80)))]
        self.pings: list[bytes] = []
        fields = (DEFLATE,) if self.is_deflated else ()
        self.stream = GET * self.requests + handshake("/", *fields) + b"".join(map(self._encode, self.messages))
        self.stream += {"close": close(4000, "done"), "invalid": b"\xff\xff"}.get(self.end, b"")
        self.received: list[str | bytes] = []
        self.echoed = 0
        self.was_called = False
        self.code: int | None = None
        # Whether the peer's close frame is due.
        self.has_closed = False

    def _message(self) -> str | bytes:
        size = self.draw.choice((0, 1, 7, 125, 126, 1100, 1100, 5000))
        return "ä" * size if self.draw.random() < 0.5 else self.draw.randbytes(size)

    def _encode(self, message: str | bytes) -> bytes:
        if self.is_deflated and self.draw.random() < 0.5:
            # A context would have to be the same for all messages, with the plain ones between them.
            return deflated(message)
        data = message.encode() if isinstance(message, str) else message
        opcode = TEXT if isinstance(message, str) else BINARY
        pieces = []
        while data and self.draw.random() < 0.5:
            count = self.draw.choice((0, 1, 100, 1000))
            pieces.append(data[:count])
            data = data[count:]
        pieces.append(data)
        encoded = b""
        for number, piece in enumerate(pieces):
            mask = self.draw.randbytes(4)
            is_final = number == len(pieces) - 1
            encoded += frame(opcode if number == 0 else 0, piece, is_final=is_final, mask=mask) + self._ping()
        return encoded

    def _ping(self) -> bytes:
        if self.draw.random() < 0.8:
            return b""
        self.pings.append(b"%d" % len(self.pings))
        return ping(self.pings[-1])

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """Echo everything, with pauses; end the connection if that is this script's end."""
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        self.was_called = True
        await self._dawdle()
        assert await receive() == {"type": "websocket.connect"}
        await self._dawdle()
        try:
            await send({"type": "websocket.accept"})
        except OSError:
            # Nothing was behind the handshake.
            assert not self.messages or self.end == "lost"
        while self.end not in ("the application", "it returns") or len(self.received) < len(self.messages):
            event = await receive()
            if event["type"] == "websocket.disconnect":
                self.code = event["code"]
                return
            self.received.append(event["text"] if "text" in event else event["bytes"])
            await self._dawdle()
            await self._send(send, {**event, "type": "websocket.send"})
        if self.end == "the application":
            await self._send(send, {"type": "websocket.close", "code": 3000})
            self.has_closed = True
            self.code = (await receive())["code"]
        self.has_closed = True

    async def _send(self, send: Any, message: dict[str, Any]) -> None:
        try:
            await send(message)
        except OSError:
            return
        self.echoed += message["type"] == "websocket.send"

    async def _dawdle(self) -> None:
        for _ in range(self.draw.choice((0, 0, 0, 0, 1, 3))):
            await asyncio.sleep(0)


class Seen:
    """Bytes of a server as a stream for `ws_peer`."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        """Return so many bytes."""
        if count > len(self.data):
            raise EOFError
        taken, self.data = self.data[:count], self.data[count:]
        return taken


def check_output(script: Script, seen: bytes) -> None:
    """What the server sent: the responses, then echoes and pongs in their order, then at most one close frame."""
    for _ in range(script.requests):
        head, _, seen = seen.partition(b"\r\n\r\n")
        assert not head or head.startswith(b"HTTP/1.1 200 ")
        seen = seen[2:]
    head, _, seen = seen.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101 "):
        assert not head or script.code == 1006
        return
    stream: Any = Seen(seen)
    peer, echoes, pongs, codes = Peer(stream), [], [], []
    while stream.data:
        try:
            found = peer.frame()
        except EOFError:
            assert script.end == "lost"
            break
        assert not codes, "nothing follows a close frame"
        if found.opcode == CLOSE:
            codes.append(found.code)
        elif found.opcode == PONG:
            pongs.append(found.data)
        elif found.opcode != PING:
            data = inflated(found.data) if found.reserved == COMPRESSED else found.data
            echoes.append(data.decode() if found.opcode == TEXT else data)
    assert echoes == script.received[: len(echoes)]
    if script.end != "lost":
        assert len(echoes) == script.echoed
    rest = iter(script.pings)
    assert all(pong in rest for pong in pongs), "pongs are in the order of their pings, each once"
    expected = 1000 if script.end == "it returns" else ENDS[script.end]
    assert codes in ([], [expected]) or script.end == "lost"
    if script.end in ("the application", "it returns", "close", "invalid"):
        assert codes == [expected]


async def live(seed: int) -> "weakref.ref[Any]":
    """One connection from its first byte to its end; what it gives is the protocol, if that is still alive."""
    draw = random.Random(seed)
    script = Script(draw)
    driven = Driven(
        script.application, access_log=draw.random() < 0.3, ws_max_queue=draw.choice((1, 3, 32)), ws_queue_bytes=4000
    )
    wire = driven.connect()
    protocol = weakref.ref(wire.protocol)
    await act(draw, script, wire)
    await turns(20)
    if script.end != "lost":
        assert script.received == script.messages
    assert script.received == script.messages[: len(script.received)]
    # The connection may be lost within the handshake.
    assert script.code == ENDS[script.end] or (script.end == "lost" and not script.was_called)
    check_output(script, wire.read())
    assert (driven.server.connections, driven.server.running, driven.hooks.errors) == (0, 0, [])
    return protocol


async def act(draw: random.Random, script: Script, wire: Wire) -> None:
    """Do what the peer does, in an order that is drawn."""
    rest, has_ended, has_answered = script.stream, False, False
    for _ in range(100_000):
        if script.has_closed and not has_answered:
            has_answered = True
            rest += close(1000)
        is_waiting = script.end in ("the application", "it returns") and not has_answered
        can_send = not wire.reads_paused and wire.protocol is not None
        match draw.randrange(6):
            case 0 if rest and can_send:
                count = draw.choice((1, 7, 60, 700, 1 << 20))
                wire.send(rest[:count])
                rest = rest[count:]
            case 0 if not rest and not has_ended and can_send and not is_waiting:
                has_ended = True
                wire.end()
            case 1:
                wire.read(draw.choice((1, 100, 3000, 1 << 20)))
            case 2 if script.end == "lost" and draw.random() < 0.01 and wire.protocol is not None:
                wire.lose(ConnectionResetError())
            case 2 if draw.random() < 0.05:
                gc.collect(draw.randrange(2))
            case _:
                await asyncio.sleep(0)
        if wire.is_over:
            return
    raise AssertionError("the connection does not end")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_message_is_received_in_any_order_of_events(seed: int) -> None:
    """Each message once, in order; echoes and pongs in theirs; one close frame; then nothing of it is left."""
    with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
        protocol = runner.run(live(seed))
    gc.collect()
    assert protocol() is None
