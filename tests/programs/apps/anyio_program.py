"""A program on anyio: task groups over sockets, TLS, processes, threads and signals, on a loop given by its factory.

Its arguments are a folder to use and a certificate with its key.
"""

import os
import signal
import ssl
import sys
import threading
from pathlib import Path

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.abc import ByteStream, Listener, SocketAttribute
from anyio.streams.tls import TLSListener, TLSStream
from scene import HOST, LARGE_BODY, chosen, loop_name

CONNECTIONS = 20
THREADS = 8
# Time for the tasks to begin; none of them ends by itself.
DEADLINE_SECONDS = 0.05
# A child that copies its input to its output, in pieces.
COPY = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"


async def main(folder: str, certificate: str) -> None:
    """One thing after the other."""
    await echo_over_tcp()
    await echo_over_unix(Path(folder, "socket"))
    await close_while_receiving(Path(folder, "other"))
    await echo_over_tls(certificate)
    await run_process()
    await work_in_threads()
    await hear_signal()
    await end_by_deadline()
    print(loop_name())


async def echo_over_tcp() -> None:
    """Many connections at once."""
    listener = await anyio.create_tcp_listener(local_host=HOST)
    port = listener.extra(SocketAttribute.local_port)

    async def visit() -> None:
        await talk(await anyio.connect_tcp(HOST, port))

    async with anyio.create_task_group() as server:
        server.start_soon(serve, listener)
        async with anyio.create_task_group() as visitors:
            for _ in range(CONNECTIONS):
                visitors.start_soon(visit)
        server.cancel_scope.cancel()


async def echo_over_unix(path: Path) -> None:
    """One connection through the file system, read and written by add_reader and add_writer."""
    async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as tasks:
        visitor = await anyio.connect_unix(path)
        tasks.start_soon(echo, await listener.accept())
        # Both sides end by themselves: cancelled just when something comes, anyio's read fails, on asyncio's loop too.
        await talk(visitor)


async def close_while_receiving(path: Path) -> None:
    """anyio closes the socket first and takes its watcher away afterwards."""
    refused = []

    async def receive(stream: ByteStream) -> None:
        try:
            await stream.receive()
        except anyio.ClosedResourceError as error:
            refused.append(error)

    async with await anyio.create_unix_listener(path), anyio.create_task_group() as tasks:
        visitor = await anyio.connect_unix(path)
        tasks.start_soon(receive, visitor)
        await anyio.wait_all_tasks_blocked()
        await visitor.aclose()
    assert len(refused) == 1


async def echo_over_tls(certificate: str) -> None:
    """anyio's own TLS, which asks the loop for plain bytes only."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    listener = await anyio.create_tcp_listener(local_host=HOST)
    port = listener.extra(SocketAttribute.local_port)
    trusting = ssl.create_default_context(cafile=certificate)
    async with anyio.create_task_group() as server:
        server.start_soon(serve, TLSListener(listener, context))
        plain = await anyio.connect_tcp(HOST, port)
        await talk(await TLSStream.wrap(plain, hostname=HOST, ssl_context=trusting))
        server.cancel_scope.cancel()


async def serve(listener: Listener[ByteStream]) -> None:
    """Serve until cancelled."""
    async with listener:
        await listener.serve(echo)


async def echo(stream: ByteStream) -> None:
    """Send everything back until the peer has gone."""
    async with stream:
        async for chunk in stream:
            await stream.send(chunk)


async def talk(stream: ByteStream) -> None:
    """Write and read at once, since neither side takes in a large body before what it sent was read."""
    received = bytearray()
    async with stream, anyio.create_task_group() as tasks:
        tasks.start_soon(stream.send, LARGE_BODY)
        while len(received) < len(LARGE_BODY):
            received += await stream.receive()
    assert received == LARGE_BODY


async def run_process() -> None:
    """A child that gets a large body and gives it back, and one that is ended."""
    done = await anyio.run_process([sys.executable, "-c", COPY], input=LARGE_BODY)
    assert done.stdout == LARGE_BODY
    async with await anyio.open_process([sys.executable, "-c", COPY]) as process:
        process.terminate()
        assert await process.wait() == -signal.SIGTERM


async def work_in_threads() -> None:
    """Threads that wait for each other, each of which then asks the loop something."""
    meeting = threading.Barrier(THREADS)
    names: list[str] = []

    def work() -> None:
        meeting.wait()
        names.append(anyio.from_thread.run_sync(loop_name))

    async with anyio.create_task_group() as tasks:
        for _ in range(THREADS):
            tasks.start_soon(anyio.to_thread.run_sync, work)
    assert names == [loop_name()] * THREADS


async def hear_signal() -> None:
    """A signal to this very process."""
    with anyio.open_signal_receiver(signal.SIGUSR1) as signals:
        os.kill(os.getpid(), signal.SIGUSR1)
        async for number in signals:
            assert number is signal.SIGUSR1
            break


async def end_by_deadline() -> None:
    """A deadline reaches every task of a group, and nothing outside it."""
    ended: list[int] = []

    async def wait(number: int) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append(number)

    with anyio.move_on_after(DEADLINE_SECONDS) as scope:
        async with anyio.create_task_group() as tasks:
            for number in range(CONNECTIONS):
                tasks.start_soon(wait, number)
    assert scope.cancelled_caught
    assert sorted(ended) == list(range(CONNECTIONS))


if __name__ == "__main__":
    folder, certificate = sys.argv[1:]
    anyio.run(main, folder, certificate, backend_options={"loop_factory": chosen().new_event_loop})
