"""A program on trio as a guest of the chosen loop: both run in one thread, and each talks with the other.

It knows nothing of who runs it.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio
from outcome import Outcome, Value
from scene import HOST, LARGE_BODY, chosen, loop_name

CLIENTS = 20
# Longer than anything here takes.
PATIENCE_SECONDS = 20


def begin(program: Callable[[], Awaitable[Any]]) -> asyncio.Future[Outcome[Any]]:
    """Begin a program on trio as a guest of the running loop. Its outcome is the result of the future."""
    loop = asyncio.get_running_loop()
    end: asyncio.Future[Outcome[Any]] = loop.create_future()
    trio.lowlevel.start_guest_run(
        program,
        run_sync_soon_threadsafe=loop.call_soon_threadsafe,
        run_sync_soon_not_threadsafe=loop.call_soon,
        done_callback=end.set_result,
        # vitok's loop holds the descriptor while it runs, asyncio's from the first signal handler on.
        host_uses_signal_set_wakeup_fd=True,
    )
    return end


async def echo(stream: trio.SocketStream) -> None:
    """One connection of trio's server."""
    async for data in stream:
        await stream.send_all(data)


async def connections() -> int:
    """Clients of asyncio's streams, of a server on trio, all in one thread."""
    ports: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    scope = trio.CancelScope()

    async def serve() -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                (listener, *_) = await nursery.start(partial(trio.serve_tcp, echo, 0, host=HOST))
                ports.set_result(listener.socket.getsockname()[1])

    async def visit(port: int) -> bool:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(LARGE_BODY)
        writer.write_eof()
        echoed = await reader.read()
        writer.close()
        await writer.wait_closed()
        return echoed == LARGE_BODY

    server = begin(serve)
    port = await ports
    echoes = await asyncio.gather(*(visit(port) for _ in range(CLIENTS)))
    scope.cancel()
    assert await server == Value(None)
    return sum(echoes)


async def talk() -> list[int]:
    """trio produces by a memory channel and its clock, asyncio consumes and answers."""
    questions: asyncio.Queue[int] = asyncio.Queue()
    send, receive = trio.open_memory_channel[int](1)

    async def ask() -> list[int]:
        answers = []
        for number in range(CLIENTS):
            await trio.sleep(0.001)
            questions.put_nowait(number)
            answers.append(await receive.receive())
        return answers

    async def answer() -> None:
        while True:
            send.send_nowait(await questions.get() + 1)

    asker, answerer = begin(ask), asyncio.create_task(answer())
    answers: list[int] = (await asker).unwrap()
    answerer.cancel()
    return answers


async def of_trio() -> list[str]:
    """Threads, time limits, children and signals of trio."""
    here = threading.current_thread()
    seen = []
    assert await trio.to_thread.run_sync(threading.current_thread) is not here
    assert await trio.to_thread.run_sync(trio.from_thread.run_sync, threading.current_thread) is here
    with trio.move_on_after(0.01) as scope:
        await trio.sleep_forever()
    assert scope.cancelled_caught
    child = await trio.run_process(["sh", "-c", "cat; exit 3"], stdin=b"in", capture_stdout=True, check=False)
    seen.append(f"{child.stdout.decode()} {child.returncode}")
    with trio.open_signal_receiver(signal.SIGUSR1) as signals:
        os.kill(os.getpid(), signal.SIGUSR1)
        seen.append(signal.Signals(await anext(aiter(signals))).name)
    return seen


async def fail() -> None:
    """A group of failures, some of which were cancelled by the others."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(trio.sleep_forever)
        raise ZeroDivisionError


async def main() -> None:
    """The program, and the last word."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await connections() == CLIENTS
        assert await talk() == list(range(1, CLIENTS + 1))
        assert (await begin(of_trio)).unwrap() == ["in 3", "SIGUSR1"]
        failure = (await begin(fail)).error
        assert failure.split(ZeroDivisionError)[1] is None, failure
    print(loop_name())


if __name__ == "__main__":
    chosen().run(main())
