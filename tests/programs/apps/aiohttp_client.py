"""An aiohttp client of aiohttp_server.py, whose address is its argument, as in a program that calls services.

Over TLS, PROGRAM_CERTIFICATE names the certificate that it trusts. It knows nothing of how the server is run.
"""

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator

import aiohttp
from scene import FLOOD_CHUNK_BYTES, FLOOD_CHUNKS, LARGE_BODY, MEETING, chosen, loop_name

# Fewer than requests, so that some wait for a connection.
CONNECTIONS = 10
REQUESTS = 50
# Long enough for a connection on a busy machine, and waited for in full once.
PATIENCE_SECONDS = 0.3


async def main(address: str) -> None:
    """Do one thing after the other."""
    certificate = os.environ.get("PROGRAM_CERTIFICATE")
    trusting = ssl.create_default_context(cafile=certificate) if certificate else True
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trusting)
    async with aiohttp.ClientSession(address, connector=connector) as session:
        await exchange_bodies(session)
        await ask_often(session)
        await read_slowly(session)
        await talk(session)
        await lose_patience(session)
        await call_nobody(session)
    print(loop_name())


async def exchange_bodies(session: aiohttp.ClientSession) -> None:
    """A body as bytes, and one that is produced while it is sent."""
    async with session.post("/echo", data=LARGE_BODY) as answer:
        assert await answer.read() == LARGE_BODY
    async with session.post("/echo", data=halves()) as answer:
        assert await answer.read() == LARGE_BODY


async def halves() -> AsyncIterator[bytes]:
    """The large body, of which the second half is not there at once."""
    middle = len(LARGE_BODY) // 2
    yield LARGE_BODY[:middle]
    await asyncio.sleep(0)
    yield LARGE_BODY[middle:]


async def ask_often(session: aiohttp.ClientSession) -> None:
    """More requests at once than connections, and a few that wait for each other."""

    async def ask(route: str) -> str:
        async with session.get(route) as answer:
            return await answer.text()

    names = await asyncio.gather(*(ask("/loop") for _ in range(REQUESTS)))
    assert set(names) == {loop_name()}
    assert await asyncio.gather(*(ask("/meet") for _ in range(MEETING))) == ["met"] * MEETING


async def read_slowly(session: aiohttp.ClientSession) -> None:
    """A stream in pieces, with other requests meanwhile, and one that is left in its middle."""
    async with session.get("/flood") as answer:
        received = len(await answer.content.readexactly(FLOOD_CHUNK_BYTES))
        async with session.get("/sent") as other:
            assert int(await other.text()) < FLOOD_CHUNKS
        async for chunk in answer.content.iter_any():
            received += len(chunk)
    assert received == FLOOD_CHUNKS * FLOOD_CHUNK_BYTES
    async with session.get("/flood") as answer:
        await answer.content.readexactly(1)


async def talk(session: aiohttp.ClientSession) -> None:
    """A WebSocket, with small messages and a large one."""
    async with session.ws_connect("/websocket", max_msg_size=2 * len(LARGE_BODY)) as socket:
        for message in (b"", b"small", LARGE_BODY):
            await socket.send_bytes(message)
            assert await socket.receive_bytes() == message


async def lose_patience(session: aiohttp.ClientSession) -> None:
    """A stream that does not go on is given up in time."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    try:
        async with session.get("/stream", timeout=timeout) as answer:
            await answer.read()
    except TimeoutError:
        # The server goes on waiting for this, and would not stop before.
        await session.post("/release")
    else:
        raise AssertionError("a stream that waits has ended")


async def call_nobody(session: aiohttp.ClientSession) -> None:
    """Where nobody listens, a connection is refused, and the error says where."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    (error,) = await asyncio.gather(session.get(f"http://127.0.0.1:{port}/"), return_exceptions=True)
    assert isinstance(error, aiohttp.ClientConnectorError)
    assert isinstance(error.os_error, ConnectionRefusedError)
    assert error.port == port


if __name__ == "__main__":
    chosen().run(main(sys.argv[1]))
