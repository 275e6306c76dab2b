"""A program on curio in a thread beside the chosen loop; the two talk by curio's queues, events and futures.

It knows nothing of who runs it.
"""

import asyncio
import threading

import curio
from scene import HOST, LARGE_BODY, chosen, loop_name

CLIENTS = 20
WORDS = 50
# Longer than anything here takes.
PATIENCE_SECONDS = 20


class Beside:
    """What the two threads share."""

    def __init__(self) -> None:
        self.questions = curio.UniversalQueue(maxsize=2)
        self.answers = curio.UniversalQueue(maxsize=2)
        self.port = curio.UniversalResult()
        self.over = curio.UniversalEvent()


async def echo(client: curio.io.Socket, address: tuple[str, int]) -> None:
    """One connection of curio's server."""
    async with client:
        while data := await client.recv(len(LARGE_BODY)):
            await client.sendall(data)


async def answer(beside: Beside) -> None:
    """Answer each question, with curio's clock in between."""
    while (question := await beside.questions.get()) is not None:
        await curio.sleep(0.001)
        await beside.answers.put(question.upper())


async def on_curio(beside: Beside) -> int:
    """A server and an answerer, until asyncio is done."""
    listener = curio.tcp_server_socket(HOST, 0)
    await beside.port.set_value(listener.getsockname()[1])
    async with curio.TaskGroup(wait=any) as group:
        await group.spawn(curio.network.run_server, listener, echo)
        await group.spawn(answer, beside)
        await group.spawn(beside.over.wait)
        await beside.over.wait()
        await group.cancel_remaining()
    return threading.get_ident()


async def visit(port: int) -> bool:
    """An echo, by asyncio's streams."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(LARGE_BODY)
    writer.write_eof()
    echoed = await reader.read()
    writer.close()
    await writer.wait_closed()
    return echoed == LARGE_BODY


async def ask(beside: Beside) -> list[str]:
    """Questions to curio, more than its queue holds."""

    async def put() -> None:
        for number in range(WORDS):
            await beside.questions.put(f"word {number}")
        await beside.questions.put(None)

    putting = asyncio.create_task(put())
    answers = [await beside.answers.get() for _ in range(WORDS)]
    await putting
    return answers


async def main() -> None:
    """The program, and the last word."""
    beside = Beside()
    async with asyncio.timeout(PATIENCE_SECONDS):
        thread = asyncio.create_task(asyncio.to_thread(curio.run, on_curio, beside))
        port = await beside.port.unwrap()
        assert all(await asyncio.gather(*(visit(port) for _ in range(CLIENTS))))
        assert await ask(beside) == [f"WORD {number}" for number in range(WORDS)]
        await beside.over.set()
        assert await thread != threading.get_ident()
    print(loop_name())


if __name__ == "__main__":
    chosen().run(main())
