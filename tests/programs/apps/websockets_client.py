"""A client of websockets_server.py, whose address is its argument: many connections, small and large messages, pings.

It knows nothing of how the server is run.
"""

import asyncio
import sys

from scene import LARGE_BODY, chosen, loop_name
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK

CONNECTIONS = 20
MESSAGES = 50


async def main(address: str) -> None:
    """Talk on many connections at once, then end one of them on both sides."""
    await asyncio.gather(*(talk(address) for _ in range(CONNECTIONS)))
    connection = await connect(address)
    await connection.close()
    try:
        await connection.send("too late")
    except ConnectionClosedOK:
        print(loop_name())


async def talk(address: str) -> None:
    """One connection's life: texts written ahead, a large message, a ping."""
    async with connect(address, max_size=2 * len(LARGE_BODY), compression=None) as connection:
        for number in range(MESSAGES):
            await connection.send(f"message {number}")
        assert [await connection.recv() for _ in range(MESSAGES)] == [f"message {n}" for n in range(MESSAGES)]
        await connection.send(LARGE_BODY)
        assert await connection.recv() == LARGE_BODY
        await (await connection.ping())


if __name__ == "__main__":
    chosen().run(main(sys.argv[1]))
