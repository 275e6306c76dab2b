"""Memory after many requests of each kind is as much as before.

Limits while requests run are tested in test_asgi_flow.py and test_hostile_peers.py.
"""

import asyncio
import gc
import sys
from itertools import pairwise
from typing import Any

import pytest
from asgi_messages import body, start
from asgi_support import read_body, request, respond, serving

pytestmark = pytest.mark.vitok_only


@pytest.mark.parametrize("path", ["/", "/stream", "/wait", "/fail", "/odd", "/nonsense"])
def test_requests_leave_no_memory_behind(path: str) -> None:
    """Of some hundred requests not one object each is left, nor one reference to None (which counts up to 3.11)."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if path == "/stream":
            await send(start(200, (b"x-a", b"1")))
            await send(body(b"a" * 2000, True))
            await asyncio.sleep(0)
        elif path == "/wait":
            content = await read_body(receive)
            listening = asyncio.create_task(receive())
            await asyncio.sleep(0)
            listening.cancel()
            await respond(send, content)
            return
        elif path == "/fail":
            raise LookupError
        elif path == "/odd":
            try:
                await send(start(200, (b"x", b"\n")))
                await send(body(b"x"))
            except RuntimeError:
                await respond(send, bytearray(b"better"))
            return
        else:
            await send(start())
        await send(body(b"hello"))

    def ask(times: int) -> tuple[int, int]:
        for _ in range(times):
            client = site.connect()
            for data in (request(path, "x-a: b", method="POST", body=b"hello"), request(path)):
                client.offer(b"nonsense\r\n\r\n" if path == "/nonsense" else data)
                client.answer()
                if path in ("/fail", "/nonsense"):
                    break
            client.close()
            site.clients.clear()
            site.hooks.take()
        site.wait(lambda: site.http.connections == 0 == site.http.running)
        del client
        gc.collect()
        return sys.getallocatedblocks(), sys.getrefcount(None)

    with serving(application) as site:
        counts = [ask(100) for _ in range(7)]
    more = [(now[0] - before[0], now[1] - before[1]) for before, now in pairwise(counts)]
    # Pools and tables grow for a while; what leaks grows by a hundred each time.
    assert min(blocks for blocks, _ in more) < 60, more
    assert min(references for _, references in more) < 60, more
