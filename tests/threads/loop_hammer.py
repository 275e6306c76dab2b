"""Calls the methods of a loop, of servers, and of the coroutines of a loop, from many threads.

A program: `loop_hammer.py KIND SECONDS`. It exits with 0 and prints how many calls were made, or ends with a traceback.
"""

import asyncio
import contextlib
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from thread_hammers import CONNECTIONS, LOOP, Echo, note, run_kind, run_threads


async def servers(seconds: float) -> None:
    """Servers that listen, stop, and are asked for their sockets."""

    class Target:
        """A server with the methods that the others have."""

        def __init__(self, server: asyncio.AbstractServer) -> None:
            self.server = server

        def is_closing(self) -> bool:
            return not self.server.is_serving()

        def close(self) -> None:
            self.server.close()

        def is_serving(self) -> bool:
            return self.server.is_serving()

        def get_loop(self) -> Any:
            return self.server.get_loop()

        def sockets(self) -> Any:
            return self.server.sockets  # type: ignore[attr-defined]

        def close_clients(self) -> None:
            getattr(self.server, "close_clients", int)()

        def abort_clients(self) -> None:
            getattr(self.server, "abort_clients", int)()

        def connect(self) -> None:
            """Connect as a client of another program would."""
            for listening in self.server.sockets:  # type: ignore[attr-defined]
                with contextlib.suppress(OSError), socket.create_connection(listening.getsockname(), timeout=5) as sock:
                    sock.sendall(b"x")

    async def make() -> Any:
        return Target(await LOOP.create_server(Echo, "127.0.0.1", 0))

    await run_threads([None] * CONNECTIONS, make, seconds)


async def operations(seconds: float) -> None:
    """Coroutines of sock_recv() and its kin, stepped and closed by several threads at once."""
    pairs = [socket.socketpair() for _ in range(CONNECTIONS)]
    for sock in (sock for pair in pairs for sock in pair):
        sock.setblocking(False)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    buffer = bytearray(100)

    class Target:
        """A coroutine that several threads have."""

        def __init__(self) -> None:
            near, far = random.choice(pairs)
            makers: list[Callable[[], Any]] = [
                lambda: LOOP.sock_recv(near, 10),
                lambda: LOOP.sock_recv_into(near, buffer),
                lambda: LOOP.sock_recvfrom(far, 10),
                lambda: LOOP.sock_sendall(far, b"x" * 1000),
                lambda: LOOP.sock_accept(listener),
                lambda: LOOP.create_connection(Echo, *listener.getsockname()),
                lambda: LOOP.getaddrinfo("127.0.0.1", 80),
            ]
            self.coroutine = random.choice(makers)()
            self.ended = False

        def is_closing(self) -> bool:
            return self.ended

        def step(self) -> None:
            try:
                self.coroutine.send(None)
            except StopIteration as stop:
                self.ended = True
                result = stop.value
                if isinstance(result, tuple) and hasattr(result[0], "close"):
                    result[0].close()
                raise

        def throw(self) -> None:
            self.ended = True
            self.coroutine.throw(ValueError("thrown"))

        def close(self) -> None:
            self.ended = True
            self.coroutine.close()

    async def make() -> Any:
        return Target()

    await run_threads([None] * CONNECTIONS, make, seconds)
    for sock in (sock for pair in pairs for sock in pair):
        sock.close()
    listener.close()


async def loops(seconds: float) -> None:
    """The methods of the loop itself, with descriptors that come and go."""
    pairs = [socket.socketpair() for _ in range(CONNECTIONS)]

    class Target:
        """The methods of the loop that any program calls, with arguments for them."""

        def is_closing(self) -> bool:
            return False

        def call_soon(self) -> None:
            LOOP.call_soon(int).cancel()

        def call_later(self) -> None:
            handle = LOOP.call_later(random.random() / 100, int)
            repr(handle)
            if random.random() < 0.5:
                handle.cancel()

        def call_soon_threadsafe(self) -> None:
            LOOP.call_soon_threadsafe(int)

        def add_reader(self) -> None:
            LOOP.add_reader(random.choice(random.choice(pairs)), int)

        def add_writer(self) -> None:
            LOOP.add_writer(random.choice(random.choice(pairs)).fileno(), int)

        def remove_reader(self) -> None:
            LOOP.remove_reader(random.choice(random.choice(pairs)))

        def remove_writer(self) -> None:
            LOOP.remove_writer(random.choice(random.choice(pairs)).fileno())

        def create_task(self) -> None:
            LOOP.create_task(asyncio.sleep(0)).cancel()

        def create_future(self) -> None:
            LOOP.create_future().cancel()

        def run_in_executor(self) -> None:
            LOOP.run_in_executor(None, int)

        def getaddrinfo(self) -> None:
            LOOP.getaddrinfo("localhost", 80).close()

        def look_at_loop(self) -> None:
            repr(LOOP)
            LOOP.metrics()  # type: ignore[attr-defined]
            LOOP.time(), LOOP.is_running(), LOOP.is_closed(), LOOP.get_debug(), LOOP.get_task_factory()
            asyncio.all_tasks(LOOP)

        def refused(self) -> None:
            for method in (LOOP.close, LOOP.run_forever):
                with contextlib.suppress(RuntimeError):
                    method()
                    note(AssertionError(f"{method} of a running loop was not refused"))

        def signals(self) -> None:
            LOOP.add_signal_handler(10, int)

    async def make() -> Any:
        return Target()

    await run_threads([None] * CONNECTIONS, make, seconds)
    for sock in (sock for pair in pairs for sock in pair):
        LOOP.remove_reader(sock)
        LOOP.remove_writer(sock)
        sock.close()
    await LOOP.shutdown_default_executor()


KINDS: dict[str, Callable[[float], Awaitable[None]]] = {
    "servers": servers,
    "operations": operations,
    "loops": loops,
}

if __name__ == "__main__":
    run_kind(KINDS)
