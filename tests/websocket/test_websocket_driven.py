"""Time and limits, on a scripted transport: keepalive, the end of waiting, queues, and a peer that never reads.

`pass_time` is the server's timer. A limit of some seconds has at least 16 ticks.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import driven
import pytest
from driven import Driven, Wire, turns
from ws_driven import Accepting, accepted, taken
from ws_frames import CLOSE, PING, PONG, TEXT, Frame, binary, close, ping, pong, text

pytestmark = pytest.mark.vitok_only

# Of the length of a tick only this is known: more of them than any limit in these tests has.
LONG = 2000
Test = Callable[[Accepting, Driven, Wire], Coroutine[Any, Any, None]]


def run(test: Test, **options: Any) -> None:
    """Run a test with a connection that is accepted."""

    async def main() -> None:
        application = Accepting()
        # No other limit ends anything here, and none makes a tick shorter.
        quiet: dict[str, Any] = {"timeout_keep_alive": 16, "timeout_body": None, "timeout_header": None}
        site = Driven(application, **{**quiet, **options})
        wire = await accepted(site)
        try:
            await test(application, site, wire)
            assert not site.hooks.errors
        finally:
            wire.abort()
            application.may_return.set()
            await turns()
            assert site.server.connections == 0
            assert site.server.running == 0

    driven.run(main)


async def passes(site: Driven, wire: Wire, ticks: int) -> list[tuple[int, Frame]]:
    """Let ticks pass one by one. Return the frames of the server, each with the tick at which it was sent."""
    found = []
    for tick in range(1, ticks + 1):
        site.pass_time(1)
        await turns(2)
        found += [(tick, frame) for frame in taken(wire)]
    return found


def test_a_peer_that_answers_is_asked_for_ever() -> None:
    """An idle peer gets a ping each interval, and stays as long as it answers."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        for _ in range(5):
            found = await passes(site, wire, 21)
            assert [frame for _, frame in found] == [Frame(PING, b"")]
            wire.send(pong(found[0][1].data))
            await turns()
        assert not wire.closing

    run(test, ws_ping_interval=16, ws_ping_timeout=160)


@pytest.mark.parametrize("answer", [text("hello"), text("hello")[:3], ping(b"?"), pong(b"other")])
def test_any_bytes_are_an_answer(answer: bytes) -> None:
    """A peer that sends anything is there, whatever it is."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        found = await passes(site, wire, 17)
        assert [frame.opcode for _, frame in found] == [PING]
        wire.send(answer)
        await turns()
        taken(wire)
        # The time for an answer to the first ping is over by then, that of the next is not.
        await passes(site, wire, 20)
        assert not wire.closing

    run(test, ws_ping_interval=16, ws_ping_timeout=17)


def test_a_peer_that_does_not_answer() -> None:
    """After the time for an answer the connection ends: 1011 to the peer, 1006 and why to the application."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        found = await passes(site, wire, 60)
        assert [frame.opcode for _, frame in found] == [PING, CLOSE]
        assert found[1][1].code == 1011
        assert 16 <= found[1][0] - found[0][0] <= 20
        assert await application.told() == (1006, "keepalive ping timeout")
        with pytest.raises(OSError):
            await application.send({"type": "websocket.send", "text": "x"})
        await turns()
        assert wire.is_over

    run(test, ws_ping_interval=16, ws_ping_timeout=16)


@pytest.mark.parametrize("options", [{"ws_ping_interval": None}, {"ws_ping_interval": None, "ws_ping_timeout": None}])
def test_no_pings(options: dict[str, Any]) -> None:
    """Without an interval nobody is asked, and a silent peer stays."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        assert await passes(site, wire, LONG) == []
        assert not wire.closing

    run(test, **options)


def test_pings_without_a_limit() -> None:
    """Without a timeout a peer is asked, and stays without an answer."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        assert [frame for _, frame in await passes(site, wire, LONG)].count(Frame(PING, b"")) >= 1
        assert not wire.closing

    run(test, ws_ping_interval=16, ws_ping_timeout=None)


def test_a_peer_that_is_not_read_is_not_asked() -> None:
    """While reading is paused because nobody receives, an answer could not be seen: no time is limited."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        wire.send(text("a") * 10)
        await turns()
        assert wire.reads_paused
        assert await passes(site, wire, LONG) == []
        for _ in range(10):
            assert (await application.receive())["text"] == "a"
            await turns()
        assert not wire.reads_paused
        assert [frame.opcode for _, frame in await passes(site, wire, 20)] == [PING]
        assert not wire.closing

    run(test, ws_max_queue=4, ws_ping_interval=16, ws_ping_timeout=16)


@pytest.mark.parametrize("is_answered", [False, True])
def test_the_wait_for_a_close_frame(is_answered: bool) -> None:
    """After the server's close frame the peer's is waited for, and not longer than its time."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        await application.send({"type": "websocket.close", "code": 3000, "reason": "why"})
        await turns()
        [frame] = taken(wire)
        assert (frame.code, frame.reason) == (3000, "why")
        await passes(site, wire, 15)
        assert not wire.closing
        if is_answered:
            wire.send(close(3000))
            await turns()
        else:
            await passes(site, wire, 40)
        wire.read()
        assert wire.is_over or wire.closing
        assert (await application.told())[0] == 3000

    run(test, ws_close_seconds=16)


def test_only_the_latest_ping_of_a_peer_that_never_reads() -> None:
    """Once nothing can be written pings are not answered one by one: the latest is, when the peer reads."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        wire.writes_paused = True
        wire.protocol.pause_writing()
        for number in range(1000):
            wire.send(ping(b"%d" % number))
        await turns()
        assert not wire.unread
        wire.writes_paused = False
        wire.protocol.resume_writing()
        await turns()
        assert taken(wire) == [Frame(PONG, b"999")]

    run(test)


def test_a_flood_of_pings() -> None:
    """What waits for a peer that floods and never reads is bounded by the transport's marks and one read."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        flood = ping(bytes(125)) * 20
        for _ in range(200):
            wire.send(flood)
        await turns()
        assert len(wire.unread) < 2 * (Wire.HIGH + len(flood))

    run(test)


@pytest.mark.parametrize("most", [1, 2, 4, 100])
@pytest.mark.parametrize("size", [1, 8])
def test_the_queue(most: int, size: int) -> None:
    """Reading pauses once so many messages wait, and goes on when the application has received."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        sent = 0
        while not wire.reads_paused:
            assert sent < most
            wire.send(b"".join(text(f"{number}") for number in range(sent, sent + size)))
            sent += size
            await turns(1)
        assert sent >= most
        for number in range(sent):
            assert (await application.receive())["text"] == f"{number}"
            await turns(3)
        assert not wire.reads_paused

    run(test, ws_max_queue=most)


def test_the_bytes_of_a_queue() -> None:
    """Few long messages are as many as many short ones: their bytes are limited, too."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        sent = 0
        while not wire.reads_paused:
            assert sent < 10
            wire.send(binary(bytes([sent]) * 3000))
            sent += 1
            await turns(1)
        assert sent == 4
        for number in range(sent):
            assert (await application.receive())["bytes"] == bytes([number]) * 3000
        await turns(3)
        assert not wire.reads_paused

    run(test, ws_max_queue=100, ws_queue_bytes=10_000)


def test_an_end_while_reading_is_paused() -> None:
    """The peer's end behind a queue that is full comes after all messages, and so does a lost connection."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        wire.send(b"".join(text(f"{number}") for number in range(20)))
        wire.end()
        await turns()
        for number in range(20):
            assert (await application.receive())["text"] == f"{number}"
            await turns(2)
        assert (await application.told())[0] == 1006

    run(test, ws_max_queue=4)


@pytest.mark.parametrize("can_half_close", [True, False])
def test_lingering(can_half_close: bool) -> None:
    """After an invalid frame the peer is read for a while, so that it sees why; then it is cut, whatever it sends."""

    async def main() -> None:
        application = Accepting()
        site = Driven(application, linger_seconds=16.0, linger_seconds_at_most=32.0, timeout_keep_alive=16)
        wire = await accepted(site, can_half_close=can_half_close)
        wire.send(b"\xff\xff")
        await turns()
        [frame] = taken(wire)
        assert frame.code == 1002
        assert (await application.told())[0] == 1002
        for _ in range(200):
            if wire.protocol is None or wire.closing:
                break
            wire.send(b"more of it")
            site.pass_time(1)
            await turns(1)
        assert wire.closing
        assert bytes(wire.unread) == b""
        await turns()
        assert site.server.connections == 0

    driven.run(main)


@pytest.mark.parametrize("restarts", [False, True])
def test_the_end_of_the_server(restarts: bool) -> None:
    """Each peer gets 1001, or 1012 where another server takes its place, and the time to answer."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        site.server.begin_shutdown(restarts)
        await turns()
        [frame] = taken(wire)
        assert frame.code == (1012 if restarts else 1001)
        assert (await application.told())[0] == frame.code
        assert not wire.closing
        wire.send(text("too late") + close(frame.code))
        await turns()
        assert wire.is_over

    run(test)


@pytest.mark.parametrize("when", ["before", "within", "after"])
def test_writing_that_is_paused(when: str) -> None:
    """`send()` waits while the transport is full, whenever it has become so, and no message is lost."""

    async def test(application: Accepting, site: Driven, wire: Wire) -> None:
        async def sends() -> None:
            for number in range(3):
                await application.send({"type": "websocket.send", "text": f"{number}" * 10})

        if when == "before":
            wire.writes_paused = True
            wire.protocol.pause_writing()
        if when == "within":
            wire.HIGH = 20
        task = asyncio.get_running_loop().create_task(sends())
        await turns()
        assert task.done() == (when == "after")
        for _ in range(5):
            if wire.writes_paused:
                wire.LOW = 1000
                wire.writes_paused = False
                wire.protocol.resume_writing()
            await turns()
        assert task.done()
        assert taken(wire) == [Frame(TEXT, b"%d" % number * 10) for number in range(3)]

    run(test)
