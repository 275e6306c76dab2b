"""A program on Tornado whose functions are its own coroutines, with its client and server of HTTP in one process.

It knows nothing of who runs it.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from scene import FLOOD_CHUNK_BYTES, HOST, LARGE_BODY, chosen, loop_name
from tornado import gen
from tornado.concurrent import run_on_executor
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.iostream import IOStream, StreamClosedError
from tornado.locks import Semaphore
from tornado.process import Subprocess
from tornado.queues import Queue
from tornado.tcpclient import TCPClient
from tornado.tcpserver import TCPServer
from tornado.testing import bind_unused_port
from tornado.util import TimeoutError as TimedOut
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body
from tornado.websocket import WebSocketHandler, websocket_connect

JOBS = 50
TICKS = 3
Steps = Generator[Any, Any, Any]


class Squares:
    """Something whose method runs in threads."""

    executor = ThreadPoolExecutor(4)

    @run_on_executor
    def square(self, number: int) -> tuple[int, bool]:
        """The square, and whether this is another thread."""
        return number**2, threading.current_thread() is not threading.main_thread()


class Hello(RequestHandler):
    """An old coroutine that answers, or fails."""

    @gen.coroutine
    def get(self, word: str) -> Steps:
        """Answer."""
        yield gen.moment
        if word == "nobody":
            raise HTTPError(404)
        self.write(f"hello, {word}")


@stream_request_body
class Upload(RequestHandler):
    """Counts the bytes of a body while it arrives."""

    def prepare(self) -> None:
        """Nothing has arrived."""
        self.received = 0

    async def data_received(self, chunk: bytes) -> None:
        """Take a chunk, with the loop in between."""
        await asyncio.sleep(0)
        self.received += len(chunk)

    def put(self) -> None:
        """Answer."""
        self.write(str(self.received))


class Shout(WebSocketHandler):
    """Each message, louder."""

    @gen.coroutine
    def on_message(self, message: str | bytes) -> Steps:
        """Answer."""
        yield self.write_message(message.upper())


class Reverse(TCPServer):
    """Lines, backwards."""

    @gen.coroutine
    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> Steps:
        """One connection."""
        try:
            while True:
                line = yield stream.read_until(b"\n")
                yield stream.write(line[-2::-1] + b"\n")
        except StreamClosedError:
            stream.close()


@gen.coroutine
def add(first: int, second: int) -> Steps:
    """A sum, with the loop in between."""
    yield gen.moment
    return first + second


@gen.coroutine
def coroutines() -> Steps:
    """Generators wait for each other, in lists and dicts, with `async def` among them, and for a time limit."""
    assert (yield [add(number, 1) for number in range(JOBS)]) == list(range(1, JOBS + 1))
    assert (yield {"old": add(1, 2), "new": native(), "task": asyncio.ensure_future(native())}) == {
        "old": 3,
        "new": "native",
        "task": "native",
    }
    try:
        yield gen.with_timeout(timedelta(milliseconds=10), asyncio.Future())
    except TimedOut:
        return "timed out"


async def native() -> str:
    """Native coroutines wait for old ones."""
    return "native" if await add(1, 1) == 2 else "wrong"


@gen.coroutine
def threads() -> Steps:
    """Methods in threads, and callbacks from a thread."""
    squares = Squares()
    assert (yield [squares.square(number) for number in range(JOBS)]) == [(n**2, True) for n in range(JOBS)]
    loop = IOLoop.current()
    queue: Queue[int] = Queue()
    thread = threading.Thread(target=lambda: [loop.add_callback(queue.put, number) for number in range(JOBS)])
    thread.start()
    received = yield [queue.get() for _ in range(JOBS)]
    thread.join()
    return received


@gen.coroutine
def locks_and_ticks() -> Steps:
    """A semaphore lets in two at a time; a periodic callback comes again."""
    semaphore, inside, most = Semaphore(2), 0, 0

    async def enter() -> None:
        nonlocal inside, most
        async with semaphore:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    yield [enter() for _ in range(JOBS)]
    ticks: Queue[int] = Queue()
    ticking = PeriodicCallback(lambda: ticks.put_nowait(1), 1)
    ticking.start()
    yield [ticks.get() for _ in range(TICKS)]
    ticking.stop()
    return most


async def http() -> None:
    """Tornado's client of Tornado's server: answers, failures, a body that is sent and received in pieces."""
    listener, port = bind_unused_port(address=HOST)
    server = HTTPServer(Application([("/hello/(.*)", Hello), ("/upload", Upload), ("/shout", Shout)]))
    server.add_socket(listener)
    client, url = AsyncHTTPClient(), f"http://{HOST}:{port}"
    answers = await gen.multi([client.fetch(f"{url}/hello/{number}") for number in range(JOBS)])
    assert [answer.body for answer in answers] == [f"hello, {number}".encode() for number in range(JOBS)]
    assert (await client.fetch(f"{url}/hello/nobody", raise_error=False)).code == 404

    async def body(write: Any) -> None:
        for begin in range(0, len(LARGE_BODY), FLOOD_CHUNK_BYTES):
            await write(LARGE_BODY[begin : begin + FLOOD_CHUNK_BYTES])

    uploaded = await client.fetch(HTTPRequest(f"{url}/upload", method="PUT", body_producer=body))
    assert int(uploaded.body) == len(LARGE_BODY)
    await websocket(f"ws://{HOST}:{port}/shout")
    client.close()
    server.stop()
    await server.close_all_connections()


async def websocket(url: str) -> None:
    """Messages over Tornado's own WebSocket, both sides."""
    connection = await websocket_connect(url)
    for word in ("one", "two"):
        await connection.write_message(word)
        assert await connection.read_message() == word.upper()
    connection.close()
    assert await connection.read_message() is None


async def lines() -> AsyncIterator[bytes]:
    """Answers of a server of lines."""
    server = Reverse()
    listener, port = bind_unused_port(address=HOST)
    server.add_socket(listener)
    stream = await TCPClient().connect(HOST, port)
    for number in range(100, 103):
        await stream.write(b"%d\n" % number)
        yield await stream.read_until(b"\n")
    stream.close()
    server.stop()


async def process() -> bytes:
    """A child by Tornado, which writes to us."""
    child = Subprocess(["sh", "-c", "echo out; exit 3"], stdout=Subprocess.STREAM)
    output = await child.stdout.read_until_close()
    assert await child.wait_for_exit(raise_error=False) == 3
    return output


async def main() -> None:
    """The program, and the last word."""
    assert await coroutines() == "timed out"
    assert await threads() == list(range(JOBS))
    assert await locks_and_ticks() == 2
    await http()
    assert [line async for line in lines()] == [b"001\n", b"101\n", b"201\n"]
    assert await process() == b"out\n"
    print(loop_name())


if __name__ == "__main__":
    if chosen().__name__ == "vitok":
        chosen().install()
    # The log says that somebody was not found, which is what he was told.
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    # Tornado's own way to run a program, which makes the default loop.
    IOLoop.current().run_sync(main)
    IOLoop.current().close(all_fds=True)
    Squares.executor.shutdown()
