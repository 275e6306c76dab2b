"""A server of the websockets library that sends every message back, over WebSocket, until it is told to stop.

It knows nothing of who asks.
"""

from scene import HOST, LARGE_BODY, announce, chosen, told_to_stop
from websockets.asyncio.server import ServerConnection, serve


async def echo(connection: ServerConnection) -> None:
    """Every message, back; a text says that it came as one."""
    async for message in connection:
        await connection.send(message)


async def main() -> None:
    """Serve."""
    async with serve(echo, HOST, 0, max_size=2 * len(LARGE_BODY)) as server:
        announce(next(iter(server.sockets)).getsockname()[1], scheme="ws")
        await told_to_stop()


if __name__ == "__main__":
    chosen().run(main())
