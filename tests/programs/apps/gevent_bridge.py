"""A program on gevent, with sockets and clocks replaced by gevent's, beside the chosen loop.

gevent's hub has the main thread. The loop has a real thread of its own, because its poller would otherwise stop all
greenlets; and the threads of its executors and look-ups stay real ones, because nothing would switch to them. The
bridge has two functions: greenlets wait for coroutines by `ask`, coroutines for greenlets by `in_greenlet`.
It knows nothing of who runs it.
"""

# gevent wants to be first.
from gevent import monkey

monkey.patch_all(thread=False, queue=False, subprocess=False)

import asyncio  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Coroutine  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.event import AsyncResult  # noqa: E402
from gevent.pool import Pool  # noqa: E402
from gevent.server import StreamServer  # noqa: E402
from scene import HOST, LARGE_BODY, chosen, loop_name  # noqa: E402

CLIENTS = 20
# Longer than anything here takes.
PATIENCE_SECONDS = 20


class Bridge:
    """A loop in a real thread, for greenlets of the thread that made it."""

    def __init__(self, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.hub = gevent.get_hub()
        made: AsyncResult = AsyncResult()
        self.thread = self.hub.threadpool.spawn(self.run, new_loop, made)
        self.loop = made.get(timeout=PATIENCE_SECONDS)

    def run(self, new_loop: Callable[[], asyncio.AbstractEventLoop], made: AsyncResult) -> None:
        """The loop's whole life. asyncio's own loop, which gevent has changed too, has to be made in its thread."""
        loop = new_loop()
        loop.call_soon(self.hub.loop.run_callback_threadsafe, made.set, loop)
        loop.run_forever()
        loop.close()

    def ask(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Let a greenlet wait for a coroutine, whose result or failure it gets."""
        result: AsyncResult = AsyncResult()

        def end(task: asyncio.Task[Any]) -> None:
            failure = asyncio.CancelledError() if task.cancelled() else task.exception()
            told = (result.set_exception, failure) if failure else (result.set, task.result())
            self.hub.loop.run_callback_threadsafe(*told)

        self.loop.call_soon_threadsafe(lambda: self.loop.create_task(coroutine).add_done_callback(end))
        return result.get(timeout=PATIENCE_SECONDS)

    def in_greenlet(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Let a coroutine wait for a function that runs in a greenlet."""
        future: asyncio.Future[Any] = self.loop.create_future()

        def run() -> None:
            try:
                told = (future.set_result, function(*arguments))
            except Exception as failure:
                told = (future.set_exception, failure)
            self.loop.call_soon_threadsafe(*told)

        self.hub.loop.run_callback_threadsafe(gevent.spawn, run)
        return future

    def end(self) -> None:
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.get(timeout=PATIENCE_SECONDS)


async def serve() -> asyncio.Server:
    """An echo by asyncio's streams."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(echo, HOST, 0)


def visit(port: int) -> bool:
    """An echo, by a blocking socket that gevent has made a waiting one."""
    with socket.create_connection((HOST, port), timeout=PATIENCE_SECONDS) as connection:
        writing = gevent.spawn(lambda: (connection.sendall(LARGE_BODY), connection.shutdown(socket.SHUT_WR)))
        received = bytearray()
        while data := connection.recv(len(LARGE_BODY)):
            received += data
        writing.get()
        return received == LARGE_BODY


async def visit_greenlets(port: int) -> bool:
    """A client of asyncio, of gevent's server."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"line\n")
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer == b"LINE\n"


async def close(server: asyncio.Server) -> str:
    """End the server, and say which loop runs."""
    server.close()
    await server.wait_closed()
    return loop_name()


async def use_threads() -> list[str]:
    """Look names up and work in threads, again and again."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        for _ in range(3):
            assert await loop.getaddrinfo("localhost", 80)
        return [await asyncio.to_thread(str.upper, word) for word in ("one", "two", "three")]


async def fail() -> None:
    """A failure."""
    raise ZeroDivisionError


def shout(connection: socket.socket, address: tuple[str, int]) -> None:
    """One connection of gevent's server."""
    connection.sendall(connection.recv(len("line\n")).upper())
    connection.close()


def main() -> None:
    """The program, and the last word."""
    bridge = Bridge(chosen().new_event_loop)
    server = bridge.ask(serve())
    port = server.sockets[0].getsockname()[1]
    assert all(Pool(CLIENTS).map(visit, [port] * CLIENTS))
    greenlets = StreamServer((HOST, 0), shout)
    greenlets.start()
    visits = [gevent.spawn(bridge.ask, visit_greenlets(greenlets.server_port)) for _ in range(CLIENTS)]
    assert all(visit.get() for visit in visits)
    greenlets.stop()

    async def square(number: int) -> int:
        squared: int = await bridge.in_greenlet(lambda: gevent.sleep(0.001) or number**2)
        return squared

    assert [bridge.ask(square(number)) for number in range(CLIENTS)] == [number**2 for number in range(CLIENTS)]
    assert bridge.ask(use_threads()) == ["ONE", "TWO", "THREE"]
    try:
        bridge.ask(fail())
    except ZeroDivisionError:
        name = bridge.ask(close(server))
    else:
        sys.exit("a failure was lost")
    bridge.end()
    print(name)


if __name__ == "__main__":
    main()
