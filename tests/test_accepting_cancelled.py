"""All tasks are cancelled when a connection has just arrived: its accepting is one of them, and ends with it.

Programs that stop in this way then wait until their server is closed, as aiosmtpd does. A connection whose protocol has
not run its own task yet would never be closed. Other ways of accepting are not tested here.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support import turn

# Longer than anything takes here; what never ends is ended by it.
SECONDS_AT_MOST = 10


class Handler(asyncio.Protocol):
    """A protocol that does everything in a task, and leaves the connection to it."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        log.append("protocol")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to handle it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.task = asyncio.get_running_loop().create_task(asyncio.sleep(60))

    def eof_received(self) -> bool:
        """Leave the closing to the task."""
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.log.append("lost")
        self.task.cancel()


def serve(loop: asyncio.AbstractEventLoop, factory: Callable[[], asyncio.Protocol]) -> tuple[asyncio.Server, Any]:
    """A server, and where it listens."""
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0))
    return server, server.sockets[0].getsockname()


def stop(loop: asyncio.AbstractEventLoop, server: asyncio.Server) -> int:
    """Cancel every task, close the server and wait for that; how many tasks there were."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    server.close()
    loop.run_until_complete(asyncio.wait_for(server.wait_closed(), SECONDS_AT_MOST))
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    turn(loop, 2)
    return len(tasks)


@pytest.mark.parametrize("leaves", [True, False])
@pytest.mark.parametrize("turns", [0, 1])
def test_right_behind_the_factory(loop: asyncio.AbstractEventLoop, turns: int, leaves: bool) -> None:
    """Line "A server whose factory blocks while the client leaves": so many turns after the factory was called."""
    log: list[str] = []
    server, address = serve(loop, lambda: Handler(log))
    with socket.create_connection(address) as client:
        if leaves:
            client.close()
        while not log:
            turn(loop)
        turn(loop, turns)
        assert stop(loop, server) >= 1
        assert log == ["protocol", "lost"]


def test_the_factory_blocks_while_the_client_leaves(loop: asyncio.AbstractEventLoop) -> None:
    """Line "A server whose factory blocks while the client leaves": another thread asks to stop, as in aiosmtpd."""
    log: list[str] = []
    called, left = threading.Event(), threading.Event()

    def factory() -> Handler:
        called.set()
        left.wait(SECONDS_AT_MOST)
        return Handler(log)

    server, address = serve(loop, factory)

    def visit() -> None:
        with socket.create_connection(address):
            called.wait(SECONDS_AT_MOST)
        loop.call_soon_threadsafe(loop.stop)
        left.set()

    thread = threading.Thread(target=visit)
    thread.start()
    loop.run_forever()
    thread.join()
    stop(loop, server)
    assert log == ["protocol", "lost"]


def test_a_connection_that_is_left_alone_stays(loop: asyncio.AbstractEventLoop) -> None:
    """Line "cancel all tasks": the task of accepting ends by itself and takes nothing with it."""
    log: list[str] = []
    handlers: list[Handler] = []

    def factory() -> Handler:
        handlers.append(Handler(log))
        return handlers[0]

    server, address = serve(loop, factory)
    with socket.create_connection(address):
        while not log:
            turn(loop)
        turn(loop, 5)
        assert asyncio.all_tasks(loop) == {handlers[0].task}
        assert log == ["protocol"]
        handlers[0].transport.abort()
        stop(loop, server)
    assert log == ["protocol", "lost"]


def test_the_task_is_made_by_the_factory_of_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Line "cancel all tasks": a task factory sees the accepting as it does on asyncio's loop."""
    names: list[str] = []
    log: list[str] = []

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        names.append(coroutine.__qualname__.rpartition(".")[2])
        return asyncio.Task(coroutine, loop=loop, **options)

    server, address = serve(loop, lambda: Handler(log))
    loop.set_task_factory(make)
    with socket.create_connection(address):
        while not log:
            turn(loop)
        turn(loop, 1)
        assert sorted(names) == ["_accept_connection2", "sleep"]
        loop.set_task_factory(None)
        stop(loop, server)
