"""Any order of data, reads, turns and the client's end: every request is answered, and then nothing of it is alive.

Each seed is one order, the same at each run. The actions of the application are random, too. What a connection decides
in random orders is tested in `crates/wire/tests/random_orders`, by the hundred thousand; these few run through the
driver, the coroutines of `receive()` and `send()` and the garbage collector.
"""

import asyncio
import gc
import random
import weakref
from typing import Any

import pytest
import vitok
from driven import Driven, turns

SEEDS = 12


class Scripts:
    """An application that does something else for each request, and the requests that it is sent."""

    def __init__(self, draw: random.Random, count: int) -> None:
        self.draw = draw
        self.contents = [draw.randbytes(draw.choice((0, 0, 3, 900, 5000))) for _ in range(count)]
        self.stream = b"".join(self._request(number, content) for number, content in enumerate(self.contents))

    def _request(self, number: int, content: bytes) -> bytes:
        head = b"POST /%d HTTP/1.1\r\nhost: a\r\nte: trailers\r\n" % number
        if self.draw.random() < 0.5:
            return head + b"content-length: %d\r\n\r\n%b" % (len(content), content)
        half = len(content) // 2
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:half], content[half:]) if part)
        return head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """Read the content or leave it, then answer with the request's number and some more."""
        number = int(scope["path"][1:])
        await self._dawdle()
        if self.draw.random() < 0.7:
            await self._read(number, receive)
        parts = [
            b"%d;" % number,
            *(bytes(self.draw.choice((0, 10, 1100, 5000))) for _ in range(self.draw.randrange(4))),
        ]
        has_trailers = self.draw.random() < 0.2
        if self.draw.random() < 0.2:
            await send({"type": "http.response.early_hint", "links": [b"</a>"]})
        await send({"type": "http.response.start", "status": 200, "trailers": has_trailers})
        for left, part in zip(range(len(parts) - 1, -1, -1), parts, strict=True):
            await self._dawdle()
            await send({"type": "http.response.body", "body": part, "more_body": left > 0})
        if has_trailers:
            await send({"type": "http.response.trailers", "headers": [(b"a", b"b")]})
        await self._dawdle()

    async def _read(self, number: int, receive: Any) -> None:
        content, more = b"", True
        while more:
            event = await receive()
            assert event["type"] == "http.request"
            content, more = content + event["body"], event["more_body"]
        assert content == self.contents[number]

    async def _dawdle(self) -> None:
        for _ in range(self.draw.choice((0, 0, 0, 1, 3))):
            await asyncio.sleep(0)


def numbers(seen: bytes) -> list[int]:
    """Which requests were answered, by responses that are whole."""
    found = []
    while seen:
        head, _, seen = seen.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 103 "):
            continue
        if b"content-length: " in head:
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            content, seen = seen[:length], seen[length:]
            assert len(content) == length
        else:
            content, seen = unchunked(seen)
        found.append(int(content.partition(b";")[0]))
    return found


def unchunked(seen: bytes) -> tuple[bytes, bytes]:
    """Content in chunks, and what is behind its trailers."""
    content = b""
    while True:
        size, _, seen = seen.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            trailers, _, rest = (b"\r\n" + seen).partition(b"\r\n\r\n")
            assert trailers in (b"", b"\r\na: b")
            return content, rest
        assert seen[length : length + 2] == b"\r\n"
        content, seen = content + seen[:length], seen[length + 2 :]


async def live(seed: int) -> "weakref.ref[Any]":
    """One connection from its first byte to its end; what it gives is the protocol, if that is still alive."""
    draw = random.Random(seed)
    scripts = Scripts(draw, draw.choice((1, 3, 30)))
    driven = Driven(scripts.application, access_log=draw.random() < 0.3)
    wire = driven.connect()
    protocol = weakref.ref(wire.protocol)
    rest, has_ended = scripts.stream, False
    for _ in range(100_000):
        match draw.randrange(6):
            case 0 if rest and not wire.reads_paused:
                count = draw.choice((1, 7, 60, 700, 1 << 20))
                wire.send(rest[:count])
                rest = rest[count:]
            case 0 if not rest and not has_ended and not wire.reads_paused:
                has_ended = True
                wire.end()
            case 1:
                wire.read(draw.choice((1, 100, 3000, 1 << 20)))
            case 2 if draw.random() < 0.05:
                gc.collect(draw.randrange(2))
            case _:
                await asyncio.sleep(0)
        if wire.is_over:
            break
    await turns()
    assert numbers(wire.read()) == list(range(len(scripts.contents)))
    assert (driven.server.connections, driven.server.running, driven.hooks.errors) == (0, 0, [])
    return protocol


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_request_is_answered_in_any_order_of_events(seed: int) -> None:
    """Whole, in order, and by its own response; then nothing of the connection is left."""
    with asyncio.Runner(loop_factory=vitok.new_event_loop) as runner:
        protocol = runner.run(live(seed))
    gc.collect()
    assert protocol() is None
