"""What a server counts, and the futures that are done when a count is reached: `drained`, `disconnected` and `served`.

The protocol is driven by its methods, so that the test decides on the order of events.
"""

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest
from driven import BODY, GET, START, Driven, plain, turns

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def run(loop: asyncio.AbstractEventLoop) -> Run:
    """Run a coroutine function in each kind of loop."""
    return lambda main: loop.run_until_complete(main())


class Held:
    """An application that answers once its event is set, whatever happens to the client."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        await self.event.wait()
        await send(START)
        await send(BODY)


def test_a_server_without_connections_has_drained(run: Run) -> None:
    """Each of the futures is done when it is returned if its condition holds already."""

    async def main() -> None:
        server = Driven(plain).server
        for future in (server.drained(), server.disconnected(), server.served(0)):
            assert future.done()
            assert await future is None
            assert future.get_loop() is asyncio.get_running_loop()

    run(main)


def test_a_server_drains_when_its_last_connection_ends(run: Run) -> None:
    """An idle connection counts until it is lost."""

    async def main() -> None:
        driven = Driven(plain)
        wires = [driven.connect(), driven.connect()]
        wires[0].send(GET)
        drained, disconnected = driven.server.drained(), driven.server.disconnected()
        wires[0].lose(None)
        await turns()
        assert not drained.done()
        assert not disconnected.done()
        driven.server.begin_shutdown()
        await drained
        assert wires[1].is_over
        assert disconnected.done()
        assert (driven.server.connections, driven.server.running) == (0, 0)

    run(main)


def test_a_request_whose_client_has_left_still_runs(run: Run) -> None:
    """`drained` waits for its task, `disconnected` does not."""

    async def main() -> None:
        held = Held()
        driven = Driven(held)
        wire = driven.connect()
        wire.send(GET)
        drained, disconnected = driven.server.drained(), driven.server.disconnected()
        wire.lose(ConnectionResetError())
        await disconnected
        await turns()
        assert not drained.done()
        held.event.set()
        await drained
        assert driven.server.running == 0

    run(main)


def test_a_connection_may_come_before_the_last_one_ends(run: Run) -> None:
    """A server has drained when nothing is open, not when what was open has ended."""

    async def main() -> None:
        driven = Driven(plain)
        first = driven.connect()
        drained = driven.server.drained()
        second = driven.connect()
        first.lose(None)
        await turns()
        assert not drained.done()
        second.lose(None)
        await drained

    run(main)


def test_all_who_wait_are_told(run: Run) -> None:
    """Each call has a future of its own: cancelling one of them changes nothing for the others."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect()
        server = driven.server
        waiting = [asyncio.ensure_future(server.drained()) for _ in range(5)]
        waiting[1].cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(server.drained(), 0.001)
        task = asyncio.create_task(asyncio.wait_for(server.drained(), None))
        await turns()
        wire.lose(None)
        await turns()
        assert [one.cancelled() for one in waiting] == [False, True, False, False, False]
        assert all(one.done() for one in waiting)
        await task

    run(main)


def test_cancelled_futures_are_released(run: Run) -> None:
    """A caller that asks again and again, each time with a limit, leaves nothing behind."""

    async def main() -> None:
        driven = Driven(plain)
        wire = driven.connect()
        released = []
        for _ in range(10):
            future = driven.server.drained()
            future.cancel()
            released.append(weakref.ref(future))
            del future
        last = driven.server.drained()
        await turns()
        assert not any(one() for one in released)
        wire.lose(None)
        await last

    run(main)


def test_requests_are_counted_where_they_end(run: Run) -> None:
    """A request that runs is not counted as served; one that is refused is."""

    async def main() -> None:
        held = Held()
        driven = Driven(held, limit_concurrency=2)
        wires = [driven.connect() for _ in range(3)]
        served = [driven.server.served(count) for count in range(4)]

        def counted() -> list[bool]:
            return [future.done() for future in served]

        for wire in wires:
            wire.send(GET)
        await turns()
        assert wires[2].read().startswith(b"HTTP/1.1 503 ")
        assert counted() == [True, True, False, False]
        wires[0].lose(ConnectionResetError())
        await turns()
        assert counted() == [True, True, False, False]
        held.event.set()
        await served[3]
        assert counted() == [True] * 4
        assert driven.server.served(3).done()
        assert not driven.server.served(4).done()
        wires[1].send(GET)
        await driven.server.served(4)
        for wire in wires[1:]:
            wire.lose(None)
        await turns()

    run(main)


def test_a_number_of_requests_is_not_negative(run: Run) -> None:
    """OverflowError or TypeError for what is no count."""

    async def main() -> None:
        server = Driven(plain).server
        for count, kind in ((-1, OverflowError), ("1", TypeError), (1.5, TypeError)):
            with pytest.raises(kind):
                server.served(count)  # type: ignore[arg-type, unused-ignore]

    run(main)


def test_a_server_of_a_loop_that_was_closed(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can be told any more: that is reported, and the counts are right."""
    reports: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reports.append(report.exc_value))

    async def main() -> tuple[Driven, Any, asyncio.Future[None]]:
        driven = Driven(plain)
        protocol: Any = driven.connect().protocol
        drained = driven.server.drained()
        drained.add_done_callback(print)
        return driven, protocol, drained

    driven, protocol, drained = loop.run_until_complete(main())
    loop.close()
    protocol.connection_lost(None)
    assert drained.done()
    assert driven.server.connections == 0
    assert [str(error) for error in reports] == ["Event loop is closed"]
    assert driven.server.drained().done()


def test_what_waits_for_a_server_that_is_forgotten_goes_with_it(run: Run) -> None:
    """The garbage collector sees the futures of a server, and what they call."""

    async def main() -> None:
        server = Driven(plain).server
        released = weakref.ref(server)
        server.served(1).add_done_callback(partial(print, server))
        del server
        gc.collect()
        assert released() is None

    run(main)
