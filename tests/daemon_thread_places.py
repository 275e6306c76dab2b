"""Places where native code calls Python code: functions that have a loop call it, at once or in the run that follows.

A thread that gets there stays, and asks for the GIL again and again, until the interpreter ends it.
"""

import asyncio
import gc
import logging
import os
import socket
import sys
import threading
import time
import weakref
from collections.abc import Callable
from itertools import repeat
from typing import Any, NoReturn

import vitok
import vitok.http

Place = Callable[[Any], object]

PLACES: dict[str, Place] = {}
# The time for which a thread releases the GIL.
STEP_SECONDS = 0.0005

inside = threading.Event()


def place(function: Place) -> Place:
    """Add the function to the table."""
    PLACES[function.__name__] = function
    return function


def stay(*_arguments: object, **_keywords: object) -> NoReturn:
    """Tell the main thread that the place is reached, and never leave it."""
    inside.set()
    while True:
        time.sleep(STEP_SECONDS)


def stays_in(method: str) -> Any:
    """Return an object whose special method of this name stays; it can be called, and does nothing."""
    return type("StaysIn", (), {"__call__": lambda *_: None, method: stay})()


def loop_that_stays_in(method: str) -> Any:
    """Return a loop of a subclass whose method of this name stays."""
    return type("Loop", (vitok.Loop,), {method: stay})()


def fail() -> None:
    """Raise in a callback."""
    raise ValueError


# Callbacks, and the loop between them.


@place
def callback(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(stay)


@place
def timer(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_later(0, stay)


@place
def callback_of_another_thread(loop: asyncio.AbstractEventLoop) -> None:
    threading.Thread(target=loop.call_soon_threadsafe, args=(stay,), daemon=True).start()


@place
def loop_that_sleeps(loop: asyncio.AbstractEventLoop) -> None:
    """The thread asks for the GIL when it comes back from the poll."""

    def again() -> None:
        inside.set()
        loop.call_later(STEP_SECONDS, again)

    again()


@place
def loop_that_is_busy(loop: asyncio.AbstractEventLoop) -> None:
    """The thread asks for the GIL in callbacks and between them."""

    def again() -> None:
        inside.set()
        loop.call_soon(again)

    again()


@place
def reader(loop: asyncio.AbstractEventLoop) -> None:
    ours, theirs = socket.socketpair()
    theirs.send(b"x")
    loop.add_reader(ours, stay, ours, theirs)


@place
def exception_handler(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_exception_handler(stay)
    loop.call_soon(fail)


@place
def log_of_an_exception(loop: asyncio.AbstractEventLoop) -> None:
    logging.getLogger("asyncio").addFilter(stay)
    loop.call_soon(fail)


@place
def log_of_a_slow_callback(loop: asyncio.AbstractEventLoop) -> None:
    logging.getLogger("asyncio").addFilter(stay)
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    loop.call_soon(time.sleep, 0.001)


# Objects that native code releases.


@place
def argument_deleted_after_its_call(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(lambda _: None, stays_in("__del__"))


@place
def argument_deleted_by_cancel(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(lambda _: None, stays_in("__del__")).cancel()


@place
def argument_deleted_by_close(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_later(9, lambda _: None, stays_in("__del__"))
    loop.close()


@place
def callback_deleted(loop: asyncio.AbstractEventLoop) -> None:
    loop.call_soon(stays_in("__del__"))


@place
def report_of_a_failed_deletion(loop: asyncio.AbstractEventLoop) -> None:
    sys.unraisablehook = stay
    loop.call_soon(lambda _: None, type("Fails", (), {"__del__": lambda _: fail()})())


@place
def callback_of_a_weak_reference(loop: asyncio.AbstractEventLoop) -> None:
    argument: Any = type("Argument", (), {})()
    argument.reference = weakref.ref(argument, stay)
    loop.call_soon(id, argument)


@place
def collection(loop: asyncio.AbstractEventLoop) -> None:
    """An allocation of native code starts it: within the allocation on 3.11, before the next bytecode from 3.12 on."""
    gc.disable()
    # Without the GIL a collection otherwise waits until there are a quarter more objects, and the process has grown.
    gc.set_threshold(gc.get_threshold()[0], 0)
    gc.callbacks.append(stay)
    loop.call_soon(gc.enable)
    # The timers are new memory: were each made by a callback of its own, it would get the memory of that one's handle.
    timers: list[asyncio.TimerHandle] = []
    count = 2 * gc.get_threshold()[0]
    loop.call_soon(timers.extend, map(loop.call_later, repeat(9, count), repeat(print)))
    loop.call_soon(exec, "")


@place
def loop_deleted(_loop: asyncio.AbstractEventLoop) -> None:
    loop_that_stays_in("__del__")


# Objects that native code asks for something.


@place
def representation_of_a_handle(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_debug(True)
    repr(loop.call_soon(lambda _: None, stays_in("__repr__")))


@place
def comparison_of_handles(loop: asyncio.AbstractEventLoop) -> None:
    first, second = (loop.call_at(1e9, print, stays_in("__eq__")) for _ in range(2))
    assert first != second


@place
def number_of_a_file(loop: asyncio.AbstractEventLoop) -> None:
    loop.add_reader(stays_in("fileno"), print)


@place
def port_of_an_address(loop: asyncio.AbstractEventLoop) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    loop.run_until_complete(loop.sock_sendto(sock, b"", ("127.0.0.1", stays_in("__index__"))))


@place
def attribute_of_a_protocol(loop: asyncio.AbstractEventLoop) -> None:
    ours, _theirs = socket.socketpair()
    loop.run_until_complete(loop.create_connection(lambda: stays_in("__getattr__"), sock=ours))


@place
def executor(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_in_executor(stays_in("submit"), print)


@place
def executor_that_answers(loop: asyncio.AbstractEventLoop) -> None:
    """Two threads ask for the GIL: the loop's and that of the pool."""

    async def main() -> None:
        while True:
            future = loop.create_future()
            threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, 1), daemon=True).start()
            await future
            inside.set()

    loop.run_until_complete(main())


# Methods and attributes of the loop that a program replaces.


@place
def turn(_loop: asyncio.AbstractEventLoop) -> None:
    loop_that_stays_in("_run_once").run_forever()


@place
def start_of_a_run(_loop: asyncio.AbstractEventLoop) -> None:
    loop_that_stays_in("_run_forever_setup").run_forever()


@place
def end_of_a_run(_loop: asyncio.AbstractEventLoop) -> None:
    loop = loop_that_stays_in("_run_forever_cleanup")
    loop.call_soon(loop.stop)
    loop.run_forever()


@place
def clock(_loop: asyncio.AbstractEventLoop) -> None:
    loop_that_stays_in("time").call_later(1, print)


@place
def clock_of_one_loop(loop: Any) -> None:
    loop.time = stay
    loop.call_later(1, print)


# Coroutines.


@place
def task(loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        stay()

    loop.run_until_complete(main())


@place
def task_factory(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_task_factory(stay)
    loop.run_until_complete(asyncio.sleep(0))


@place
def sock_calls(loop: asyncio.AbstractEventLoop) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)

    async def echo() -> None:
        while True:
            await loop.sock_sendall(theirs, await loop.sock_recv(theirs, 100))

    async def main() -> None:
        echoing = loop.create_task(echo())
        while not echoing.done():
            await loop.sock_sendall(ours, b"x")
            await loop.sock_recv(ours, 100)
            inside.set()

    loop.run_until_complete(main())


# Protocols.


class Echo(asyncio.Protocol):
    """Answers what it receives."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def put_protocol(method: str) -> None:
    """Add a method of an accepted connection's protocol to the table."""

    def protocol(loop: asyncio.AbstractEventLoop) -> None:
        async def main() -> None:
            server = await loop.create_server(type("Protocol", (Echo,), {method: stay}), "127.0.0.1", 0)
            with socket.create_connection(server.sockets[0].getsockname()) as client:
                client.send(b"x")
                client.shutdown(socket.SHUT_WR)
                await asyncio.sleep(9)

        loop.run_until_complete(main())

    PLACES[f"protocol_{method.strip('_')}"] = protocol


for one in ("__init__", "connection_made", "data_received", "eof_received", "connection_lost"):
    put_protocol(one)


@place
def protocol_of_a_pipe(loop: asyncio.AbstractEventLoop) -> None:
    end, other = os.pipe()
    os.write(other, b"x")

    async def main() -> None:
        await loop.connect_read_pipe(type("Protocol", (Echo,), {"data_received": stay}), os.fdopen(end, "rb", 0))
        await asyncio.sleep(9)

    loop.run_until_complete(main())


@place
def protocol_of_datagrams(loop: asyncio.AbstractEventLoop) -> None:
    protocol = type("Protocol", (asyncio.DatagramProtocol,), {"datagram_received": stay})

    async def main() -> None:
        transport, _ = await loop.create_datagram_endpoint(protocol, ("127.0.0.1", 0))
        transport.sendto(b"x", transport.get_extra_info("sockname"))
        await asyncio.sleep(9)

    loop.run_until_complete(main())


# Applications of the HTTP server.


def serve(loop: asyncio.AbstractEventLoop, application: Any) -> None:
    """Serve the application and send it requests."""

    async def main() -> None:
        server = vitok.http.Server(application, host="127.0.0.1", port=0, lifespan="off")
        serving = asyncio.create_task(server.serve())
        await server.started.wait()
        with socket.create_connection(("127.0.0.1", int(server.urls[0].rsplit(":", 1)[1]))) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            await serving

    loop.run_until_complete(main())


@place
def application_called(loop: asyncio.AbstractEventLoop) -> None:
    serve(loop, stay)


@place
def application_awaited(loop: asyncio.AbstractEventLoop) -> None:
    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        stay()

    serve(loop, application)


@place
def headers_of_an_application(loop: asyncio.AbstractEventLoop) -> None:
    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": stays_in("__iter__")})

    serve(loop, application)
