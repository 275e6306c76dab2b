"""`create_connection(happy_eyeballs_delay=...)`: attempts side by side, with lazy tasks and with eager ones.

A listener whose queue is full is an address that does not answer: a connection to it waits for the kernel's next try.
"""

import asyncio
import gc
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, bad, full_listener, refusing_port, run, skip_asyncio
from support import open_descriptors, turn, turn_until

# A delay that no test waits for: an attempt that fails makes the next one start at once.
NEVER = 1000.0


def lazily(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
    """Make a task as a factory of a program does."""
    return asyncio.Task(coroutine, loop=loop, **options)


FACTORIES: dict[str, Any] = {"none": None, "lazy": lazily}
if sys.version_info >= (3, 12):
    FACTORIES["eager"] = asyncio.eager_task_factory


@pytest.fixture(params=FACTORIES)
def racing(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop, loop_name: str) -> Any:
    """A loop with each kind of task; asyncio's own fails with eager ones before Python 3.14."""
    if request.param == "eager":
        skip_asyncio(loop_name, below=(3, 14))
    loop.set_task_factory(FACTORIES[request.param])
    turn(loop)
    return loop


@contextmanager
def silent() -> Iterator[Any]:
    """The address of a listener whose queue is full."""
    with full_listener() as (full, _):
        yield full.getsockname()


@contextmanager
def same_descriptors() -> Iterator[None]:
    """Nothing is open afterwards that was not before."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before


def answer(loop: asyncio.AbstractEventLoop, *addresses: Any) -> None:
    """Make every look-up give these addresses."""

    async def look_up(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]

    bad(loop).getaddrinfo = look_up


def connecting(loop: asyncio.AbstractEventLoop, delay: float = NEVER, **options: Any) -> Any:
    """Return the coroutine of a connection to what `answer` has set."""
    return loop.create_connection(Recorder, "some.example", 1, happy_eyeballs_delay=delay, **options)


def end(loop: asyncio.AbstractEventLoop, transport: Any) -> None:
    """Close a connection."""
    protocol = transport.get_protocol()
    transport.abort()
    turn_until(loop, lambda: protocol.lost)
    turn(loop, A_FEW)


def test_an_address_that_refuses(racing: asyncio.AbstractEventLoop) -> None:
    """The next one is tried at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener, refusing_port() as port:
        answer(racing, ("127.0.0.1", port), listener.getsockname())
        with same_descriptors():
            transport, _ = run(racing, connecting(racing))
            assert transport.get_extra_info("peername") == listener.getsockname()
            end(racing, transport)


def test_an_address_that_does_not_answer(racing: asyncio.AbstractEventLoop) -> None:
    """The next one is tried after the delay, and the attempt that lost is closed when the call returns."""
    with socket.create_server(("127.0.0.1", 0)) as listener, silent() as address:
        answer(racing, address, address, listener.getsockname())
        with same_descriptors():
            transport, _ = run(racing, connecting(racing, 0.01))
            assert transport.get_extra_info("peername") == listener.getsockname()
            assert len(asyncio.all_tasks(racing)) == 0
            end(racing, transport)


def test_several_connections_at_once(racing: asyncio.AbstractEventLoop) -> None:
    """One is kept, the others are closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer(racing, *[listener.getsockname()] * 4)
        with same_descriptors():
            transport, _ = run(racing, connecting(racing, 0))
            end(racing, transport)


def test_addresses_that_all_refuse(racing: asyncio.AbstractEventLoop) -> None:
    """The exception has the text of each, in the order of the addresses, and is part of no cycle."""
    with refusing_port() as one, refusing_port() as two:
        answer(racing, ("127.0.0.1", one), ("127.0.0.1", two))
        with same_descriptors(), pytest.raises(OSError, match="Multiple exceptions: ") as refusal:
            run(racing, connecting(racing))
        assert str(refusal.value).index(str(one)) < str(refusal.value).index(str(two))
        answer(racing, ("127.0.0.1", one), ("127.0.0.1", one))
        with pytest.raises(ConnectionRefusedError, match=str(one)):
            run(racing, connecting(racing))


@pytest.mark.parametrize("turns", range(8))
def test_a_race_that_is_cancelled(racing: asyncio.AbstractEventLoop, turns: int) -> None:
    """At each of its turns: no attempt goes on, and no descriptor is left open."""
    with silent() as address:
        answer(racing, address, address, address)
        with same_descriptors():
            task = racing.create_task(connecting(racing, 0))
            turn(racing, turns)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                run(racing, task)
            assert len(asyncio.all_tasks(racing)) == 0
            turn(racing, A_FEW)


def test_a_race_that_is_cancelled_twice(racing: asyncio.AbstractEventLoop) -> None:
    """The second cancellation, while the attempts end, leaves nothing open either."""
    with silent() as address:
        answer(racing, address, address)
        with same_descriptors():
            task = racing.create_task(connecting(racing, 0))
            turn(racing, A_FEW)
            task.cancel()
            turn(racing)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                run(racing, task)
            turn(racing, A_FEW)


def test_a_cancellation_after_the_race(racing: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """A connection that has won is closed if the caller is cancelled while the attempts that lost end."""
    skip_asyncio(loop_name)
    inherited = bad(racing)._connect_sock
    has_lost = asyncio.Event()

    async def connect_sock(exceptions: Any, info: Any, local: Any = None) -> socket.socket:
        if info[4][0] != "127.0.0.2":
            connected: socket.socket = await inherited(exceptions, info, local)
            return connected
        try:
            await asyncio.sleep(NEVER)
        finally:
            has_lost.set()
            await asyncio.sleep(0.01)
        raise AssertionError

    bad(racing)._connect_sock = connect_sock
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer(racing, ("127.0.0.2", 1), listener.getsockname())
        with same_descriptors():
            task = racing.create_task(connecting(racing, 0))
            run(racing, has_lost.wait())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                run(racing, task)


def test_a_time_limit(racing: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """`wait_for` around a race ends it. asyncio leaves a task pending before Python 3.14."""
    skip_asyncio(loop_name, below=(3, 14))
    with silent() as address:
        answer(racing, address)
        with same_descriptors(), pytest.raises(asyncio.TimeoutError):
            run(racing, asyncio.wait_for(connecting(racing), 0.01))


def test_a_local_address(racing: asyncio.AbstractEventLoop) -> None:
    """Each attempt is bound to it; one in use fails every attempt."""
    with socket.create_server(("127.0.0.1", 0)) as listener, refusing_port() as taken:
        answer(racing, listener.getsockname())
        transport, _ = run(racing, connecting(racing, local_addr=("127.0.0.2", 0)))
        assert transport.get_extra_info("sockname")[0] == "127.0.0.2"
        end(racing, transport)
        with same_descriptors(), pytest.raises(OSError, match="error while attempting to bind on address"):
            run(racing, connecting(racing, local_addr=("127.0.0.1", taken)))


def test_an_own_sock_connect(racing: asyncio.AbstractEventLoop) -> None:
    """A method that a program replaces makes every attempt, in a task of its own."""
    inherited = racing.sock_connect
    tasks = []

    async def sock_connect(sock: Any, address: Any) -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        await inherited(sock, address)

    bad(racing).sock_connect = sock_connect
    with socket.create_server(("127.0.0.1", 0)) as listener, refusing_port() as port:
        answer(racing, ("127.0.0.1", port), listener.getsockname())
        transport, _ = run(racing, connecting(racing))
        end(racing, transport)
    assert len({id(task) for task in tasks}) == 2


def test_errors_make_no_cycles(racing: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """Once the exception is gone, so is everything that it referred to."""
    skip_asyncio(loop_name, below=(3, 14))
    with refusing_port() as one, refusing_port() as two:
        answer(racing, ("127.0.0.1", one), ("127.0.0.1", two))
        for options in ({}, {"happy_eyeballs_delay": NEVER}):
            gc.collect()
            gc.disable()
            try:
                with pytest.raises(OSError, match="Multiple exceptions"):
                    run(racing, racing.create_connection(Recorder, "some.example", 1, **options))
                found = [one for one in gc.get_objects() if isinstance(one, ConnectionRefusedError)]
            finally:
                gc.enable()
            assert found == []


def test_a_factory_that_fails(racing: asyncio.AbstractEventLoop, loop_name: str) -> None:
    """The connection that won is closed; before Python 3.14.8 asyncio leaves it open."""
    skip_asyncio(loop_name, below=(3, 14, 8))

    def factory() -> Recorder:
        raise LookupError("no protocol today")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        answer(racing, listener.getsockname())
        with same_descriptors(), pytest.raises(LookupError):
            run(racing, racing.create_connection(factory, "some.example", 1, happy_eyeballs_delay=NEVER))


def test_a_race_of_the_programs_own(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncio's function for attempts side by side, if a program has replaced it, is the one that is called."""

    async def race(*_: object, **__: object) -> None:
        raise LookupError("replaced")

    monkeypatch.setattr("asyncio.staggered.staggered_race", race)
    with pytest.raises(LookupError, match="replaced"):
        run(loop, loop.create_connection(Recorder, "localhost", 1, happy_eyeballs_delay=NEVER))
