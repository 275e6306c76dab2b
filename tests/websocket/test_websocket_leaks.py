"""Memory after many WebSockets of each kind is as much as before.

Limits while they are open are tested in test_websocket_flow.py and test_websocket_hostile.py.
"""

import asyncio
import gc
import sys
import weakref
from itertools import pairwise
from typing import Any

import pytest
from asgi_support import serving
from ws_frames import BINARY, close, deflated, fragments, handshake, ping, text
from ws_peer import DEFLATE, Peer

pytestmark = pytest.mark.vitok_only

FRAMES = {
    "/": (text("hello"), close(4000, "a reason")),
    "/deflate": (deflated("hello" * 100), close()),
    "/fragments": (*fragments(BINARY, b"a", b"b"), ping(b"?"), close(None)),
    "/unread": (text("a"), text("b"), close()),
    "/refuse": (),
    "/respond": (),
    "/misuse": (text("a"), close()),
    "/fail": (text("a"), close()),
    "/return": (close(),),
    "/invalid": (b"\xff\xff",),
    "/leave": (text("a"), text("b")[:-1]),
    "/wait": (text("a"), close()),
    "/close": (close(),),
    "/no-handshake": (),
}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Does what the path says, otherwise echoes what is long enough to be compressed."""
    path = scope["path"]
    await receive()
    if path == "/refuse":
        await send({"type": "websocket.close"})
        return
    if path == "/respond":
        await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-a", b"b")]})
        await send({"type": "websocket.http.response.body", "body": b"teapot"})
        return
    await send({"type": "websocket.accept", "headers": [(b"x-a", b"b")]})
    if path == "/fail":
        raise LookupError
    if path in ("/unread", "/return"):
        return
    if path == "/close":
        await send({"type": "websocket.close", "code": 3000, "reason": "enough"})
    if path == "/misuse":
        for bad in ({}, {"text": 1}, {"text": "\ud800"}, {"bytes": b"", "text": ""}):
            try:
                await send({"type": "websocket.send", **bad})
            except (TypeError, ValueError, RuntimeError):
                continue
    if path == "/wait":
        listening = asyncio.ensure_future(receive_one(receive))
        await asyncio.sleep(0)
        listening.cancel()
    while (await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": "echo" * 1000})
    try:
        await send({"type": "websocket.send", "text": "too late"})
    except OSError:
        pass


async def receive_one(receive: Any) -> Any:
    """A coroutine for a task."""
    return await receive()


@pytest.mark.parametrize("path", FRAMES)
def test_websockets_leave_no_memory_behind(path: str) -> None:
    """Of some hundred connections not one object each is left, nor one reference to None (which counts up to 3.11)."""

    def visit(times: int) -> tuple[int, int]:
        for _ in range(times):
            client = site.connect()
            fields = (DEFLATE,) if path == "/deflate" else ()
            key = {"key": "short"} if path == "/no-handshake" else {}
            client.send(handshake(path, *fields, **key) + b"".join(FRAMES[path]))
            if path == "/leave":
                Peer(client).accepted()
            elif path in ("/refuse", "/respond", "/no-handshake"):
                client.answer()
            else:
                client.end()
            client.close()
            site.clients.clear()
            site.hooks.take()
        site.wait(lambda: site.http.connections == 0 == site.http.running)
        site.hooks.take()
        del client
        gc.collect()
        return sys.getallocatedblocks(), sys.getrefcount(None)

    with serving(application) as site:
        counts = [visit(60) for _ in range(6)]
    more = [(now[0] - before[0], now[1] - before[1]) for before, now in pairwise(counts)]
    # Pools and tables grow for a while; what leaks grows by sixty each time.
    assert min(blocks for blocks, _ in more) < 40, more
    assert min(references for _, references in more) < 40, more


def test_a_cycle_through_a_connection_is_collected() -> None:
    """An application that keeps its own receive and send in its scope leaves no garbage that can't be collected."""

    class Witness:
        pass

    witnesses: list[Any] = []

    async def circular(scope: Any, receive: Any, send: Any) -> None:
        witness: Any = Witness()
        witness.all = (scope, receive, send, witness)
        scope["state"]["witness"] = witness
        witnesses.append(weakref.ref(witness))
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    with serving(circular, state={}) as site:
        for _ in range(10):
            client = site.connect()
            client.send(handshake() + close())
            client.end()
            client.close()
        site.wait(lambda: site.http.connections == 0 == site.http.running)
        site.turn()
        gc.collect()
        assert [witness() for witness in witnesses] == [None] * 10
