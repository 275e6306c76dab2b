"""`HttpTotals`: the limits of a process hold for all of its servers together, each in a thread of its own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import vitok
from thread_support import GET, SECONDS_AT_MOST, Place, answer, ask, places
from vitok import _native
from vitok.http.options import native_options

pytestmark = pytest.mark.vitok_only

# As many requests as show that no count is lost.
REQUESTS = 300


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request alike."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Held:
    """An application whose requests wait until they are let go. `begun` counts those that wait."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.going: list[tuple[Any, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.going.append((loop, future))
        self.begun.release()
        await future
        await hello(scope, receive, send)

    def wait(self) -> None:
        """Wait until one more request has begun."""
        assert self.begun.acquire(timeout=SECONDS_AT_MOST)

    def let_go(self) -> None:
        """Answer the requests that wait."""
        going, self.going = self.going, []
        for loop, future in going:
            loop.call_soon_threadsafe(future.set_result, None)


def test_requests_at_a_time() -> None:
    """A request beyond limit_concurrency gets 503, whichever threads the others run in; later ones find room again."""
    held = Held()
    with places(2, held, totals=_native.HttpTotals(), limit_concurrency=2) as (one, other):
        clients = [place.connect() for place in (one, other, one, other)]
        for client in clients[:2]:
            client.sendall(GET)
            held.wait()
        for client in clients[2:]:
            assert ask(client).startswith(b"HTTP/1.1 503 ")
        held.let_go()
        for client in clients[:2]:
            assert answer(client).startswith(b"HTTP/1.1 200 ")
        # Both places can be taken in one thread.
        for client in clients[2:]:
            client.close()
        more = [other.connect(), other.connect()]
        for client in more:
            client.sendall(GET)
            held.wait()
        assert ask(clients[0]).startswith(b"HTTP/1.1 503 ")
        held.let_go()
        for client in more:
            assert answer(client).startswith(b"HTTP/1.1 200 ")
        for client in [clients[0], clients[1], *more]:
            client.close()


def test_connections_at_a_time() -> None:
    """A connection beyond limit_connections is closed; one that has ended leaves its place to any thread."""
    totals = _native.HttpTotals()
    with places(2, hello, totals=totals, limit_connections=2) as (one, other):
        first, second = one.connect(), other.connect()
        assert ask(first).endswith(b"hello")
        assert ask(second).endswith(b"hello")
        assert totals.connections == 2
        for place in (one, other):
            with place.connect() as refused:
                assert refused.recv(1) == b""
            _until(place, lambda place=place: place.http.connections == 1)
        first.close()
        _until(one, lambda: totals.connections == 1)
        with other.connect() as third:
            assert ask(third).endswith(b"hello")
            # The server of another thread has none, and the process has two.
            assert one.run(lambda: one.http.connections) == 0
            assert totals.connections == 2
        second.close()
    assert totals.connections == 0


def test_served_counts_the_process() -> None:
    """`served()` is done by the requests of all threads, in the loop of the server that was asked."""
    totals = _native.HttpTotals(counts_requests=True)
    with places(2, hello, totals=totals) as (one, other):
        waiting = one.begin(lambda: one.http.served(5))
        more = other.begin(lambda: other.http.served(6))
        with one.connect() as here, other.connect() as there:
            for client in (here, there, here, there):
                assert ask(client).endswith(b"hello")
            assert not waiting.done()
            assert ask(there).endswith(b"hello")
            waiting.result(SECONDS_AT_MOST)
            assert not more.done()
            assert ask(here).endswith(b"hello")
            more.result(SECONDS_AT_MOST)
        # What has been served already is not waited for.
        one.run(lambda: one.http.served(6))
        assert totals.ended == 6


def test_refused_requests_have_ended() -> None:
    """A request that was one too many counts among those that have ended, as in a single server."""
    held = Held()
    totals = _native.HttpTotals(counts_requests=True)
    with places(2, held, totals=totals, limit_concurrency=1) as (one, other):
        waiting = other.begin(lambda: other.http.served(1))
        with one.connect() as running, one.connect() as refused:
            running.sendall(GET)
            held.wait()
            assert not waiting.done()
            assert ask(refused).startswith(b"HTTP/1.1 503 ")
            waiting.result(SECONDS_AT_MOST)
            held.let_go()
            assert answer(running).startswith(b"HTTP/1.1 200 ")


def test_no_request_is_lost() -> None:
    """Requests that end at the same time in several threads are all counted, and wake whoever waits for the last."""
    totals = _native.HttpTotals(counts_requests=True)
    with places(3, hello, totals=totals, limit_concurrency=100) as begun, ThreadPoolExecutor(3) as pool:
        # Each count is waited for, in a loop that also serves.
        waiting = [
            place.begin(lambda place=place, count=count: place.http.served(count))
            for place in begun
            for count in range(1, 3 * REQUESTS + 1, 60)
        ]
        last = begun[0].begin(lambda: begun[0].http.served(3 * REQUESTS))
        assert sum(pool.map(_ask_often, begun)) == 3 * REQUESTS
        for one in [*waiting, last]:
            one.result(SECONDS_AT_MOST)
        assert totals.ended == 3 * REQUESTS
        assert sum(place.run(lambda place=place: place.http.running) for place in begun) == 0


def test_without_counts_a_server_counts_its_own() -> None:
    """Where the process does not count requests, `served()` is the server's own."""
    totals = _native.HttpTotals()
    with places(2, hello, totals=totals) as (one, other):
        waiting = one.begin(lambda: one.http.served(1))
        with one.connect() as here, other.connect() as there:
            assert ask(there).endswith(b"hello")
            assert not waiting.done()
            assert ask(here).endswith(b"hello")
            waiting.result(SECONDS_AT_MOST)
    assert totals.ended == 0


def test_a_server_that_is_gone_is_not_woken() -> None:
    """A loop that was closed while it waited does no harm to the requests of others."""
    totals = _native.HttpTotals(counts_requests=True)
    loop = vitok.new_event_loop()
    left = _native.HttpServer(loop, hello, {**native_options(), "totals": totals}, None)
    waiting = left.served(1)
    loop.close()
    del left, waiting
    with places(1, hello, totals=totals) as (place,), place.connect() as client:
        assert ask(client).endswith(b"hello")
        assert ask(client).endswith(b"hello")


def test_the_setting_is_checked() -> None:
    """Anything else is a TypeError that names the option."""
    loop = vitok.new_event_loop()
    try:
        with pytest.raises(TypeError, match="the option totals of an HTTP server"):
            _native.HttpServer(loop, hello, {**native_options(), "totals": 1}, None)
    finally:
        loop.close()


def _ask_often(place: Place) -> int:
    """Ask many times, and return how often the answer was right."""
    with place.connect() as client:
        return sum(ask(client).endswith(b"hello") for _ in range(REQUESTS))


def _until(place: Place, condition: Any) -> None:
    """Let the loop of a place turn until the condition holds."""

    async def until() -> None:
        while not condition():
            await asyncio.sleep(0.001)

    place.run(until)
