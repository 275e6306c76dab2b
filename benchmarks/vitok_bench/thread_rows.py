"""The rows of threads: the same work by one loop, and by two loops in two threads at the same time.

A row's cost is the CPU of the process per operation, of both threads: without the GIL that of two threads is the cost
of one, as far as they share nothing that both change. Its wall-clock time per operation is the throughput, if there is
a core for each. With the GIL threads take turns. Rounds, and which loop it is, are not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from vitok_bench.row import Row

Loop = asyncio.AbstractEventLoop
# Runs so many operations on a loop, in the thread that calls it.
Work = Callable[[Loop, int], None]

# Enough that starting a thread, some 50 µs, is a few hundredths of the smallest sample.
BATCH: Final = 4000
MESSAGES: Final = 400
MESSAGE: Final = b"m" * 64
# The loop of the second thread, by the one that is measured: a long-lived program has it all the time.
_others: dict[Loop, Loop] = {}


def rows() -> tuple[Row, ...]:
    """Every row, in the order of the table."""
    works: tuple[tuple[str, str, Work, int], ...] = (
        ("chain", "a callback that schedules the next one", chain, BATCH),
        ("sleep", "sleep(0)", sleep, BATCH),
        ("echo", "64 bytes there and back between two transports", echo, MESSAGES),
    )
    return tuple(
        Row(
            name=f"{name}_{threads}",
            title=f"{title}, {'one loop' if threads == 1 else 'two loops in two threads'}",
            body=work if threads == 1 else partial(in_two_threads, work),
            batch=batch,
            close=None if threads == 1 else close_other,
        )
        for name, title, work, batch in works
        for threads in (1, 2)
    )


def in_two_threads(work: Work, loop: Loop, operations: int) -> None:
    """Do half of the operations on this loop, and at the same time the others on another one in another thread."""
    other = _others.get(loop)
    if other is None:
        other = _others[loop] = type(loop)()
    failures: list[BaseException] = []
    both = threading.Barrier(2)

    def rest() -> None:
        try:
            both.wait()
            work(other, operations - operations // 2)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=rest)
    thread.start()
    both.wait()
    work(loop, operations // 2)
    thread.join()
    if failures:
        raise failures[0]


def close_other(loop: Loop) -> None:
    """Close the loop of the second thread."""
    with contextlib.suppress(KeyError):
        _others.pop(loop).close()


def chain(loop: Loop, operations: int) -> None:
    """Schedule one callback after the other."""
    left = operations

    def step() -> None:
        nonlocal left
        left -= 1
        if left > 0:
            loop.call_soon(step)
        else:
            loop.stop()

    loop.call_soon(step)
    loop.run_forever()


def sleep(loop: Loop, operations: int) -> None:
    """Give way so often, in one task."""

    async def sleeps() -> None:
        for _ in range(operations):
            await asyncio.sleep(0)

    loop.run_until_complete(sleeps())


def echo(loop: Loop, operations: int) -> None:
    """Exchange messages over a pair of sockets, both ends of which are transports of the loop."""
    loop.run_until_complete(_exchange(loop, operations))


async def _exchange(loop: Loop, operations: int) -> None:
    near, far = socket.socketpair()
    done = loop.create_future()
    transport, _ = await loop.create_connection(lambda: _Asking(operations, done), sock=near)
    answering, _ = await loop.create_connection(_Answering, sock=far)
    transport.write(MESSAGE)
    await done
    transport.close()
    answering.close()
    # Both closing callbacks, and the transports' own.
    for _ in range(3):
        await asyncio.sleep(0)


class _Answering(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 (transports of all loops)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class _Asking(_Answering):
    """Sends a message after each answer. One message is in flight, so it is never split."""

    def __init__(self, operations: int, done: asyncio.Future[None]) -> None:
        self.left = operations
        self.done = done

    def data_received(self, data: bytes) -> None:
        self.left -= 1
        if self.left > 0:
            self.transport.write(data)
        elif not self.done.done():
            self.done.set_result(None)
