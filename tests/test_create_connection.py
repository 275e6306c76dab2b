"""`create_connection` to a literal address: the coroutine itself, and what a program puts in the place of its parts.

Arguments and results are tested in test_connections.py, cancelling in test_cancel_anywhere.py, turns in test_turns.py.
"""

import asyncio
import errno
import gc
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from net_protocols import Recorder
from net_support import A_FEW, bad, full_listener, refusing_port, run
from support import FREE_THREADED, open_descriptors, run_script, turn, turn_until


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A bare listening socket, which does not block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def end(loop: asyncio.AbstractEventLoop, transport: Any, listener: socket.socket) -> None:
    """Close both ends of a connection."""
    listener.accept()[0].close()
    transport.abort()
    turn(loop, A_FEW)


def connect_once(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    """Connect without anything replaced, so that the loop knows its class as it is."""
    transport, _ = run(loop, loop.create_connection(Recorder, *listener.getsockname()))
    end(loop, transport, listener)


@contextmanager
def same_descriptors() -> Iterator[None]:
    """Nothing is open afterwards that was not before."""
    before = open_descriptors()
    yield
    gc.collect()
    assert open_descriptors() == before


def replace_on_instance(loop: asyncio.AbstractEventLoop, _: pytest.MonkeyPatch, name: str, method: Any) -> None:
    """Assign a method on the loop."""
    setattr(loop, name, method.__get__(loop))


def replace_on_class(loop: asyncio.AbstractEventLoop, patch: pytest.MonkeyPatch, name: str, method: Any) -> None:
    """Assign a method on the loop's class."""
    patch.setattr(type(loop), name, method)


def replace_in_subclass(loop: asyncio.AbstractEventLoop, _: pytest.MonkeyPatch, name: str, method: Any) -> None:
    """Make the loop one of a subclass."""
    bad(loop).__class__ = type("Sub", (type(loop),), {name: method, "__slots__": ()})


@pytest.mark.parametrize("replace", [replace_on_instance, replace_on_class, replace_in_subclass])
@pytest.mark.parametrize("name", ["sock_connect", "_make_socket_transport"])
def test_a_method_that_a_program_replaces(
    loop: asyncio.AbstractEventLoop,
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    replace: Callable[..., None],
) -> None:
    """It is called, also where the loop has connected by its own method before."""
    connect_once(loop, listener)
    before = getattr(type(loop), name)
    calls = []

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        return before(self, *arguments, **options)

    replace(loop, monkeypatch, name, method)
    transport, _ = run(loop, loop.create_connection(Recorder, *listener.getsockname()))
    assert len(calls) == 1
    end(loop, transport, listener)


def test_a_class_of_sockets_that_a_program_replaces(
    loop: asyncio.AbstractEventLoop, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's class is used: PySocks assigns its own to `socket.socket`."""
    connect_once(loop, listener)
    connected = []

    class Proxied(socket.socket):
        def connect(self, address: Any) -> None:
            connected.append(address)
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Proxied)
    transport, _ = run(loop, loop.create_connection(Recorder, *listener.getsockname()))
    monkeypatch.undo()
    assert connected == [listener.getsockname()]
    end(loop, transport, listener)


def test_a_method_of_sockets_that_a_program_replaces(
    loop: asyncio.AbstractEventLoop, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools that forbid connections to some hosts assign a guard to `socket.socket.connect`."""

    def refuse(_: socket.socket, address: Any) -> None:
        raise PermissionError(f"not to {address}")

    for _ in range(2):
        connect_once(loop, listener)
        monkeypatch.setattr(socket.socket, "connect", refuse)
        with pytest.raises(PermissionError, match="not to"):
            run(loop, loop.create_connection(Recorder, *listener.getsockname()))
        monkeypatch.undo()


AUDITED = """
import asyncio, socket, sys

seen = []
refused = []

def hook(event, arguments):
    if event in ("socket.__new__", "socket.connect"):
        seen.append((event, arguments[1:]))
        if event in refused:
            raise PermissionError(event)

async def main():
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        transport, _ = await loop.create_connection(asyncio.Protocol, *address)
        transport.abort()
        sys.addaudithook(hook)
        transport, _ = await loop.create_connection(asyncio.Protocol, *address)
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        assert seen == [("socket.__new__", kind), ("socket.connect", (address,))], seen
        transport.abort()
        refused.append("socket.connect")
        try:
            await loop.create_connection(asyncio.Protocol, *address)
        except PermissionError as error:
            print(error)

loop = new_loop()
loop.run_until_complete(main())
loop.close()
"""


def test_audit_hooks_are_told_what_asyncio_tells(loop_name: str) -> None:
    """A hook sees the socket and the address, and can refuse them; also one that is added late."""
    assert run_script(loop_name, AUDITED) == "socket.connect\n"


def test_a_coroutine_that_is_never_awaited(loop: asyncio.AbstractEventLoop) -> None:
    """It warns, as one of `async def` does, and opens nothing."""
    with same_descriptors(), pytest.warns(RuntimeWarning, match=r"create_connection' was never awaited"):
        bad(loop).create_connection(Recorder, "127.0.0.1", 1)
        gc.collect()


def test_misuse_of_the_coroutine(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    """A value sent to it before its start, and a second await, are refused as by a coroutine of `async def`."""
    coroutine: Any = loop.create_connection(Recorder, *listener.getsockname())
    with pytest.raises(TypeError, match="can't send non-None value to a just-started coroutine"):
        coroutine.send(1)
    transport, _ = run(loop, coroutine)
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        coroutine.send(None)
    end(loop, transport, listener)


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_coroutine_that_is_given_up(
    loop: asyncio.AbstractEventLoop, listener: socket.socket, steps: int, is_closed: bool
) -> None:
    """Closed, or without references, it closes what it has opened."""

    async def main() -> None:
        coroutine: Any = loop.create_connection(Recorder, *listener.getsockname())
        for _ in range(steps):
            future = coroutine.send(None)
            if future is not None:
                future._asyncio_future_blocking = False
                await future
        if is_closed:
            coroutine.close()
        del coroutine, future
        gc.collect()
        for _ in range(A_FEW):
            await asyncio.sleep(0)
        listener.accept()[0].close()

    turn(loop)
    with same_descriptors(), warnings.catch_warnings():
        warnings.simplefilter("error")
        run(loop, main())


def test_a_factory_that_cancels_its_task(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    """The cancellation takes effect at the next await, and closes the transport."""
    tasks: list[asyncio.Task[Any]] = []
    made: list[Recorder] = []

    def factory() -> Recorder:
        tasks[0].cancel()
        made.append(Recorder())
        return made[0]

    tasks.append(loop.create_task(loop.create_connection(factory, *listener.getsockname())))
    with pytest.raises(asyncio.CancelledError):
        run(loop, tasks[0])
    turn_until(loop, lambda: made[0].lost)
    listener.accept()[0].close()


def test_a_connection_that_takes_its_time(loop: asyncio.AbstractEventLoop) -> None:
    """It is made when the peer answers: the kernel tries again a second after the first try was dropped."""
    with full_listener() as (full, clients):
        task = loop.create_task(loop.create_connection(Recorder, *full.getsockname()))
        turn(loop, A_FEW)
        assert not task.done()
        for client in clients:
            client.close()
        accepted = [full.accept()[0]]
        full.setblocking(False)
        loop.add_reader(full, lambda: accepted.append(full.accept()[0]))
        transport, protocol = run(loop, task)
        assert transport.get_extra_info("peername") == full.getsockname()
        assert transport.get_extra_info("socket").getsockname() == transport.get_extra_info("sockname")
        loop.remove_reader(full)
        transport.abort()
        turn_until(loop, lambda: protocol.lost)
        for connection in accepted:
            connection.close()


@pytest.mark.parametrize("steps", range(3))
def test_a_connection_that_waits_is_cancelled(loop: asyncio.AbstractEventLoop, steps: int) -> None:
    """It leaves no descriptor open."""
    turn(loop)
    with full_listener() as (full, _), same_descriptors():
        task = loop.create_task(loop.create_connection(Recorder, *full.getsockname()))
        turn(loop, steps)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            run(loop, task)
        turn(loop, A_FEW)


def test_a_loop_that_is_closed_meanwhile(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """The descriptors of a connection that waits go with its task."""
    with full_listener() as (full, _), same_descriptors():
        loop = new_loop()
        task = loop.create_task(loop.create_connection(Recorder, *full.getsockname()))
        turn(loop, 2)
        bad(task)._log_destroy_pending = False
        loop.close()
        del loop, task
        with warnings.catch_warnings():
            if FREE_THREADED:
                # That collector finalizes what it finds in no order: the socket may come before its coroutine.
                warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


def test_the_error_of_a_refused_connection(loop: asyncio.AbstractEventLoop) -> None:
    """Its text is asyncio's, with the address as it was passed."""
    with refusing_port() as port:
        with pytest.raises(ConnectionRefusedError) as refusal:
            run(loop, loop.create_connection(Recorder, "127.0.0.1", port))
        assert refusal.value.args == (errno.ECONNREFUSED, f"Connect call failed ('127.0.0.1', {port})")
    with pytest.raises(OSError) as unreachable:
        run(loop, loop.create_connection(Recorder, "255.255.255.255", 1))
    number = unreachable.value.errno or 0
    assert unreachable.value.args == (number, os.strerror(number))
